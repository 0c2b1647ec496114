import { makeRoom } from './bounded.ts'
import { ACK, type FlowEvent, ICMP, ICMPV6, icmpTypeOf, PSH, RST, SYN, scale, TCP } from './event.ts'

/** One direction of a conversation, stitched over active-timeout records. `flags` is -1 while no record carried any. */
export interface Direction {
  records: number
  /** Packets as they were seen, before scaling: attempts and answers are judged by these. */
  observed: number
  packets: number
  bytes: number
  flags: number
  firstMs: number
  lastMs: number
}

/**
 * Both directions of one 5-tuple while records of it keep coming. `a` is the source of the first record seen.
 * `opener` and `outcome` are set when it settles: 10 s after the first record (so that the mirrored record can arrive),
 * UDP up to 60 s; `answerOnly` marks answers without a question (backscatter, reflection).
 */
export interface Conversation {
  key: string
  a: string
  b: string
  aPort: number
  bPort: number
  proto: number
  exporter: string
  /** Some of it was seen through sampling: what is not there may just not have been picked. */
  sampled: boolean
  seenMs: number
  touchedMs: number
  forward: Direction
  backward: Direction
  settled: boolean
  opener: 'a' | 'b'
  outcome: 'made' | 'failed' | 'unknown'
  answerOnly: boolean
  aCountry: string
  bCountry: string
  /** Inbound records counted as unsolicited before the own side's earlier record arrived: start, end, packets. */
  unsolicited: [number, number, number][]
}

/** A settled or closed conversation seen from its opener. */
export interface Attempt {
  conversation: Conversation
  client: string
  server: string
  clientCountry: string
  port: number
  proto: number
  outcome: 'made' | 'failed' | 'unknown'
  answerOnly: boolean
  startMs: number
  up: Direction
  down: Direction
}

export interface ConversationState {
  open: Map<string, Conversation>
  waiting: Conversation[]
  /** Peers that used a port of a host, up to 5: what makes it a known service. */
  services: Map<string, Set<string>>
  evicted: number
  sweptMs: number
}

/** A record this long after the last one of its 5-tuple starts a new conversation: active timeout (60 s, twice) and 5 s. */
const IDLE_MS = 125_000
const SETTLE_MS = 10_000
const SETTLE_UDP_MS = 60_000
const OPEN_LIMIT = 400_000
const SERVICE_LIMIT = 100_000
const SERVICE_PEERS = 5

export function conversationState(): ConversationState {
  return { open: new Map(), waiting: [], services: new Map(), evicted: 0, sweptMs: 0 }
}

const direction = (): Direction => ({
  records: 0,
  observed: 0,
  packets: 0,
  bytes: 0,
  flags: -1,
  firstMs: Number.POSITIVE_INFINITY,
  lastMs: 0,
})

/**
 * The ports that tell conversations apart. An echo request and its reply carry type and code where ports would be, and would not meet:
 * the asker gets 8 and the asked one 0, whatever the exporter wrote.
 */
function portsOf(event: FlowEvent): readonly [number, number] {
  const type = icmpTypeOf(event)
  if (type === (event.proto === ICMP ? 8 : 128)) return ECHO
  if (type === (event.proto === ICMP ? 0 : 129)) return ECHO_REPLY
  return [event.srcPort, event.dstPort]
}
const ECHO = [8, 0] as const
const ECHO_REPLY = [0, 8] as const

/** A ping, by the ports of `portsOf`; errors and other ICMP are none. */
export function isEcho({ proto, aPort, bPort }: Conversation): boolean {
  return (proto === ICMP || proto === ICMPV6) && aPort + bPort === 8 && (aPort === 8 || bPort === 8)
}

/**
 * Add a record. Returns its conversation and whether the record runs with its first one (`forward`).
 * The table is bounded: at 400,000 the oldest conversation goes, counted in `evicted`.
 */
export function track(state: ConversationState, event: FlowEvent, now: number): { conversation: Conversation; forward: boolean } {
  const [srcPort, dstPort] = portsOf(event)
  const there = `${event.src}|${srcPort}|${event.dst}|${dstPort}|${event.proto}`
  const back = `${event.dst}|${dstPort}|${event.src}|${srcPort}|${event.proto}`
  let forward = true
  let conversation = state.open.get(there)
  if (conversation === undefined) {
    conversation = state.open.get(back)
    forward = conversation === undefined
  }
  if (conversation !== undefined && event.startMs - conversation.touchedMs > IDLE_MS) {
    state.open.delete(conversation.key)
    conversation = undefined
    forward = true
  }
  if (conversation === undefined) {
    state.evicted += makeRoom(state.open, OPEN_LIMIT)
    conversation = {
      key: there,
      a: event.src,
      b: event.dst,
      aPort: srcPort,
      bPort: dstPort,
      proto: event.proto,
      exporter: event.exporter,
      sampled: false,
      seenMs: now,
      touchedMs: event.endMs,
      forward: direction(),
      backward: direction(),
      settled: false,
      opener: 'a',
      outcome: 'unknown',
      answerOnly: false,
      aCountry: event.srcCountry,
      bCountry: event.dstCountry,
      unsolicited: [],
    }
    state.open.set(there, conversation)
    state.waiting.push(conversation)
  }
  const side = forward ? conversation.forward : conversation.backward
  const by = scale(event)
  if (by > 1) conversation.sampled = true
  side.records++
  side.observed += event.packets
  side.packets += event.packets * by
  side.bytes += event.bytes * by
  if (event.tcpFlags >= 0) side.flags = Math.max(side.flags, 0) | event.tcpFlags
  side.firstMs = Math.min(side.firstMs, event.startMs)
  side.lastMs = Math.max(side.lastMs, event.endMs)
  conversation.touchedMs = Math.max(conversation.touchedMs, event.endMs)
  return { conversation, forward }
}

