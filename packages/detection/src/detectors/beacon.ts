import { makeRoom } from '../bounded.ts'
import type { Attempt } from '../conversations.ts'
import type { DetectorFactory } from '../detector.ts'
import { TCP, UDP } from '../event.ts'
import { type Fingerprints, fingerprints, Key, recall, remember } from '../fingerprints.ts'
import { type Few, howMany, include, NONE } from '../sketch.ts'
import { lasting, volume } from '../words.ts'

const RING = 64
const LIMIT = 300_000
const JOB_MS = 600_000
const MINIMUM = { connections: 20, spanMs: 1_800_000 }
const FAST = { connections: 200, sizes: 0.85 }
const FIRES = 0.7
const CRITICAL = 0.85
const DAY_MS = 86_400_000
/** Protocols whose nature is to call home: by role, shown, never by silence about other ports. */
const PERIODIC = new Set([`${UDP}/123`, `${UDP}/53`, `${UDP}/5353`, `${UDP}/67`, `${UDP}/137`, `${UDP}/3478`, `${TCP}/53`, `${TCP}/853`])

interface Pair {
  client: string
  server: string
  port: number
  proto: number
  first: number
  last: number
  total: number
  starts: number[]
  sizes: number[]
  hours: Few<number>
  reported: number
  /** Since when this side of the network is watched. */
  watched: number
}
interface State {
  /** Connections seen before the ring: the fourth admits. */
  candidates: Fingerprints
  pairs: Map<string, Pair>
  /** Inside hosts per (destination, port), up to 8. */
  users: Map<string, Few<string>>
  insiders: Set<string>
  ranMs: number
}

const candidate = new Key()

const ascending = (a: number, b: number) => a - b

function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q
  const low = sorted[Math.floor(at)] ?? 0
  const high = sorted[Math.ceil(at)] ?? low
  return low + (high - low) * (at - Math.floor(at))
}

/** Regularity of a sample in 0–1 as RITA v5 scores it: Bowley skewness and the median absolute deviation. */
export function regularity(values: readonly number[]): number {
  const sorted = [...values].sort(ascending)
  const [q1, q2, q3] = [quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)]
  const skew = q3 - q1 < 1e-9 || q2 === q1 || q2 === q3 ? 0 : (q1 + q3 - 2 * q2) / (q3 - q1)
  const mad = quantile(sorted.map((v) => Math.abs(v - q2)).sort(ascending), 0.5)
  return (1 - Math.abs(skew) + (q2 > 0 ? Math.max(0, (q2 - mad) / q2) : 0)) / 2
}

/** Share of connections that have another one a period later, within 10 %: survives the jitter that the deviation does not. */
export function periodicity(starts: readonly number[]): number {
  const deltas = starts
    .slice(1)
    .map((t, i) => t - (starts[i] ?? 0))
    .sort(ascending)
  const period = quantile(deltas, 0.5)
  if (period < 1000) return 0
  let hits = 0
  let j = 0
  for (let i = 0; i < starts.length - 1; i++) {
    const due = (starts[i] ?? 0) + period
    while (j < starts.length && (starts[j] ?? 0) < due - period * 0.1) j++
    if ((starts[j] ?? Number.POSITIVE_INFINITY) <= due + period * 0.1) hits++
  }
  return hits / Math.max(1, starts.length - 1)
}

/**
 * Calls home at regular times with regular sizes (DETECTION 2.7), per (inside, outside, port): timing, sizes, duration and
 * novelty, times rarity of this (destination, port) among our hosts. Needs three inside hosts and 24 h before it may exceed info.
 */
