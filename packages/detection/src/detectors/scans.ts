import { makeRoom } from '../bounded.ts'
import { type Attempt, isEcho } from '../conversations.ts'
import type { DetectorFactory } from '../detector.ts'
import { TCP, UDP } from '../event.ts'
import { neighbourhood } from '../networks.ts'
import { add, type Distinct, type Few, holds, howMany, include, NONE, size } from '../sketch.ts'
import { lasting } from '../words.ts'

/** Sequential hypothesis test of Jung et al. 2004 with θ0 = 0.8, θ1 = 0.2: each first contact multiplies the ratio by this. */
const MADE = Math.log(0.2 / 0.8)
const FAILED = Math.log(0.8 / 0.2)
const LIMIT = Math.log(99)

const FAST = { ports: 20, udpPorts: 40, madeShare: 0.4 }
/** Different system ports (below 1024) of one host that no client needs within ten minutes, answered or not. */
const SYSTEM = { below: 1024, ports: 15 }
/** A source that never made a connection needs fewer ports to be named: four failures in a row already decide the test. */
const SLOW_PORTS = { silent: 15, otherwise: 60 }
/** `foreign`: an inside host that pings this many of a network that is not ours: nobody monitors those. */
const SWEEP = { outside: 25, inside: 10, foreign: 15, madeShare: 0.4 }
const FORGET_MS = 600_000
const DAY_MS = 86_400_000
/** Pairs and sweeps kept at once; the least recently touched goes first, one that has scored last. */
const LIMIT_ENTRIES = 200_000
const MOVE_MS = 60_000
const WEB_PORTS = new Set([80, 443, 8080, 8443])
/** Answers of these come late or from elsewhere: role, not scan. */
const QUIET_UDP = new Set([53, 123, 443])

interface Pair {
  first: number
  last: number
  /** When it was last put at the end of the table. */
  moved: number
  failed: Few<number>
  made: Few<number>
  system: Few<number>
  ratio: number
  udp: number
  reported: number
}
interface Sweep {
  first: number
  last: number
  moved: number
  failed: Distinct
  made: Distinct
  list: readonly string[]
  reported: number
}
interface Slow {
  first: number
  ports: Distinct
  made: number
  server: string
  reported: number
}
interface State {
  pairs: Map<string, Pair>
  sweeps: Map<string, Sweep>
  slow: Map<string, Slow>
  /** Sources with enough ports that may still turn out to be fast, and when they are named all the same. */
  due: Map<string, number>
  evicted: number
}

/** Put it at the end, so that the least recently touched comes first: once a minute is exact enough, and each time would be half the work. */
function move<T extends { moved: number }>(map: Map<string, T>, key: string, value: T, now: number, state: State): void {
  if (now - value.moved < MOVE_MS) return
  value.moved = now
  touch(map, key, value, state)
}

/** What was not touched for ten minutes begins anew anyway. The first that is younger ends the search. */
function forget(map: Map<string, { last: number }>, now: number): void {
  for (const [key, { last }] of map) {
    if (now - last <= FORGET_MS) return
    map.delete(key)
  }
}

function touch<T>(map: Map<string, T>, key: string, value: T, state: State): T {
  map.delete(key)
  state.evicted += makeRoom(map, LIMIT_ENTRIES)
  map.set(key, value)
  return value
}

/** Fold ports to ranges: 22, 80–83, 443. At most 12 pieces. */
export function ranges(ports: Iterable<number>): string {
  const sorted = [...ports].sort((a, b) => a - b)
  const pieces: string[] = []
  for (let i = 0; i < sorted.length; ) {
    let j = i
    while (j + 1 < sorted.length && sorted[j + 1] === (sorted[j] ?? 0) + 1) j++
    pieces.push(j > i + 1 ? `${sorted[i]}–${sorted[j]}` : sorted.slice(i, j + 1).join(', '))
    i = j + 1
  }
  return pieces.length > 12 ? `${pieces.slice(0, 12).join(', ')} …` : pieces.join(', ')
}

/**
 * `port_scan` (vertical: many failed ports of one target) and `host_scan` (horizontal: one port of many targets), DETECTION
 * 2.4 and 2.5. Answers are never attempts, made connections speak against a scan, backscatter is neither. A slow scan (15
 * distinct failed ports in 24 h) is internet radiation: info, once a day.
 */
