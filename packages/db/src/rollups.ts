/**
 * The catalogue of rollups: what each one is grouped by, at which levels, and for how long it is kept.
 *
 * Both engines have a relation `<name>_<level>` per entry with the columns `bucket timestamptz, <dims>, flows, bytes, packets,
 * scaled_bytes, scaled_packets`, and `peak_bytes` from the hour on. In `timescale` it is a real-time continuous aggregate; in `postgres` a
 * view over stored parts and the rows that are not folded yet. **Rows are partial sums: a bucket may hold the same key more than once**, so
 * every reader sums and groups. Read at any moment they hold exactly the flows that are stored, apart from late flows in `timescale` (see
 * `maintain`) and, in the days of hosts and conversations, keys below a floor (see ROLLUP_FLOORS).
 *
 * Rows with `event_kind` (NAT and firewall events) are no traffic and in no rollup. A witness (the same conversation counted from another
 * exporter) is in `rollup_interface` alone, apart: there the question may be what one exporter saw. A slice of a long flow adds its share
 * of the sums to its own minute and no flow.
 */

/** Column types as SQL writes them. */
type ColumnType = 'bigint' | 'integer' | 'smallint' | 'inet' | 'text' | 'boolean'

export interface Rollup {
  name: string
  dims: readonly string[]
}

export const ROLLUPS = [
  { name: 'rollup_interface', dims: ['exporter_id', 'in_if', 'out_if', 'proto', 'type', 'witness'] },
  { name: 'rollup_src', dims: ['src_addr', 'src_as', 'src_country'] },
  { name: 'rollup_dst', dims: ['dst_addr', 'dst_as', 'dst_country'] },
  { name: 'rollup_conversation', dims: ['src_addr', 'dst_addr', 'proto', 'service_port'] },
  { name: 'rollup_service', dims: ['proto', 'service_port'] },
  { name: 'rollup_as', dims: ['src_as', 'dst_as', 'src_country', 'dst_country'] },
] as const satisfies readonly Rollup[]

export type RollupName = (typeof ROLLUPS)[number]['name']

/** The sums every rollup carries, all bigint; `scaled_` ones are multiplied by the sampling rate flow by flow. They saturate at 2^63-1. */
export const ROLLUP_SUMS = ['flows', 'bytes', 'packets', 'scaled_bytes', 'scaled_packets'] as const

/**
 * In the levels above the minute: `scaled_bytes` of the row's key in its greatest minute. NULL: not known here, look at the minutes. A key
 * that has several rows in a bucket has no peak there either: theirs need not be the same minute.
 */
export const ROLLUP_PEAK = 'peak_bytes'

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
  witness: 'boolean',
}

/** The sums that a relation has. */
export const sumColumns = (level: RollupLevel): string[] => (level === '1m' ? [...ROLLUP_SUMS] : [...ROLLUP_SUMS, ROLLUP_PEAK])

/** Which raw rows `of` are in a rollup. `of` is an alias with its dot, or nothing. */
export const rollsUp = ({ dims }: Rollup, of = ''): string =>
  `${of}event_kind is null${dims.includes('witness') ? '' : ` and ${of}witness is not true`}`

/** Columns of raw rows that `rawValues` reads. */
export const RAW_COLUMNS = ['bytes', 'packets', 'sampling_rate', 'slice', 'share_bytes', 'share_packets'] as const

/** What one raw row `of` adds to each of ROLLUP_SUMS. */
export const rawValues = (of = ''): string[] => [
  `(case when ${of}slice is null then 1 else 0 end)::bigint`,
  rawShare('bytes', false, of),
  rawShare('packets', false, of),
  rawShare('bytes', true, of),
  rawShare('packets', true, of),
]

/** What one raw row adds to a sum of bytes or packets. */
export function rawShare(column: 'bytes' | 'packets', scaled: boolean, of = ''): string {
  const share = `coalesce(${of}share_${column}, ${of}${column})`
  return scaled ? `weir_scaled(${share}, ${of}sampling_rate)` : share
}

/** The sums over raw rows `of`, each bounded to bigint. */
export const rawSums = (of = ''): string[] => [`count(*) filter (where ${of}slice is null)`, ...rawValues(of).slice(1).map(boundedSum)]

/**
 * The rollups that hold most hosts seldom: in their days, keys that come to less than the floor (`scaled_bytes`, setting `rollup_floor`) are
 * left out. `whole` is the rollup that has everything: what a window of it comes to, less the keys that are there, is the exact rest.
 */
export const ROLLUP_FLOORS: Readonly<Partial<Record<string, { floor: Floor; whole: RollupName }>>> = {
  rollup_src: { floor: 'hosts', whole: 'rollup_as' },
  rollup_dst: { floor: 'hosts', whole: 'rollup_as' },
  rollup_conversation: { floor: 'conversations', whole: 'rollup_service' },
}
export const FLOORS = ['hosts', 'conversations'] as const
export type Floor = (typeof FLOORS)[number]
/** Octets a day, after scaling. */
export const DEFAULT_FLOORS: Readonly<Record<Floor, number>> = { hosts: 10_000, conversations: 100_000 }

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
