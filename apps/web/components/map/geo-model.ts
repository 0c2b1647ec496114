import type { GeoAnswer } from '@weir/db/contracts'
import { lineWidth } from './scale.ts'

/** Seen from the own network: 'in' comes from a country, 'out' goes to it, 'both' touches it. */
export const DIRECTIONS = ['both', 'in', 'out'] as const
export type Direction = (typeof DIRECTIONS)[number]

export const INTERNAL = 'internal'
export const UNKNOWN = 'ZZ'

export interface CountryRow {
  code: string
  name: string
  /** 1-based, by value. */
  rank: number
  /** Sum of the chosen metric in the chosen direction over the window. */
  value: number
  /** value ÷ everything in the answer, 0–1. With 'both', a flow between two countries counts at each of them. */
  share: number
  /** As source and as destination. */
  sent: number
  received: number
}

export interface Ranking {
  /** Countries only, largest first, without those of value 0. */
  rows: CountryRow[]
  /** The own and private addresses; null when there were none. */
  internal: CountryRow | null
  /** Addresses the geo data does not know. */
  unknown: CountryRow | null
  /** code → row, all of the above. */
  byCode: Map<string, CountryRow>
}

/**
 * Ranks the countries of an answer. With 'both', traffic from a country to itself counts once, so a share is the share of
 * traffic that touches the country.
 */
export function rankCountries(answer: Pick<GeoAnswer, 'countries' | 'arcs' | 'total'>, direction: Direction): Ranking {
  const own = new Map(answer.arcs.filter((arc) => arc.src === arc.dst).map((arc) => [arc.src, arc.value]))
  const rows = answer.countries.map((country) => {
    const { sent, received } = country
    const value = direction === 'in' ? sent : direction === 'out' ? received : sent + received - (own.get(country.country) ?? 0)
    return {
      code: country.country,
      name: country.name,
      rank: 0,
      value,
      share: answer.total.value > 0 ? value / answer.total.value : 0,
      sent,
      received,
    }
  })
  rows.sort((a, b) => b.value - a.value || (a.code < b.code ? -1 : 1))
  const places = rows.filter((row) => row.code !== INTERNAL && row.code !== UNKNOWN && row.value > 0)
  for (const [index, row] of places.entries()) row.rank = index + 1
  return {
    rows: places,
    internal: rows.find((row) => row.code === INTERNAL) ?? null,
    unknown: rows.find((row) => row.code === UNKNOWN) ?? null,
    byCode: new Map(rows.map((row) => [row.code, row])),
  }
}

export interface PairRow {
  /** 'DE>US' */
  id: string
  src: string
  dst: string
  rank: number
  value: number
  share: number
}

/**
 * The pairs of an answer in the chosen direction, largest first. 'in' keeps what enters the own network, 'out' what leaves it;
 * where no pair has an own side (a transit network without home networks set), both show everything, because neither word applies.
 */
export function rankPairs(answer: Pick<GeoAnswer, 'arcs' | 'total'>, direction: Direction): PairRow[] {
  const ownSide = answer.arcs.some((arc) => (arc.src === INTERNAL) !== (arc.dst === INTERNAL))
  const wanted = answer.arcs.filter((arc) => {
    if (!(arc.value > 0)) return false
    if (direction === 'both' || !ownSide) return true
    return direction === 'in' ? arc.dst === INTERNAL && arc.src !== INTERNAL : arc.src === INTERNAL && arc.dst !== INTERNAL
  })
  return wanted
    .map((arc) => ({
      id: `${arc.src}>${arc.dst}`,
      src: arc.src,
      dst: arc.dst,
      value: arc.value,
      rank: 0,
      share: answer.total.value > 0 ? arc.value / answer.total.value : 0,
    }))
    .sort((a, b) => b.value - a.value || (a.id < b.id ? -1 : 1))
    .map((pair, index) => ({ ...pair, rank: index + 1 }))
}

export interface DrawnArc extends PairRow {
  from: [number, number]
  to: [number, number]
  /** Pixels. */
  width: number
}

/**
 * The pairs that can be drawn: both ends have a place and the places differ. `home` is where the own network stands, in map
 * units; null leaves its pairs out.
 */
export function drawArcs(
  pairs: readonly PairRow[],
  places: ReadonlyMap<string, [number, number]>,
  home: [number, number] | null,
  most: number,
): DrawnArc[] {
  const at = (code: string) => (code === INTERNAL ? home : places.get(code))
  const arcs: DrawnArc[] = []
  for (const pair of pairs) {
    if (arcs.length >= most) break
    const from = at(pair.src)
    const to = at(pair.dst)
    if (!from || !to || (from[0] === to[0] && from[1] === to[1])) continue
    arcs.push({ ...pair, from, to, width: 0 })
  }
  const max = arcs[0]?.value ?? 0
  for (const arc of arcs) arc.width = lineWidth(arc.value, max, 1, 7)
  return arcs
}

/** How a country is written in the filter language, on one side or on either; a pair on both. */
export function countryFilter(code: string, side: 'src' | 'dst' | 'either'): string {
  const on = (field: 'src_country' | 'dst_country') => `${field} = ${code}`
  return side === 'src' ? on('src_country') : side === 'dst' ? on('dst_country') : `(${on('src_country')} or ${on('dst_country')})`
}
