import type pg from 'pg'
import type { GeoAnswer } from '../contracts/api.ts'
import type { GeoQuestion } from '../contracts/questions.ts'
import { type Availability, chooseRollup, type Plan, planRaw, planRollup } from './chooser.ts'
import { countryName } from './dimensions.ts'
import { filterColumns } from './filter-sql.ts'
import { Parameters } from './parameters.ts'
import { type CheckedWindow, checkCount, checkWindow } from './question.ts'
import { onSnapshot } from './session.ts'
import { internalNetworks } from './settings.ts'
import {
  addSums,
  checkRaw,
  countFlows,
  type Kept,
  NO_SUMS,
  readAvailability,
  type SumRow,
  type Sums,
  sourceSql,
  sumsObject,
  sumsOf,
} from './source.ts'

const ARCS = { least: 0, most: 500, otherwise: 100 } as const

/** Windows with at most this many flows are read from raw records, which know both ends of every flow. */
export const GEO_EXACT_FLOWS = 3_000_000

/** The own and private addresses; addresses without a country. */
export const INTERNAL = 'internal'
export const UNKNOWN_COUNTRY = 'ZZ'

type CountrySums = Map<string, bigint>

interface Geography {
  plan: Plan
  total: Sums
  sent: CountrySums
  received: CountrySums
  /** 'DE US' → sums. */
  arcs: Map<string, Sums>
}

/**
 * What each country sent and received, and the largest pairs.
 *
 * An address in a home network or in a network that is nobody's on the Internet is 'internal', one without a country 'ZZ'; both are counted,
 * neither is a country. Up to three million flows are read from raw records. Above that, countries come from the host rollups, exact as
 * well, and arcs from the AS rollup, which knows no addresses: there an end without a country is 'internal' or 'ZZ', whichever the larger
 * part of such traffic is on that side of the whole window.
 */
export async function geo(pool: pg.Pool, question: GeoQuestion, exactFlows = GEO_EXACT_FLOWS): Promise<GeoAnswer> {
  const limit = checkCount(question.limit, 'limit', ARCS.least, ARCS.most, ARCS.otherwise)
  const window = checkWindow(question)
  return onSnapshot(pool, async (client) => {
    const available = await readAvailability(client, window.from, window.to, Date.now())
    const networks = await internalNetworks(client)
    const geography = await readGeography(client, window, networks, available, exactFlows)
    const { plan, total, sent, received, arcs } = geography
    const codes = new Set([...sent.keys(), ...received.keys()])
    const countries = [...codes].map((country) => ({
      country,
      name: nameOf(country),
      sent: Number(sent.get(country) ?? 0n),
      received: Number(received.get(country) ?? 0n),
    }))
    countries.sort((a, b) => b.sent + b.received - (a.sent + a.received) || (a.country < b.country ? -1 : 1))
    const ranked = [...arcs]
      .map(([pair, sums]) => ({ pair, sums }))
      .sort((a, b) => compareDescending(a.sums[window.metric], b.sums[window.metric]) || (a.pair < b.pair ? -1 : 1))
    return {
      from: new Date(plan.from).toISOString(),
      to: new Date(plan.to).toISOString(),
      metric: window.metric,
      scaled: window.scaled,
      filter: window.filterText,
      rollup: plan.rollup,
      resolutionSeconds: plan.resolutionSeconds,
      countries,
      arcs: ranked.slice(0, limit).map(({ pair, sums }) => {
        const [src = '', dst = ''] = pair.split(' ')
        return { src, dst, ...sumsObject(sums, window.metric) }
      }),
      total: sumsObject(total, window.metric),
      source: await geoSource(client),
    }
  })
}

function compareDescending(a: bigint, b: bigint): number {
  return a === b ? 0 : a > b ? -1 : 1
}

function nameOf(country: string): string {
  if (country === INTERNAL) return 'Internal'
  return country === UNKNOWN_COUNTRY ? 'Unknown' : countryName(country)
}

interface Networks {
  home: string[]
  all: string[]
}

/**
 * The country of one end as SQL. Home networks win over the geo data; networks that are nobody's have no country, so they are looked for
 * only where none is stored, which spares the comparison for most rows.
 */
