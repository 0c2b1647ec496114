import { makeRoom } from '../bounded.ts'
import type { Attempt } from '../conversations.ts'
import type { DetectorFactory } from '../detector.ts'
import { TCP } from '../event.ts'

const PER_MINUTE = 60
const TIMES = 8
const KNOWN = 2
const FAILED = 0.6
const HALF = 0.5
const LIMIT = 50_000

interface Edge {
  client: string
  server: string
  port: number
  minute: number
  now: { n: number; failed: number; bytes: number; ms: number }
  /** Usual connections per minute, bytes and duration of one: EWMA over minutes. */
  rate: number
  bytes: number
  ms: number
  minutes: number
  hits: number
  since: number
}

/**
 * A client hammers a service that it normally uses moderately (DETECTION 2.11): at least 60 connections a minute and eight times
 * the usual, of which 60 % fail or which carry half of what they use to. Growth with usual connections is load, not a storm.
 */
export const retryStorm: DetectorFactory = (host, restored) => {
  const state = (restored as Map<string, Edge> | undefined) ?? new Map<string, Edge>()
  const end = (edge: Edge, now: number) => {
    const { n, failed, bytes, ms } = edge.now
    const meanBytes = n > 0 ? bytes / n : 0
    const meanMs = n > 0 ? ms / n : 0
    const knownEdge = edge.minutes >= 30 && edge.rate >= KNOWN
    const poor = failed / Math.max(1, n) >= FAILED || (meanBytes <= HALF * edge.bytes && meanMs <= HALF * edge.ms)
    const storm = knownEdge && n >= PER_MINUTE && n >= TIMES * edge.rate && poor
    if (storm) {
      const start = edge.minute * 60_000
      if (edge.hits === 0) edge.since = start
      edge.hits++
      host.report({
        detector: 'retry_storm',
        severity: 'warning',
        actor: edge.client,
        target: edge.server,
        entity: `${edge.client}|${edge.server}|${edge.port}`,
        firstMs: edge.since,
        window: [start, start + 60_000],
        statistic: 'connections',
        unit: 'connections/min',
        value: n,
        expected: edge.rate,
        threshold: Math.max(PER_MINUTE, TIMES * edge.rate),
        why: `${edge.client} opens ${n.toLocaleString('en-US')} connections a minute to ${edge.server}:${edge.port}, ${(n / edge.rate).toFixed(0)} times the usual ${edge.rate.toFixed(1)}; ${Math.round((100 * failed) / n)} % fail, ${Math.round(meanBytes).toLocaleString('en-US')} B each instead of ${Math.round(edge.bytes).toLocaleString('en-US')} B.`,
        parts: [{ dimension: 'dst_port', value: String(edge.port), share: 1 }],
        fresh: [],
        filter: `src_addr = ${edge.client} and dst_addr = ${edge.server} and dst_port = ${edge.port}`,
        windows: edge.hits,
      })
    } else {
      edge.hits = 0
      const weight = Math.max(0.02, 1 / (edge.minutes + 1))
      edge.rate += weight * (n - edge.rate)
      if (n > 0) {
        edge.bytes += weight * (meanBytes - edge.bytes)
        edge.ms += weight * (meanMs - edge.ms)
      }
      edge.minutes++
    }
    // Minutes in which nothing came at all count as zero, up to a day.
    const quiet = Math.min(1440, Math.floor(now / 60_000) - edge.minute - 1)
    if (quiet > 0) {
      edge.rate *= 0.98 ** quiet
      edge.minutes += quiet
    }
    edge.now = { n: 0, failed: 0, bytes: 0, ms: 0 }
  }
  return {
    id: 'retry_storm',
    state,
    settled(attempt: Attempt, _now: number) {
      if (attempt.proto !== TCP || attempt.answerOnly || !host.networks.inside(attempt.client) || !host.networks.inside(attempt.server))
        return
      const key = `${attempt.client}|${attempt.server}|${attempt.port}`
      const minute = Math.floor(attempt.startMs / 60_000)
      let edge = state.get(key)
      if (edge === undefined) {
        makeRoom(state, LIMIT)
        edge = {
          client: attempt.client,
          server: attempt.server,
          port: attempt.port,
          minute,
          now: { n: 0, failed: 0, bytes: 0, ms: 0 },
          rate: 0,
          bytes: 0,
          ms: 0,
          minutes: 0,
          hits: 0,
          since: 0,
        }
        state.set(key, edge)
      }
      if (minute > edge.minute) {
        end(edge, minute * 60_000)
        edge.minute = minute
      }
      edge.now.n++
      if (attempt.outcome === 'failed' || attempt.up.packets <= 4)
        edge.now.failed += attempt.outcome === 'failed' || attempt.up.bytes + attempt.down.bytes < 400 ? 1 : 0
      edge.now.bytes += attempt.up.bytes + attempt.down.bytes
      edge.now.ms += Math.max(attempt.up.lastMs, attempt.down.lastMs) - attempt.startMs
    },
    tick(now) {
      const minute = Math.floor((now - 30_000) / 60_000)
      for (const edge of state.values()) {
        if (edge.now.n >= PER_MINUTE && minute > edge.minute) {
          end(edge, now)
          edge.minute = minute
        }
      }
    },
  }
}
