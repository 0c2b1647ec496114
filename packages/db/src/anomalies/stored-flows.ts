import type { Pool } from '../connection.ts'

/** One stored flow as detection reads it; unknown numbers are -1, unknown texts ''. Times are epoch ms on the house clock. */
export interface StoredFlow {
  startMs: number
  endMs: number
  src: string
  dst: string
  srcPort: number
  dstPort: number
  proto: number
  bytes: number
  packets: number
  tcpFlags: number
  icmpType: number
  etype: number
  samplingRate: number
  /** Address of the exporter; '' when it is not known any more. */
  exporter: string
  inIf: number
  outIf: number
  srcCountry: string
  dstCountry: string
  srcAs: number
  dstAs: number
  /** Its conversation was counted from another exporter. */
  witness: boolean
}

const PAGE = 10_000
const SELECT = `select (extract(epoch from f.time) * 1000)::float8 as t, f.duration_ms, f.bytes::float8, f.packets::float8,
    host(f.src_addr) as s, host(f.dst_addr) as d, coalesce(f.src_port, -1), coalesce(f.dst_port, -1), coalesce(f.proto, -1),
    coalesce(f.tcp_flags, -1), coalesce(f.icmp_type, -1), coalesce(f.etype, -1), coalesce(f.sampling_rate, 0), f.exporter_id,
    coalesce(f.in_if, -1)::float8, coalesce(f.out_if, -1)::float8, coalesce(f.src_country, ''), coalesce(f.dst_country, ''),
    coalesce(f.src_as, -1)::float8, coalesce(f.dst_as, -1)::float8, coalesce(f.witness, false)
  from flow f where f.time >= $1 and f.time < $2 and f.event_kind is null and f.slice is not true`

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const number = (value: unknown): number => (typeof value === 'number' ? value : -1)

/**
 * The stored flows of [from, to) in the order of their ends, a page at a time: a cursor on the server, so that neither side holds more than
 * a page. Flows without addresses (ARP and other layer 2) are there too, with ''. One read-only snapshot for the whole.
 */
export async function* readStoredFlows(pool: Pool, from: Date, to: Date): AsyncGenerator<StoredFlow[]> {
  const client = await pool.connect()
  let sound = false
  try {
    await client.query(`begin transaction isolation level repeatable read read only; set local statement_timeout = 0; set local jit = off`)
    const { rows: exporters } = await client.query<{ id: number; address: string }>('select id, host(address) as address from exporter')
    const names = new Map(exporters.map((e) => [e.id, e.address]))
    await client.query(`declare flows no scroll cursor for ${SELECT} order by f.time, f.time_flow_start_ns, f.batch`, [from, to])
    const fetch = () => client.query<unknown[]>({ text: `fetch ${PAGE} from flows`, rowMode: 'array' })
    // The next page is under way while this one is judged.
    let next = fetch()
    for (;;) {
      const { rows } = await next
      if (rows.length === 0) break
      if (rows.length === PAGE) {
        next = fetch()
        // Whoever stops reading does not wait for it; a failure is met at the next turn.
        next.catch(() => undefined)
      }
      yield rows.map((r): StoredFlow => {
        const endMs = Math.floor(number(r[0]))
        return {
          startMs: endMs - number(r[1]),
          endMs,
          bytes: number(r[2]),
          packets: number(r[3]),
          src: text(r[4]),
          dst: text(r[5]),
          srcPort: number(r[6]),
          dstPort: number(r[7]),
          proto: number(r[8]),
          tcpFlags: number(r[9]),
          icmpType: number(r[10]),
          etype: number(r[11]),
          samplingRate: number(r[12]),
          exporter: names.get(number(r[13])) ?? '',
          inIf: number(r[14]),
          outIf: number(r[15]),
          srcCountry: text(r[16]),
          dstCountry: text(r[17]),
          srcAs: number(r[18]),
          dstAs: number(r[19]),
          witness: r[20] === true,
        }
      })
      if (rows.length < PAGE) break
    }
    await client.query('commit')
    sound = true
  } finally {
    // A reader that stopped early left a transaction open: that connection is not for anyone else.
    client.release(!sound)
  }
}