const synOnly = (d: Direction) => d.records > 0 && d.flags >= 0 && (d.flags & SYN) !== 0 && (d.flags & ACK) === 0
/** Exactly what a closed port, a half-open handshake or a reflector sends: SYN+ACK or RST, and never any data. */
const bareAnswer = (d: Direction) =>
  d.records > 0 &&
  d.flags >= 0 &&
  (d.flags & PSH) === 0 &&
  ((d.flags & RST) !== 0
    ? (d.flags & SYN) === 0 || (d.flags & ACK) !== 0
    : (d.flags & (SYN | ACK)) === (SYN | ACK) && d.observed <= 6 && (d.flags & 1) === 0)

function known(state: ConversationState, host: string, port: number): boolean {
  return (state.services.get(`${host}|${port}`)?.size ?? 0) >= SERVICE_PEERS
}

/** Who opened it (DETECTION 1.2.5): a bare SYN · the earlier start by more than 1 ms · a known service · the lower port. */
function decideOpener(state: ConversationState, c: Conversation): 'a' | 'b' {
  if (c.proto === TCP) {
    const there = synOnly(c.forward)
    const back = synOnly(c.backward)
    if (there !== back) return there ? 'a' : 'b'
    if (c.backward.records === 0 && bareAnswer(c.forward)) return 'b'
  }
  if (c.backward.records > 0) {
    const gap = c.backward.firstMs - c.forward.firstMs
    if (Math.abs(gap) > 1) return gap > 0 ? 'a' : 'b'
  }
  const a = known(state, c.a, c.aPort)
  const b = known(state, c.b, c.bPort)
  if (a !== b) return a ? 'b' : 'a'
  return c.aPort < c.bPort ? 'b' : 'a'
}

/** What became of it (DETECTION 1.2.6), from the opener's own flags first. */
function decideOutcome(c: Conversation, up: Direction, down: Direction): Conversation['outcome'] {
  if (c.proto === TCP) {
    if (up.records === 0) return bareAnswer(down) ? 'failed' : 'unknown'
    if (up.flags < 0) return down.observed >= 3 && up.observed >= 3 ? 'made' : 'unknown'
    if ((up.flags & SYN) !== 0 && (up.flags & ACK) === 0) return up.observed <= 6 ? 'failed' : 'unknown'
    if (down.records > 0 && (down.flags & RST) !== 0 && (down.flags & (SYN | PSH)) === 0 && up.observed <= 2) return 'failed'
    return (up.flags & (ACK | PSH)) !== 0 ? 'made' : 'failed'
  }
  return down.records > 0 ? 'made' : 'failed'
}

export function asAttempt(c: Conversation): Attempt {
  const fromA = c.opener === 'a'
  const up = fromA ? c.forward : c.backward
  const down = fromA ? c.backward : c.forward
  return {
    conversation: c,
    client: fromA ? c.a : c.b,
    server: fromA ? c.b : c.a,
    clientCountry: fromA ? c.aCountry : c.bCountry,
    port: fromA ? c.bPort : c.aPort,
    proto: c.proto,
    outcome: c.outcome,
    answerOnly: c.answerOnly,
    startMs: Math.min(c.forward.firstMs, c.backward.firstMs),
    up,
    down,
  }
}

/** Settle what has waited long enough and close what is idle; `now` on the engine's clock. */
export function settle(
  state: ConversationState,
  now: number,
  onSettled: (attempt: Attempt) => void,
  onClosed: (attempt: Attempt) => void,
): void {
  const waiting: Conversation[] = []
  for (const c of state.waiting) {
    const both = c.forward.records > 0 && c.backward.records > 0
    const due = c.seenMs + (c.proto === TCP || both ? SETTLE_MS : SETTLE_UDP_MS)
    if (now < due) {
      waiting.push(c)
      continue
    }
    c.opener = decideOpener(state, c)
    const { up, down, server, port, client } = asAttempt(c)
    c.outcome = decideOutcome(c, up, down)
    c.answerOnly = up.records === 0
    c.settled = true
    if (c.outcome === 'made' && state.services.size < SERVICE_LIMIT) {
      const name = `${server}|${port}`
      const peers = state.services.get(name)
      if (peers === undefined) state.services.set(name, new Set([client]))
      else if (peers.size < SERVICE_PEERS) peers.add(client)
    }
    onSettled(asAttempt(c))
  }
  state.waiting = waiting
  if (now - state.sweptMs < 30_000) return
  state.sweptMs = now
  for (const [key, c] of state.open) {
    if (!c.settled || now - Math.max(c.touchedMs, c.seenMs) < IDLE_MS) continue
    state.open.delete(key)
    // Late data can turn a silent attempt into a made one: the last word is the closed conversation's.
    c.outcome = decideOutcome(c, asAttempt(c).up, asAttempt(c).down)
    onClosed(asAttempt(c))
  }
}
