/**
 * The catalogue of rollups: what each one is grouped by, at which levels, and for how long it is kept.
 *
 * Both engines have a relation `<name>_<level>` per entry with the columns `bucket timestamptz, <dims>, flows, bytes, packets,
 * scaled_bytes, scaled_packets`. In `timescale` it is a real-time continuous aggregate; in `postgres` a view over stored parts and the rows
 * that are not folded yet. **Rows are partial sums: a bucket may hold the same key more than once**, so every reader sums and groups.
 * Read at any moment they hold exactly the flows that are stored, apart from late flows in `timescale` (see `maintain`).
 *
 * Rows with `event_kind` (NAT and firewall events) are no traffic and in no rollup.
 */

/** Column types as SQL writes them. */
type ColumnType = 'bigint' | 'integer' | 'smallint' | 'inet' | 'text'

export interface Rollup {
  name: string
  dims: readonly string[]
}

export const ROLLUPS = [
  { name: 'rollup_interface', dims: ['exporter_id', 'in_if', 'out_if', 'proto', 'type'] },
  { name: 'rollup_src', dims: ['src_addr', 'src_as', 'src_country'] },
  { name: 'rollup_dst', dims: ['dst_addr', 'dst_as', 'dst_country'] },
  { name: 'rollup_conversation', dims: ['src_addr', 'dst_addr', 'proto', 'service_port'] },
  { name: 'rollup_service', dims: ['proto', 'service_port'] },
  { name: 'rollup_as', dims: ['src_as', 'dst_as', 'src_country', 'dst_country'] },
] as const satisfies readonly Rollup[]

export type RollupName = (typeof ROLLUPS)[number]['name']

/** The sums every rollup carries, all bigint; `scaled_` ones are multiplied by the sampling rate flow by flow. They saturate at 2^63-1. */
export const ROLLUP_SUMS = ['flows', 'bytes', 'packets', 'scaled_bytes', 'scaled_packets'] as const

export const ROLLUP_LEVELS = ['1m', '1h', '1d'] as const
export type RollupLevel = (typeof ROLLUP_LEVELS)[number]

/** Width of a bucket in seconds. Buckets are aligned to UTC. */
export const LEVEL_SECONDS: Readonly<Record<RollupLevel, number>> = { '1m': 60, '1h': 3600, '1d': 86_400 }

/** Type of each dimension column, the same as in `flow`. */
export const DIMENSION_TYPES: Readonly<Record<string, ColumnType>> = {
  exporter_id: 'integer',
  in_if: 'bigint',
  out_if: 'bigint',
  proto: 'smallint',
  type: 'smallint',
  src_addr: 'inet',
  dst_addr: 'inet',
  src_as: 'bigint',
  dst_as: 'bigint',
  src_country: 'text',
  dst_country: 'text',
  service_port: 'integer',
}

/** Tiers that retention knows: raw flows and the three levels. */
export const TIERS = ['raw', ...ROLLUP_LEVELS] as const
export type Tier = (typeof TIERS)[number]

/** Days each tier is kept unless the setting `retention` says otherwise. A tier ends at the earliest when the one above it still covers the time. */
export const DEFAULT_RETENTION_DAYS: Readonly<Record<Tier, number>> = { raw: 14, '1m': 30, '1h': 400, '1d': 1826 }

/**
 * Width in days of one partition of a tier (`postgres`). Raw and minutes: one day, so that retention drops exactly a day, a month-long import
 * makes 30 tables and not 720, and the insertion points of the two right-growing indexes stay in memory at any rate. Hours and days: about
 * one and twelve months, because a partition costs planning time whether it holds rows or not.
 */
export const PARTITION_DAYS: Readonly<Record<Tier, number>> = { raw: 1, '1m': 1, '1h': 30, '1d': 360 }

/** SQL that bounds a sum to bigint, so that a hostile counter saturates instead of stopping the refresh with "out of range". */
export const boundedSum = (expression: string): string => `least(sum(${expression}), 9223372036854775807)::bigint`
