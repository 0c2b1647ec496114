import { makeRoom } from '../bounded.ts'
import type { DetectorFactory } from '../detector.ts'
import { ACK, SYN, scale, TCP, UDP } from '../event.ts'
import { WINDOW_MS } from '../own-traffic.ts'

const PACKETS = { perSecond: 150, mean: 100 }
const BITS = 8e6
const ANSWERED = 0.25
/** A record slower than this cannot be part of one: keeps the table to candidates. */
const CANDIDATE = 50
/** Packets each way that make a conversation, and how long it explains one-sided TCP to the same address: its other half got lost. */
const TALK_PACKETS = 3
const TALK_MS = 120_000
const LIMIT = 50_000
/** One-way media: TURN, QUIC, conferencing. Lowers a finding to info. */
const MEDIA = new Set([443, 3478, 8801, 8802, 8803, 8804, 8805, 8806, 8807, 8808, 8809, 8810])

/** Packets and octets of 10 s: out to the outside host, and back from it. */
interface Sent {
  out: number
  bytes: number
  back: number
  backBytes: number
}

interface State {
  pairs: Map<string, Pair>
  /** When an inside host last had a two-way TCP conversation with an outside one, by its last record's end. */
  talked: Map<string, number>
}

interface Pair {
  from: string
  to: string
  port: number
  proto: number
  windows: Map<number, Sent>
  since: number
  hits: number
  /** The newest window reported. */
  reported: number
}

/**
 * An inside host floods an outside one (DETECTION 2.3): at least 150 small packets a second or 8 Mbit/s to one address in a
 * 10 s window, hardly answered. Bot floods often last half a minute: windows, not rollups.
 */
export const outboundFlood: DetectorFactory = (host, restored) => {
  const { pairs: state, talked } = (restored as State | undefined) ?? { pairs: new Map<string, Pair>(), talked: new Map<string, number>() }
  const spread = (pair: Pair, startMs: number, endMs: number, put: (w: Sent, part: number) => void) => {
    const first = Math.floor(startMs / WINDOW_MS)
    const last = Math.max(first, Math.floor(endMs / WINDOW_MS))
    for (let index = Math.max(first, last - 11); index <= last; index++) {
      let window = pair.windows.get(index)
      if (window === undefined) {
        window = { out: 0, bytes: 0, back: 0, backBytes: 0 }
        pair.windows.set(index, window)
      }
      const part =
        first === last
          ? 1
          : Math.max(0, Math.min(endMs, (index + 1) * WINDOW_MS) - Math.max(startMs, index * WINDOW_MS)) / (endMs - startMs)
      put(window, part)
    }
  }
  return {
    id: 'outbound_flood',
    state: { pairs: state, talked },
    record(event, _now, mine, other) {
      const by = scale(event)
      // Whichever half comes last completes it.
      if (event.proto === TCP && other.packets >= TALK_PACKETS && mine.packets >= TALK_PACKETS) {
        const outward = host.networks.inside(event.src) && host.networks.outside(event.dst)
        if (outward || (host.networks.inside(event.dst) && host.networks.outside(event.src))) {
          const pair = outward ? `${event.src}|${event.dst}` : `${event.dst}|${event.src}`
          talked.delete(pair)
          makeRoom(talked, LIMIT)
          talked.set(pair, event.endMs)
        }
      }
      const back = state.get(`${event.dst}|${event.src}`)
      if (back !== undefined)
        spread(back, event.startMs, event.endMs, (w, part) => {
          w.back += event.packets * by * part
          w.backBytes += event.bytes * by * part
        })
      if (!host.networks.inside(event.src) || !host.networks.outside(event.dst)) return
      const key = `${event.src}|${event.dst}`
      let pair = state.get(key)
      if (pair === undefined) {
        const seconds = Math.max(1, (event.endMs - event.startMs) / 1000)
        if ((event.packets * by) / seconds < CANDIDATE) return
        makeRoom(state, LIMIT)
        pair = {
          from: event.src,
          to: event.dst,
          port: event.dstPort,
          proto: event.proto,
          windows: new Map(),
          since: 0,
          hits: 0,
          reported: 0,
        }
        state.set(key, pair)
        // What came back before the pair was a candidate counts too.
        if (other.records > 0)
          spread(pair, other.firstMs, other.lastMs, (w, part) => {
            w.back += other.packets * part
            w.backBytes += other.bytes * part
          })
      }
      // SYN and ACK from one side is a connection that was answered, even where only our direction is exported.
      const answered = event.proto === TCP && mine.flags >= 0 && (mine.flags & (SYN | ACK)) === (SYN | ACK)
      spread(pair, event.startMs, event.endMs, (w, part) => {
        if (answered) w.back += event.packets * by * part
        w.out += event.packets * by * part
        w.bytes += event.bytes * by * part
      })
    },
    tick(now) {
      const oldest = Math.floor(now / WINDOW_MS) - 12
      // The answer may come in a record that ends later: a window is judged when it is 20 s old.
      const ready = Math.floor((now - 2 * WINDOW_MS) / WINDOW_MS)
      for (const [key, pair] of state) {
        const sum = { out: 0, bytes: 0, back: 0, backBytes: 0 }
        for (const window of pair.windows.values()) {
          sum.out += window.out
          sum.bytes += window.bytes
          sum.back += window.back
          sum.backBytes += window.backBytes
        }
        for (const [index, window] of pair.windows) {
          if (index <= oldest) {
            pair.windows.delete(index)
            continue
          }
          if (index >= ready || index <= pair.reported) continue
          const small = window.out / 10 >= PACKETS.perSecond && window.bytes / window.out < PACKETS.mean
          // Bulk TCP that is acknowledged is an upload, whatever its rate; a flood gets no answers.
          const big = (window.bytes * 8) / 10 >= BITS
          // Answers are judged over all that is kept: the two directions of one conversation are cut into records differently.
          // A download is answered in octets, even where few large segments answer many acknowledgements.
          if (!(small || big) || sum.back >= ANSWERED * sum.out || sum.backBytes >= sum.bytes) continue
          pair.reported = index
          const start = index * WINDOW_MS
          if (pair.since === 0) pair.since = start
          pair.hits++
          // One side of a download whose other record never came looks like a flood of acknowledgements.
          const half = pair.proto === TCP && Math.abs(start - (talked.get(key) ?? Number.NEGATIVE_INFINITY)) < TALK_MS
          const media = pair.proto === UDP && MEDIA.has(pair.port)
          host.report({
            detector: 'outbound_flood',
            severity: media || half || (big && !small && pair.proto === TCP) ? 'info' : 'critical',
            actor: pair.from,
            target: pair.to,
            entity: `${pair.from}|${pair.to}`,
            firstMs: pair.since,
            window: [start, start + WINDOW_MS],
            statistic: small ? 'packets' : 'bytes',
            unit: small ? 'packets/s' : 'bit/s',
            value: small ? window.out / 10 : (window.bytes * 8) / 10,
            expected: null,
            threshold: small ? PACKETS.perSecond : BITS,
            why: `${pair.from} sends ${Math.round(window.out / 10).toLocaleString('en-US')} packets/s of ${Math.round(window.bytes / window.out)} B to ${pair.to}; ${Math.round((100 * sum.back) / sum.out)} % are answered.`,
            parts: [{ dimension: 'dst_port', value: String(pair.port), share: 1 }],
            fresh: [],
            filter: `src_addr = ${pair.from} and dst_addr = ${pair.to}`,
            windows: pair.hits,
          })
        }
        if (pair.windows.size === 0) state.delete(key)
      }
    },
  }
}
