import type { PoolClient } from '../connection.ts'
import { DEFAULT_FLOORS, FLOORS, type Floor } from '../rollups.ts'

export type Floors = Record<Floor, number>

/** The setting `rollup_floor`: octets a day. A missing or unusable value is the default; 0 keeps every key. */
export async function readFloors(client: PoolClient): Promise<Floors> {
  const { rows } = await client.query<{ value: unknown }>(`select value from setting where key = 'rollup_floor'`)
  const value = rows[0]?.value
  const floors = { ...DEFAULT_FLOORS }
  if (value === null || typeof value !== 'object') return floors
  for (const floor of FLOORS) {
    const wanted: unknown = Reflect.get(value, floor)
    if (typeof wanted === 'number' && wanted >= 0 && wanted <= Number.MAX_SAFE_INTEGER) floors[floor] = Math.floor(wanted)
  }
  return floors
}

/** `timescale`: bring the functions that the aggregates of days read to the setting. Days that are made already keep their floor. */
export async function syncFloors(client: PoolClient, floors: Floors): Promise<void> {
  const { rows } = await client.query<Record<Floor, string>>(
    'select weir_floor_hosts() as hosts, weir_floor_conversations() as conversations',
  )
  for (const floor of FLOORS) {
    if (Number(rows[0]?.[floor]) === floors[floor]) continue
    await client.query(
      `create or replace function weir_floor_${floor}() returns bigint language sql immutable parallel safe as 'select ${floors[floor]}::bigint'`,
    )
  }
}
