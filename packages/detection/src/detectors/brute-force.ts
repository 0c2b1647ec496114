import { makeRoom } from '../bounded.ts'
import type { DetectorFactory } from '../detector.ts'
import { TCP } from '../event.ts'

/** Services that ask for a password. */
const AUTH_PORTS = new Set([21, 22, 23, 25, 110, 143, 389, 445, 465, 587, 993, 995, 1433, 3306, 3389, 5432, 5900, 5985, 5986])
const WEB_PORTS = new Set([80, 443, 8080, 8443])
const CONNECTIONS = 20
const WINDOW_MS = 300_000
const PACKETS = { least: 5, most: 60 }
const VARIATION = 0.5
const LIMIT = 100_000

interface Guess {
  client: string
  server: string
  port: number
  first: number
  at: number[]
  bytes: number[]
  total: number
  fired: boolean
}

/**
 * Password guessing (DETECTION 2.16): 20 made connections of one kind and size to one service in 5 minutes. One later connection
 * five times as large may be the guess that was right: critical.
 */
export const bruteForce: DetectorFactory = (host, restored) => {
  const state = (restored as Map<string, Guess> | undefined) ?? new Map<string, Guess>()
  return {
    id: 'brute_force',
    state,
    closed(attempt, now) {
      const { client, server, port } = attempt
      if (attempt.proto !== TCP || attempt.outcome !== 'made' || attempt.answerOnly || !host.networks.inside(server)) return
      const outside = host.networks.outside(client)
      if (!(AUTH_PORTS.has(port) || (outside && !WEB_PORTS.has(port) && port < 1024))) return
      const packets = attempt.up.packets + attempt.down.packets
      const bytes = attempt.up.bytes + attempt.down.bytes
      const key = `${client}|${server}|${port}`
      let guess = state.get(key)
      if (guess === undefined) {
        makeRoom(state, LIMIT)
        guess = { client, server, port, first: attempt.startMs, at: [], bytes: [], total: 0, fired: false }
        state.set(key, guess)
      }
      const mean = guess.bytes.reduce((a, b) => a + b, 0) / Math.max(1, guess.bytes.length)
      const success = guess.fired && guess.bytes.length >= CONNECTIONS && bytes >= 5 * mean && packets > PACKETS.most
      if (packets >= PACKETS.least && packets <= PACKETS.most) {
        guess.total++
        guess.at.push(attempt.startMs)
        guess.bytes.push(bytes)
        while (guess.at.length > 0 && attempt.startMs - (guess.at[0] ?? 0) > WINDOW_MS) {
          guess.at.shift()
          guess.bytes.shift()
        }
      } else if (!success) return
      // Of one kind: within half and double of the middle one. Refusals in between do not hide the guesses.
      const middle = [...guess.bytes].sort((a, b) => a - b)[guess.bytes.length >> 1] ?? 0
      const alike = guess.bytes.filter((b) => b >= middle * (1 - VARIATION) && b <= middle * (1 + 2 * VARIATION)).length
      if (!success && alike < CONNECTIONS) return
      guess.fired = true
      host.report({
        detector: 'brute_force',
        severity: success ? 'critical' : 'warning',
        actor: client,
        target: server,
        // An outside guesser tries house after house: one anomaly. An inside one is named with each target.
        entity: outside ? `${client}|${port}` : key,
        firstMs: guess.first,
        window: [guess.at[0] ?? attempt.startMs, now],
        statistic: 'connections',
        unit: 'connections',
        value: guess.at.length,
        expected: null,
        threshold: CONNECTIONS,
        why: success
          ? `After ${guess.total.toLocaleString('en-US')} short connections to tcp/${port} of ${server}, ${client} held one of ${Math.round(bytes).toLocaleString('en-US')} B: a guess may have been right.`
          : `${client} made ${guess.at.length} connections of about ${Math.round(mean).toLocaleString('en-US')} B to tcp/${port} of ${server} in 5 min (${guess.total.toLocaleString('en-US')} in all): password guessing.`,
        parts: [{ dimension: 'dst_port', value: String(port), share: 1 }],
        fresh: [],
        filter: `src_addr = ${client} and dst_addr = ${server} and dst_port = ${port}`,
        windows: 1,
      })
    },
    tick(now) {
      for (const [key, guess] of state) if (now - (guess.at.at(-1) ?? guess.first) > 86_400_000) state.delete(key)
    },
  }
}
