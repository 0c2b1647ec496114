import type pg from 'pg'
import { INTERNAL_NETWORKS } from '../contracts/ip.ts'
import { asQueryError } from './session.ts'

/** One rule that names a service; the lowest position that fits names it. Null fits anything. */
export interface ServiceRuleRow {
  id: number
  name: string
  /** Server addresses, canonical network text. */
  prefix: string | null
  proto: number | null
  portLow: number | null
  portHigh: number | null
  /** 'ui', 'file', 'builtin' or a file's name. */
  source: string
  position: number
}

type Reader = Pick<pg.Pool, 'query'> | pg.PoolClient

/** All service rules in the order they are tried. */
export async function serviceRules(reader: Reader): Promise<ServiceRuleRow[]> {
  try {
    const { rows } = await reader.query<ServiceRuleRow>(
      `select id, name, prefix::text as prefix, proto, port_low as "portLow", port_high as "portHigh", source, position
       from service_rule order by position, id`,
    )
    return rows
  } catch (error) {
    throw asQueryError(error)
  }
}

/** The networks that count as inside, as canonical text, in address order. */
export async function homeNetworks(reader: Reader): Promise<string[]> {
  try {
    const { rows } = await reader.query<{ prefix: string }>('select prefix::text as prefix from home_network order by prefix')
    return rows.map((row) => row.prefix)
  } catch (error) {
    throw asQueryError(error)
  }
}

/** Home networks and the networks that are nobody's on the Internet: what counts as internal on the map and inside in the graph. */
export async function internalNetworks(reader: Reader): Promise<{ home: string[]; all: string[] }> {
  const home = await homeNetworks(reader)
  return { home, all: [...new Set([...home, ...INTERNAL_NETWORKS])] }
}

/** The value of one setting; null when it was never set. */
export async function setting(reader: Reader, key: string): Promise<unknown> {
  try {
    const { rows } = await reader.query<{ value: unknown }>('select value from setting where key = $1', [key])
    return rows[0]?.value ?? null
  } catch (error) {
    throw asQueryError(error)
  }
}