export const scans: DetectorFactory = (host, restored) => {
  const state = (restored as State | undefined) ?? {
    pairs: new Map(),
    sweeps: new Map(),
    slow: new Map(),
    due: new Map(),
    evicted: 0,
  }
  const { networks } = host

  const vertical = (attempt: Attempt, now: number) => {
    const { client, server, port } = attempt
    const key = `${client}|${server}`
    let pair = state.pairs.get(key)
    if (pair === undefined || now - pair.last > FORGET_MS)
      pair = {
        first: attempt.startMs,
        last: now,
        moved: 0,
        failed: NONE,
        made: NONE,
        system: NONE,
        ratio: 0,
        udp: 0,
        reported: pair?.reported ?? 0,
      }
    move(state.pairs, key, pair, now, state)
    pair.last = now
    const failed = attempt.outcome === 'failed'
    if (!holds(pair.failed, port) && !holds(pair.made, port)) pair.ratio += failed ? FAILED : MADE
    if (failed && howMany(pair.failed) < 65_536) {
      pair.failed = include(pair.failed, port)
      if (attempt.proto === UDP) pair.udp++
    } else if (!failed) pair.made = include(pair.made, port)
    if (attempt.proto === TCP && port < SYSTEM.below) pair.system = include(pair.system, port)
    const failures = howMany(pair.failed)
    const made = howMany(pair.made)
    const system = howMany(pair.system)
    const tried = failures + made
    const need = pair.udp > failures / 2 ? FAST.udpPorts : FAST.ports
    const inside = networks.inside(client)
    const refused = failures >= need && made / tried < FAST.madeShare && pair.ratio >= LIMIT
    // Behind a proxy, a tarpit or a device that answers for everyone each port seems open: then the number alone speaks.
    const answered = made / tried >= FAST.madeShare && system >= SYSTEM.ports
    if ((refused || answered) && now - pair.reported > 60_000) {
      pair.reported = now
      host.report({
        detector: 'port_scan',
        severity: inside && refused ? 'critical' : 'warning',
        actor: client,
        target: server,
        entity: client,
        firstMs: pair.first,
        window: [pair.first, now],
        statistic: refused ? 'distinct_failed_ports' : 'distinct_system_ports',
        unit: 'ports',
        value: refused ? failures : system,
        expected: null,
        threshold: refused ? need : SYSTEM.ports,
        why: `${client} tried ${tried.toLocaleString('en-US')} ports of ${server} in ${lasting(Math.max(1_000, now - pair.first))}; ${failures.toLocaleString('en-US')} failed, ${made} answered. Ports ${ranges(refused ? pair.failed : pair.system)}.`,
        parts: [{ dimension: 'dst_addr', value: server, share: 1 }],
        fresh: [],
        filter: `src_addr = ${client} and dst_addr = ${server}`,
        windows: 1,
      })
    }
  }

  const slow = (attempt: Attempt, now: number) => {
    if (attempt.outcome !== 'failed') {
      const known = state.slow.get(attempt.client)
      if (known !== undefined) known.made++
      return
    }
    let seen = state.slow.get(attempt.client)
    if (seen === undefined || now - seen.first > DAY_MS)
      seen = touch(state.slow, attempt.client, { first: now, ports: NONE, made: 0, server: attempt.server, reported: 0 }, state)
    seen.ports = add(seen.ports, attempt.port)
    const ports = size(seen.ports)
    const need = seen.made === 0 ? SLOW_PORTS.silent : SLOW_PORTS.otherwise
    if (ports < need || seen.reported !== 0) return
    // A fast scan reaches this number on its way to its own: ten minutes tell the two apart.
    seen.reported = now
    if (now - seen.first >= FORGET_MS) nameSlow(attempt.client, seen, now)
    else {
      makeRoom(state.due, LIMIT_ENTRIES)
      state.due.set(attempt.client, seen.first + FORGET_MS)
    }
  }

  const nameSlow = (client: string, seen: Slow, now: number) => {
    const ports = size(seen.ports)
    host.report({
      detector: 'port_scan',
      severity: 'info',
      actor: client,
      target: seen.server,
      entity: client,
      firstMs: seen.first,
      window: [seen.first, now],
      statistic: 'distinct_failed_ports_24h',
      unit: 'ports',
      value: Math.round(ports),
      expected: null,
      threshold: seen.made === 0 ? SLOW_PORTS.silent : SLOW_PORTS.otherwise,
      why: `${client} has tried ${Math.round(ports)} different ports here in ${lasting(now - seen.first)} without an answer: a slow scan, usual on the internet.`,
      parts: [],
      fresh: [],
      filter: `src_addr = ${client}`,
      windows: 1,
    })
  }

  const horizontal = (attempt: Attempt, now: number) => {
    const echo = isEcho(attempt.conversation)
    // Of an ordinary connection sampling often picks the SYN alone; browsing is many hosts on a web port.
    if (attempt.conversation.sampled && WEB_PORTS.has(attempt.port) && networks.inside(attempt.client)) return
    const port = echo ? 'icmp echo' : `${attempt.proto === TCP ? 'tcp' : 'udp'}/${attempt.port}`
    const key = `${attempt.client}|${port}`
    let sweep = state.sweeps.get(key)
    if (sweep === undefined || now - sweep.last > FORGET_MS)
      sweep = {
        first: attempt.startMs,
        last: now,
        moved: 0,
        failed: NONE,
        made: NONE,
        list: NONE,
        reported: sweep?.reported ?? 0,
      }
    move(state.sweeps, key, sweep, now, state)
    sweep.last = now
    const failed = attempt.outcome === 'failed'
    if (failed || echo) sweep.failed = add(sweep.failed, attempt.server)
    else sweep.made = add(sweep.made, attempt.server)
    if (failed && sweep.list.length < 5 && !sweep.list.includes(attempt.server)) sweep.list = sweep.list.concat([attempt.server])
    const inside = networks.inside(attempt.client)
    const targets = size(sweep.failed)
    const need = !inside ? SWEEP.outside : !echo ? SWEEP.inside : networks.inside(attempt.server) ? SWEEP.outside : SWEEP.foreign
    if (targets < need || size(sweep.made) / (targets + size(sweep.made)) >= SWEEP.madeShare || now - sweep.reported <= 60_000) return
    sweep.reported = now
    host.report({
      detector: 'host_scan',
      // From outside this is weather until something answers; from inside it is one of ours gone wrong.
      severity: inside ? 'critical' : size(sweep.made) >= 1 ? 'warning' : 'info',
      actor: attempt.client,
      target: neighbourhood(attempt.server),
      entity: `${attempt.client}|${port}`,
      firstMs: sweep.first,
      window: [sweep.first, now],
      statistic: 'distinct_failed_targets',
      unit: 'hosts',
      value: Math.round(targets),
      expected: null,
      threshold: need,
      why: `${attempt.client} tried ${port} on ${Math.round(targets)} hosts in ${lasting(Math.max(1_000, now - sweep.first))}, ${Math.round(size(sweep.made))} answered; for example ${sweep.list.join(', ')}.`,
      parts: [{ dimension: 'service', value: port, share: 1 }],
      fresh: [],
      filter: `src_addr = ${attempt.client}${echo ? ' and proto = icmp' : ` and dst_port = ${attempt.port}`}`,
      windows: 1,
    })
  }

  return {
    id: 'port_scan',
    state,
    tick(now) {
      forget(state.pairs, now)
      forget(state.sweeps, now)
      for (const [client, { first }] of state.slow) {
        if (now - first <= DAY_MS) break
        state.slow.delete(client)
      }
      for (const [client, due] of state.due) {
        if (due > now) continue
        state.due.delete(client)
        const seen = state.slow.get(client)
        if (seen !== undefined) nameSlow(client, seen, now)
      }
    },
    settled(attempt, now) {
      if (attempt.answerOnly || attempt.outcome === 'unknown') return
      const { client, server, proto, port } = attempt
      if (host.config.roles[client]?.includes('scanner')) return
      const inside = networks.inside(client)
      if (!inside && !(networks.outside(client) && networks.inside(server))) return
      if (!networks.inside(server) && !networks.outside(server)) return
      if (proto === TCP || (proto === UDP && !QUIET_UDP.has(port) && !QUIET_UDP.has(attempt.conversation.aPort))) {
        // From inside to outside, UDP without an answer is peer-to-peer, games, NAT probing: not a scan of ours.
        if (proto === UDP && inside && !networks.inside(server)) return
        vertical(attempt, now)
        if (!inside) slow(attempt, now)
        horizontal(attempt, now)
      } else if (isEcho(attempt.conversation)) horizontal(attempt, now)
    },
  }
}