function countrySql(end: 'src' | 'dst', networks: Networks, parameters: Parameters): string {
  const within = (list: string[]): string => `${end}_addr <<= any(${parameters.add(list, 'inet[]')})`
  const without = `case when ${within(networks.all)} then '${INTERNAL}' else '${UNKNOWN_COUNTRY}' end`
  const publicHome = networks.home.filter((network) => !PRIVATE.has(network))
  const stored = publicHome.length === 0 ? `${end}_country` : `case when ${within(publicHome)} then '${INTERNAL}' else ${end}_country end`
  return `case when ${end}_country is null then ${without} else ${stored} end`
}

/** Home networks as they are set from the start; none of them has a country in any geo data. */
const PRIVATE: ReadonlySet<string> = new Set(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7', 'fe80::/10'])

async function readGeography(
  client: pg.PoolClient,
  window: CheckedWindow,
  networks: Networks,
  available: Kept,
  exactFlows: number,
): Promise<Geography> {
  const filtered = filterColumns(window.filter)
  const rolled = ['rollup_src', 'rollup_dst', 'rollup_as'].every((name) => chooses(name, filtered))
  const few = !rolled || (await countFlows(client, window.from, window.to, available)) <= exactFlows
  const exact = few && (await available.raw()) <= window.from
  if (exact || !rolled) {
    await checkRaw(
      client,
      { filter: window.filter, columns: ['src_addr', 'dst_addr', 'src_country', 'dst_country'] },
      window.from,
      window.to,
      available,
    )
    return readExact(client, window, networks)
  }
  return readRolled(client, window, networks, available)
}

/** Whether the rollup keeps every column of the filter. */
function chooses(rollup: string, columns: ReadonlySet<string>): boolean {
  const needed = new Set([...columns, ...(rollup === 'rollup_as' ? ['src_as'] : [rollup === 'rollup_src' ? 'src_addr' : 'dst_addr'])])
  return chooseRollup(needed) === rollup
}

interface PairRow extends SumRow {
  src: string
  dst: string
}

async function readPairs(
  client: pg.PoolClient,
  window: CheckedWindow,
  plan: Plan,
  src: string,
  dst: string,
  parameters: Parameters,
): Promise<PairRow[]> {
  const source = sourceSql(
    plan,
    window.filter,
    [
      { name: 'src', sql: src },
      { name: 'dst', sql: dst },
    ],
    window.scaled,
    parameters,
  )
  const { rows } = await client.query<PairRow>(
    `select src, dst, sum(flows)::text as flows, sum(bytes)::text as bytes, sum(packets)::text as packets from (${source}) part group by src, dst`,
    parameters.values,
  )
  return rows
}

async function readExact(client: pg.PoolClient, window: CheckedWindow, networks: Networks): Promise<Geography> {
  const plan = planRaw(window.from, window.to)
  const parameters = new Parameters()
  const src = countrySql('src', networks, parameters)
  const dst = countrySql('dst', networks, parameters)
  const rows = await readPairs(client, window, plan, src, dst, parameters)
  const geography: Geography = { plan, total: NO_SUMS, sent: new Map(), received: new Map(), arcs: new Map() }
  for (const row of rows) {
    const sums = sumsOf(row)
    geography.total = addSums(geography.total, sums)
    add(geography.sent, row.src, sums[window.metric])
    add(geography.received, row.dst, sums[window.metric])
    geography.arcs.set(`${row.src} ${row.dst}`, sums)
  }
  return geography
}

function add(sums: CountrySums, country: string, value: bigint): void {
  sums.set(country, (sums.get(country) ?? 0n) + value)
}

async function readRolled(client: pg.PoolClient, window: CheckedWindow, networks: Networks, available: Availability): Promise<Geography> {
  const filtered = filterColumns(window.filter)
  const sent = await readSide(client, window, 'src', networks, available)
  const received = await readSide(client, window, 'dst', networks, available)
  const plan = planRollup('rollup_as', window.from, window.to, available, filtered)
  const parameters = new Parameters()
  const fallback = (side: CountrySums): string =>
    (side.get(UNKNOWN_COUNTRY) ?? 0n) > (side.get(INTERNAL) ?? 0n) ? UNKNOWN_COUNTRY : INTERNAL
  const src = `coalesce(src_country, ${parameters.add(fallback(sent), 'text')})`
  const dst = `coalesce(dst_country, ${parameters.add(fallback(received), 'text')})`
  const rows = await readPairs(client, window, plan, src, dst, parameters)
  const arcs = new Map(rows.map((row) => [`${row.src} ${row.dst}`, sumsOf(row)]))
  const total = [...arcs.values()].reduce(addSums, NO_SUMS)
  const parts = ['rollup_src', 'rollup_dst'].map((name) => planRollup(name, window.from, window.to, available, filtered).rollup)
  return { plan: { ...plan, rollup: [plan.rollup, ...parts].join('+') }, total, sent, received, arcs }
}

async function readSide(
  client: pg.PoolClient,
  window: CheckedWindow,
  end: 'src' | 'dst',
  networks: Networks,
  available: Availability,
): Promise<CountrySums> {
  // What the days leave out is told by country.
  const told = new Set([...filterColumns(window.filter), `${end}_country`])
  const plan = planRollup(`rollup_${end}`, window.from, window.to, available, told)
  const parameters = new Parameters()
  const selected = [
    { name: 'country', sql: `${end}_country` },
    { name: 'addr', sql: `${end}_addr` },
  ]
  const source = sourceSql(plan, window.filter, selected, window.scaled, parameters)
  const country = countrySql(end, networks, parameters).replaceAll(`${end}_country`, 'country').replaceAll(`${end}_addr`, 'addr')
  // Grouped by address first: the comparison with the networks is then made once per address and not once per row.
  const { rows } = await client.query<{ country: string; value: string }>(
    `select ${country} as country, sum(value)::text as value
     from (select country, addr, sum(${window.metric}) as value from (${source}) part group by country, addr) host group by 1`,
    parameters.values,
  )
  const sums = new Map(rows.map((row) => [row.country, BigInt(row.value)]))
  if (plan.whole !== undefined) await addBelowFloor(client, window, end, plan, plan.whole, sums)
  return sums
}

/**
 * What the days leave out of one end's countries: the difference to the rollup that has everything, country by country. Hosts without a
 * country are inside or unknown as most of the others are.
 */
async function addBelowFloor(
  client: pg.PoolClient,
  window: CheckedWindow,
  end: 'src' | 'dst',
  plan: Plan,
  whole: Plan,
  sums: CountrySums,
): Promise<void> {
  const byCountry = async (of: Plan): Promise<Map<string | null, bigint>> => {
    const parameters = new Parameters()
    const source = sourceSql(of, window.filter, [{ name: 'country', sql: `${end}_country` }], window.scaled, parameters)
    const { rows } = await client.query<{ country: string | null; value: string }>(
      `select country, sum(${window.metric})::text as value from (${source}) part group by country`,
      parameters.values,
    )
    return new Map(rows.map((row) => [row.country, BigInt(row.value)]))
  }
  const kept = await byCountry(plan)
  const without = (sums.get(UNKNOWN_COUNTRY) ?? 0n) > (sums.get(INTERNAL) ?? 0n) ? UNKNOWN_COUNTRY : INTERNAL
  for (const [country, all] of await byCountry(whole)) {
    const left = all - (kept.get(country) ?? 0n)
    if (left > 0n) add(sums, country ?? without, left)
  }
}

/** What the collector says of the geo data it uses; empty texts before it has said anything. */
async function geoSource(client: pg.PoolClient): Promise<GeoAnswer['source']> {
  const { rows } = await client.query<{ edition: string | null; attribution: string | null; url: string | null }>(
    `select status #>> '{geo,edition}' as edition, status #>> '{geo,attribution}' as attribution, status #>> '{geo,url}' as url
     from collector_status where status ? 'geo' order by updated_at desc limit 1`,
  )
  return { edition: rows[0]?.edition ?? '', attribution: rows[0]?.attribution ?? '', url: rows[0]?.url ?? '' }
}