export const beacon: DetectorFactory = (host, restored) => {
  const state = (restored as State | undefined) ?? {
    candidates: fingerprints(),
    pairs: new Map(),
    users: new Map(),
    insiders: new Set(),
    ranMs: 0,
  }
  const judge = (pair: Pair, now: number) => {
    const span = pair.last - pair.first
    const deltas = pair.starts.slice(1).map((t, i) => t - (pair.starts[i] ?? 0))
    const sizes = regularity(pair.sizes)
    const timing = Math.max(regularity(deltas), periodicity(pair.starts))
    const hours = Math.max(1, Math.ceil(span / 3_600_000))
    const hoursSeen = howMany(pair.hours)
    const persistence = Math.min(
      1,
      Math.max(hoursSeen / Math.max(24, hours), hoursSeen / Math.max(2, hours) >= 0.9 ? Math.min(1, span / 7_200_000) : 0, hoursSeen / 12),
    )
    // Without a day of history everything looks new: it counts as new, and stays context.
    const { watched } = pair
    const learnedMs = now - watched
    const novelty = learnedMs < DAY_MS || pair.first - watched > DAY_MS ? 1 : 0.3
    const known = state.users.get(`${pair.server}|${pair.proto}/${pair.port}`)
    const users = known === undefined ? 1 : howMany(known)
    const rarity = users <= 2 ? 1 : users <= Math.max(2, state.insiders.size * 0.05) ? 0.7 : 0.3
    const score = (0.3 * timing + 0.3 * sizes + 0.2 * persistence + 0.2 * novelty) * rarity
    const enough = pair.total >= MINIMUM.connections && span >= MINIMUM.spanMs && score >= FIRES
    const burst = pair.total >= FAST.connections && span < MINIMUM.spanMs && sizes >= FAST.sizes && rarity === 1
    if (!enough && !burst) return
    const learned = state.insiders.size >= 3 && learnedMs >= DAY_MS
    // What was there from the first day on is the site's habit until someone says otherwise: context, not an alarm.
    const novel = pair.first - watched > DAY_MS
    const every = quantile([...deltas].sort(ascending), 0.5)
    const typical = quantile([...pair.sizes].sort(ascending), 0.5)
    pair.reported = now
    host.report({
      detector: 'beacon',
      severity: !learned || !novel ? 'info' : score >= CRITICAL && timing >= 0.9 && sizes >= 0.95 ? 'critical' : 'warning',
      actor: pair.client,
      target: pair.server,
      entity: `${pair.client}|${pair.server}|${pair.port}`,
      firstMs: pair.first,
      window: [pair.first, pair.last],
      statistic: 'score',
      unit: 'score',
      value: Number(score.toFixed(3)),
      expected: null,
      threshold: FIRES,
      why: `${pair.client} opens ${pair.proto === TCP ? 'tcp' : 'udp'}/${pair.port} to ${pair.server} every ${lasting(every)}: ${pair.total.toLocaleString('en-US')} connections in ${lasting(span)}, about ${volume(typical)} each; ${users <= 1 ? 'only this host uses' : `${users >= 8 ? '8 or more' : users} hosts use`} it.`,
      parts: [{ dimension: 'dst_addr', value: pair.server, share: 1 }],
      fresh: novel ? ['destination'] : [],
      filter: `src_addr = ${pair.client} and dst_addr = ${pair.server} and dst_port = ${pair.port}`,
      windows: 1,
    })
  }
  const begin = (attempt: Attempt, now: number) => {
    const { client, server, port, proto } = attempt
    if ((proto !== TCP && proto !== UDP) || PERIODIC.has(`${proto}/${port}`) || host.config.roles[client]?.includes('monitor')) return
    if (!host.networks.inside(client) || !host.networks.outside(server)) return
    if (state.insiders.size < 10_000) state.insiders.add(client)
    const service = `${server}|${proto}/${port}`
    const users = state.users.get(service)
    if (users === undefined) makeRoom(state.users, LIMIT)
    if (users === undefined || howMany(users) < 8) state.users.set(service, include(users ?? NONE, client))
    const key = `${client}|${service}`
    const pair = state.pairs.get(key)
    if (pair === undefined) {
      const print = candidate.begin(state.candidates).text(key).end()
      const seen = (recall(state.candidates, print) ?? 0) + 1
      remember(state.candidates, print, seen < 4 ? seen : 0, now, LIMIT, Number.POSITIVE_INFINITY)
      if (seen < 4) return
      makeRoom(state.pairs, LIMIT)
      state.pairs.set(key, {
        client,
        server,
        port,
        proto,
        first: attempt.startMs,
        last: attempt.startMs,
        total: seen,
        starts: [attempt.startMs],
        sizes: [attempt.up.bytes],
        hours: [Math.floor(attempt.startMs / 3_600_000)],
        reported: 0,
        watched: host.watchedSinceMs(attempt.conversation.exporter),
      })
      return
    }
    pair.total++
    pair.last = Math.max(pair.last, attempt.startMs)
    pair.starts.push(attempt.startMs)
    pair.sizes.push(attempt.up.bytes)
    if (pair.starts.length > RING) pair.starts.shift()
    if (pair.sizes.length > RING) pair.sizes.shift()
    pair.hours = include(pair.hours, Math.floor(attempt.startMs / 3_600_000))
  }
  return {
    id: 'beacon',
    state,
    settled(attempt, now) {
      if (!attempt.answerOnly) begin(attempt, now)
    },
    tick(now) {
      if (now - state.ranMs < JOB_MS) return
      state.ranMs = now
      for (const [key, pair] of state.pairs) {
        if (now - pair.last > 2 * DAY_MS) state.pairs.delete(key)
        else if (pair.total >= MINIMUM.connections && now - pair.last < JOB_MS * 2) {
          pair.starts.sort(ascending)
          judge(pair, now)
        }
      }
    },
  }
}
