import { makeRoom } from '../bounded.ts'
import type { DetectorFactory } from '../detector.ts'
import { scale } from '../event.ts'
import { type Fingerprints, fingerprints, Key, recall, remember } from '../fingerprints.ts'
import { type Few, howMany, include, NONE } from '../sketch.ts'
import { lasting, volume } from '../words.ts'

const HOUR_MS = 3_600_000
const LOOK_MS = 300_000
const BYTES = { warning: 20e6, critical: 200e6 }
const UP_TO_DOWN = 4
const TIMES_MEDIAN = 6
const NEW_MS = 24 * HOUR_MS
const LIMIT = 200_000

interface Pair {
  first: number
  hour: number
  up: number
  down: number
}
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
  pairs: Map<string, Pair>
  sources: Map<string, Source>
  /** Inside hosts per outside address, up to 4: rare for the organisation is at most two. */
  users: Map<string, Few<string>>
  /** Pairs in which the outside opened the connection: it fetches, which is what an own service is for. */
  fetched: Fingerprints
  lookedMs: number
}

const served = new Key()

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted.length === 0 ? 0 : (sorted[sorted.length >> 1] ?? 0)
}

/**
 * An inside host uploads to a new destination far more than it uses to (DETECTION 2.6): at least 20 MB in an hour, four times
 * what came back, six times its median hour. 200 MB, or two further facts, make it critical.
 */
export const exfil: DetectorFactory = (host, restored) => {
  const state = (restored as State | undefined) ?? {
    pairs: new Map(),
    sources: new Map(),
    users: new Map(),
    fetched: fingerprints(),
    lookedMs: 0,
  }
  const pairOf = (inside: string, outside: string, at: number): Pair => {
    const key = `${inside}|${outside}`
    const hour = Math.floor(at / HOUR_MS)
    let pair = state.pairs.get(key)
    if (pair === undefined) {
      makeRoom(state.pairs, LIMIT)
      pair = { first: at, hour, up: 0, down: 0 }
      state.pairs.set(key, pair)
      const users = state.users.get(outside)
      if (users === undefined) makeRoom(state.users, LIMIT)
      if (users === undefined || howMany(users) < 4) state.users.set(outside, include(users ?? NONE, inside))
    } else if (hour > pair.hour) {
      pair.hour = hour
      pair.up = 0
      pair.down = 0
    }
    return pair
  }
  return {
    id: 'exfil',
    state,
    record(event) {
      const by = scale(event)
      if (host.networks.inside(event.src) && host.networks.outside(event.dst)) {
        pairOf(event.src, event.dst, event.endMs).up += event.bytes * by
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
        const pair = state.pairs.get(`${event.dst}|${event.src}`)
        if (pair !== undefined) pairOf(event.dst, event.src, event.endMs).down += event.bytes * by
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
      for (const [key, pair] of state.pairs) {
        if (pair.hour < hour - 1) {
          if (now - pair.first > 30 * NEW_MS) state.pairs.delete(key)
          continue
        }
        if (pair.up < BYTES.warning || pair.up <= UP_TO_DOWN * pair.down || now - pair.first > NEW_MS) continue
        const [inside = '', outside = ''] = key.split('|')
        const source = state.sources.get(inside)
        const hours = source?.hours ?? []
        const usual = median(hours)
        // A host that itself serves outside clients sends more than it gets by trade; its peers come to it.
        if (pair.up <= TIMES_MEDIAN * usual || host.config.roles[inside]?.includes('backup')) continue
        const rare = howMany(state.users.get(outside) ?? NONE) <= 2
        // Nothing is usual yet where nobody looked before, nor for a host that has just come: the first is context, the second a ticket.
        const learning = now - (source?.watched ?? host.sinceMs) < NEW_MS
        const known = now - (source?.first ?? host.sinceMs) >= NEW_MS
        const critical = known && (pair.up >= BYTES.critical || (rare && new Date(now).getUTCHours() < 6))
        const fetched = recall(state.fetched, served.begin(state.fetched).text(key).end()) !== undefined
        host.report({
          detector: 'exfil',
          severity: learning || fetched ? 'info' : critical ? 'critical' : 'warning',
          actor: inside,
          target: outside,
          entity: key,
          firstMs: Math.max(pair.first, pair.hour * HOUR_MS),
          window: [pair.hour * HOUR_MS, now],
          statistic: 'bytes',
          unit: 'B',
          value: pair.up,
          expected: hours.length === 0 ? null : usual,
          threshold: Math.max(BYTES.warning, TIMES_MEDIAN * usual),
          why: `${inside} sent ${volume(pair.up)} to ${outside} within the hour and got ${pair.down > 0 ? volume(pair.down) : 'nothing'} back. ${
            hours.length === 0
              ? `What is usual for it is not known yet: it has been seen for ${lasting(now - (source?.first ?? pair.first))}.`
              : `Usual for it: ${volume(usual)} an hour to all destinations together${hours.length < 24 ? `, from ${hours.length} ${hours.length === 1 ? 'hour' : 'hours'}` : ''}.`
          } First contact ${lasting(now - pair.first)} before.${fetched ? ' The outside address opened the connections.' : ''}`,
          parts: [],
          fresh: ['destination', ...(rare ? ['used by at most two hosts here'] : [])],
          filter: `src_addr = ${inside} and dst_addr = ${outside}`,
          windows: 1,
        })
      }
    },
  }
}
