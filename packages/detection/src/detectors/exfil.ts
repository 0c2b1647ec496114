import { makeRoom } from '../bounded.ts'
import type { DetectorFactory } from '../detector.ts'
import { scale } from '../event.ts'
import { type Fingerprints, fingerprints, Key, recall, remember } from '../fingerprints.ts'
import { lasting, volume } from '../words.ts'

const HOUR_MS = 3_600_000
const LOOK_MS = 300_000
const BYTES = { warning: 20e6, critical: 200e6 }
const UP_TO_DOWN = 4
const TIMES_MEDIAN = 6
const NEW_MS = 24 * HOUR_MS
const LIMIT = 200_000

/** Numbers of a pair: when it was first seen, the epoch hour of its sums, octets sent outside and got back in that hour. */
const FIRST = 0
const HOUR = 1
const UP = 2
const DOWN = 3
const NUMBERS = 4
const PLACES = 1_024

interface Source {
  /** When it was first seen to send outside, and since when the exporter that saw it is heard. */
  first: number
  watched: number
  hour: number
  up: number
  /** Uploads of the last 168 hours that had any, to outside. */
  hours: number[]
}
interface State {
  /** The place of each pair, inside|outside, in `numbers`: a new pair is what there is most of, and an object each took three times as much. */
  pairs: Map<string, number>
  numbers: Float64Array
  /** Places of pairs that were forgotten. */
  free: number[]
  sources: Map<string, Source>
  /** Pairs per outside address: rare for the organisation is at most two. */
  users: Fingerprints
  /** Pairs in which the outside opened the connection: it fetches, which is what an own service is for. */
  fetched: Fingerprints
  lookedMs: number
}

const served = new Key()
const outer = new Key()

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted.length === 0 ? 0 : (sorted[sorted.length >> 1] ?? 0)
}

/**
 * An inside host uploads to a new destination far more than it uses to (DETECTION 2.6): at least 20 MB in an hour, four times
 * what came back, six times its median hour. 200 MB, or two further facts, make it critical.
 */
