import { type Conversation, converse, type GenFlow, type Profile } from './network.ts'
import type { Random } from './random.ts'

/** Routers report a flow that goes on at least this often. */
const ACTIVE_TIMEOUT_MS = 60_000
/** A conversation longer than this is cut: nobody waits for its last part. */
const MOST_PARTS = 20
const TRIES = 100_000

interface Due {
  atMs: number
  flow: GenFlow
}

/**
 * The records one exporter sends, one per call, for ever. Deterministic in its generator and the times it is asked for.
 *
 * A conversation becomes a record for each direction, and one more for every active timeout it outlives; those that are due come first,
 * else a new conversation ends (or has its first timeout) now. So the caller decides the rate and long conversations keep their pace.
 */
export class Traffic {
  readonly #profile: Profile
  readonly #random: Random
  readonly #due: Due[] = []

  constructor(profile: Profile, random: Random) {
    this.#profile = profile
    this.#random = random
  }

  /** The next record at `nowMs` (not before the time of the last call). Its end is at or a little before it. */
  next(nowMs: number): GenFlow {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const first = this.#due[0]
      if (first !== undefined && first.atMs <= nowMs) return this.#pop(first).flow
      const flow = this.#begin(nowMs)
      if (flow !== null) return flow
    }
    throw new Error(`the profile ${this.#profile.name} brought nothing that sampling would see in ${TRIES} conversations`)
  }

  /** Start a conversation and return its first record; null when sampling saw nothing of it. */
  #begin(nowMs: number): GenFlow | null {
    const random = this.#random
    const { activities, site, ipv6 } = this.#profile
    const conversation = converse(activities.pick(random), random, site)
    if (conversation.family === 6 && !ipv6) return null
    const parts = Math.min(MOST_PARTS, Math.max(1, Math.ceil(conversation.durationMs / ACTIVE_TIMEOUT_MS)))
    const length = Math.min(conversation.durationMs, ACTIVE_TIMEOUT_MS)
    let first: GenFlow | null = null
    for (let part = 0; part < parts; part++) {
      const endMs = nowMs + part * ACTIVE_TIMEOUT_MS
      for (const toServer of [true, false]) {
        const flow = this.#record(conversation, toServer, parts, part, endMs, length)
        if (flow === null) continue
        if (part === 0 && first === null) first = flow
        else this.#push({ atMs: endMs + (toServer ? 0 : 1), flow })
      }
    }
    return first
  }

  #record(c: Conversation, toServer: boolean, parts: number, part: number, endMs: number, lengthMs: number): GenFlow | null {
    const allPackets = toServer ? c.clientPackets : c.serverPackets
    if (allPackets === 0) return null
    const allBytes = toServer ? c.clientBytes : c.serverBytes
    let packets = Math.max(1, Math.round(allPackets / parts))
    const mean = allBytes / allPackets
    const { sampling, port } = this.#profile
    if (sampling > 1) packets = this.#random.poisson(packets / sampling)
    if (packets === 0) return null
    // Packets of one flow differ in size around its mean; a mean is all a record can show of it.
    const bytes = Math.max(packets * 28, Math.round(packets * mean * (sampling > 1 ? this.#random.between(0.8, 1.2) : 1)))
    const flags = toServer ? c.clientFlags : c.serverFlags
    const [from, to] = toServer ? [c.clientSide, c.serverSide] : [c.serverSide, c.clientSide]
    return {
      family: c.family,
      src: toServer ? c.client : c.server,
      dst: toServer ? c.server : c.client,
      srcPort: toServer ? c.clientPort : c.serverPort,
      dstPort: toServer ? c.serverPort : c.clientPort,
      proto: c.proto,
      // The first packet alone carries SYN, the last alone FIN.
      flags: flags === 0x1b && parts > 1 ? (part === 0 ? 0x1a : part === parts - 1 ? 0x19 : 0x18) : flags,
      tos: c.tos,
      inIf: port[from],
      outIf: port[to],
      packets,
      bytes: Math.min(bytes, packets * 9000),
      startMs: endMs - lengthMs,
      endMs,
      vlan: c.vlan,
    }
  }

  // A binary heap by time; equal times keep no order of their own, which is as deterministic as the pushes are.
  #push(entry: Due): void {
    const heap = this.#due
    let at = heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (above === undefined || above.atMs <= entry.atMs) break
      heap[at] = above
      at = parent
    }
    heap[at] = entry
  }

  #pop(first: Due): Due {
    const heap = this.#due
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const right = heap[child + 1]
      let below = heap[child]
      if (below === undefined) break
      if (right !== undefined && right.atMs < below.atMs) {
        child++
        below = right
      }
      if (below.atMs >= last.atMs) break
      heap[at] = below
      at = child
    }
    heap[at] = last
    return first
  }
}
