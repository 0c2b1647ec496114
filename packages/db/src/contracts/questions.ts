/** An instant: a Date, epoch milliseconds (number or decimal text), or RFC 3339 text. */
export type Instant = Date | number | string

/** 'network': addresses are grouped to /24 and /48 and finer address filters are refused (for roles that may not see single hosts). */
export type Precision = 'host' | 'network'

/**
 * What every question about traffic carries. The window is [from, to): `to` itself is outside.
 * Names are checked by the query, not by the type: an unknown one is a `QueryError` that lists the valid ones.
 */
export interface WindowQuestion {
  from: Instant
  to: Instant
  /** Filter language; absent or blank selects everything. */
  filter?: string | undefined
  /** 'bytes' (default), 'packets' or 'flows'. */
  metric?: string | undefined
  /** Multiply bytes and packets by the sampling rate; default true. */
  scaled?: boolean | undefined
  /** Default 'host'. */
  precision?: Precision | undefined
}

export interface TopQuestion extends WindowQuestion {
  dimension: string
  /** 1–1,000, default 10. */
  limit?: number | undefined
  /** Tell each row's greatest minute; default false: it costs a second look. */
  peak?: boolean | undefined
}

export interface TimeseriesQuestion extends WindowQuestion {
  /** Absent: one series, the total. */
  dimension?: string | null | undefined
  /** At most this many buckets, 1–300; default 300 with buckets of a minute or more. */
  points?: number | undefined
  /** How many series besides 'other', 1–20; default 8. */
  limit?: number | undefined
}

export interface FlowsQuestion {
  from: Instant
  to: Instant
  filter?: string | undefined
  /** `nextCursor` of the page before. */
  cursor?: string | null | undefined
  /** 1–1,000, default 100. */
  limit?: number | undefined
  precision?: Precision | undefined
}

export interface GeoQuestion extends WindowQuestion {
  /** How many arcs, 0–500; default 100. */
  limit?: number | undefined
}

export interface GraphQuestion extends WindowQuestion {
  /** At most this many nodes, 2–300; default 60. */
  nodes?: number | undefined
}