export const exfil: DetectorFactory = (host, restored) => {
  const state: State = (restored as State | undefined) ?? {
    pairs: new Map(),
    numbers: new Float64Array(PLACES * NUMBERS),
    free: [],
    sources: new Map(),
    users: fingerprints(),
    fetched: fingerprints(),
    lookedMs: 0,
  }
  /** Where the numbers of this pair begin, its sums those of the hour of `at`. */
  const pairOf = (key: string, outside: string, at: number): number => {
    const hour = Math.floor(at / HOUR_MS)
    let place = state.pairs.get(key)
    if (place === undefined) {
      if (state.pairs.size >= LIMIT) forget(LIMIT >> 6)
      place = state.free.pop() ?? state.pairs.size
      if (place * NUMBERS >= state.numbers.length) {
        const grown = new Float64Array(state.numbers.length * 2)
        grown.set(state.numbers)
        state.numbers = grown
      }
      state.numbers.set([at, hour, 0, 0], place * NUMBERS)
      state.pairs.set(key, place)
      const print = outer.begin(state.users).text(outside).end()
      remember(state.users, print, (recall(state.users, print) ?? 0) + 1, at, LIMIT, Number.POSITIVE_INFINITY)
    } else if (hour > (state.numbers[place * NUMBERS + HOUR] ?? 0)) {
      state.numbers[place * NUMBERS + HOUR] = hour
      state.numbers.fill(0, place * NUMBERS + UP, place * NUMBERS + NUMBERS)
    }
    return place * NUMBERS
  }
  const drop = (key: string, place: number) => {
    state.pairs.delete(key)
    state.free.push(place)
  }
  const forget = (oldest: number) => {
    let left = oldest
    for (const [key, place] of state.pairs) {
      drop(key, place)
      if (--left === 0) break
    }
  }
  return {
    id: 'exfil',
    state,
    record(event) {
      const by = scale(event)
      if (host.networks.inside(event.src) && host.networks.outside(event.dst)) {
        const pair = pairOf(`${event.src}|${event.dst}`, event.dst, event.endMs)
        state.numbers[pair + UP] = (state.numbers[pair + UP] ?? 0) + event.bytes * by
        const hour = Math.floor(event.endMs / HOUR_MS)
        const source = state.sources.get(event.src)
        const watched = host.watchedSinceMs(event.exporter)
        if (source === undefined) {
          makeRoom(state.sources, LIMIT)
          state.sources.set(event.src, { first: event.endMs, watched, hour, up: event.bytes * by, hours: [] })
        } else {
          source.watched = Math.min(source.watched, watched)
          if (hour > source.hour) {
            source.hours.push(source.up)
            if (source.hours.length > 168) source.hours.shift()
            source.hour = hour
            source.up = 0
          }
          source.up += event.bytes * by
        }
      } else if (host.networks.outside(event.src) && host.networks.inside(event.dst)) {
        const key = `${event.dst}|${event.src}`
        if (!state.pairs.has(key)) return
        const pair = pairOf(key, event.src, event.endMs)
        state.numbers[pair + DOWN] = (state.numbers[pair + DOWN] ?? 0) + event.bytes * by
      }
    },
    settled(attempt, now) {
      if (attempt.outcome !== 'made' || !host.networks.outside(attempt.client) || !host.networks.inside(attempt.server)) return
      remember(
        state.fetched,
        served.begin(state.fetched).text(`${attempt.server}|${attempt.client}`).end(),
        1,
        now,
        LIMIT,
        Number.POSITIVE_INFINITY,
      )
    },
    tick(now) {
      if (now - state.lookedMs < LOOK_MS) return
      state.lookedMs = now
      const hour = Math.floor(now / HOUR_MS)
      for (const [key, place] of state.pairs) {
        const of = (number: number) => state.numbers[place * NUMBERS + number] ?? 0
        const first = of(FIRST)
        if (of(HOUR) < hour - 1) {
          if (now - first > 30 * NEW_MS) drop(key, place)
          continue
        }
        const up = of(UP)
        const down = of(DOWN)
        if (up < BYTES.warning || up <= UP_TO_DOWN * down || now - first > NEW_MS) continue
        const [inside = '', outside = ''] = key.split('|')
        const source = state.sources.get(inside)
        const hours = source?.hours ?? []
        const usual = median(hours)
        // A host that itself serves outside clients sends more than it gets by trade; its peers come to it.
        if (up <= TIMES_MEDIAN * usual || host.config.roles[inside]?.includes('backup')) continue
        const rare = (recall(state.users, outer.begin(state.users).text(outside).end()) ?? 0) <= 2
        // Nothing is usual yet where nobody looked before, nor for a host that has just come: the first is context, the second a ticket.
        const learning = now - (source?.watched ?? host.sinceMs) < NEW_MS
        const known = now - (source?.first ?? host.sinceMs) >= NEW_MS
        const critical = known && (up >= BYTES.critical || (rare && new Date(now).getUTCHours() < 6))
        const fetched = recall(state.fetched, served.begin(state.fetched).text(key).end()) !== undefined
        host.report({
          detector: 'exfil',
          severity: learning || fetched ? 'info' : critical ? 'critical' : 'warning',
          actor: inside,
          target: outside,
          entity: key,
          firstMs: Math.max(first, of(HOUR) * HOUR_MS),
          window: [of(HOUR) * HOUR_MS, now],
          statistic: 'bytes',
          unit: 'B',
          value: up,
          expected: hours.length === 0 ? null : usual,
          threshold: Math.max(BYTES.warning, TIMES_MEDIAN * usual),
          why: `${inside} sent ${volume(up)} to ${outside} within the hour and got ${down > 0 ? volume(down) : 'nothing'} back. ${
            hours.length === 0
              ? `What is usual for it is not known yet: it has been seen for ${lasting(now - (source?.first ?? first))}.`
              : `Usual for it: ${volume(usual)} an hour to all destinations together${hours.length < 24 ? `, from ${hours.length} ${hours.length === 1 ? 'hour' : 'hours'}` : ''}.`
          } First contact ${lasting(now - first)} before.${fetched ? ' The outside address opened the connections.' : ''}`,
          parts: [],
          fresh: ['destination', ...(rare ? ['used by at most two hosts here'] : [])],
          filter: `src_addr = ${inside} and dst_addr = ${outside}`,
          windows: 1,
        })
      }
    },
  }
}
