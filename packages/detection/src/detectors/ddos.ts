import { judge } from '../baseline.ts'
import type { DetectorFactory, Host } from '../detector.ts'
import type { Finding, Part } from '../finding.ts'
import { type HostTraffic, METRIC, newestJudged, peek, WINDOW_MS, WINDOWS, type Window } from '../own-traffic.ts'
import { largest, size } from '../sketch.ts'
import { amount, usually } from '../words.ts'

/** Source ports of UDP services that amplify, with the name people know. */
const REFLECTORS: Record<string, string> = {
  '17/19': 'chargen',
  '17/53': 'DNS',
  '17/123': 'NTP',
  '17/161': 'SNMP',
  '17/389': 'CLDAP',
  '17/500': 'IKE',
  '17/1900': 'SSDP',
  '17/3702': 'WS-Discovery',
  '17/5683': 'CoAP',
  '17/10001': 'Ubiquiti discovery',
  '17/11211': 'memcached',
  '17/37810': 'DVR',
}

const UNSOLICITED = 0.7
const PACKETS = { floor: 300, times: 8, sources: 50 }
const BITS = { floor: 10e6, times: 8, sources: 50 }
const FLOWS = { floor: 10, times: 8, sources: 200 }
/**
 * FastNetMon-like ceilings that fire without any baseline, and from a single source too, unless sampled: there the few packets that asked
 * for a big download are seldom picked, so that it looks unasked.
 */
const CEILING = { packets: 20_000, bits: 1e9, flows: 3_500 }
const Z = 6
/** A prefix is bombed when no address of it takes more than this share. */
const CARPET = 0.5

type Rule = { statistic: string; unit: string; value: number; expected: number; threshold: number; strong: boolean }

function rule(host: HostTraffic, window: Window): Rule | null {
  if (window.packets <= 0 || window.unsolicited / window.packets < UNSOLICITED) return null
  const minute = Math.floor((window.index * WINDOW_MS) / 60_000)
  const sources = size(window.sources)
  const pps = window.packets / 10
  const bps = (window.bytes * 8) / 10
  const fps = window.flows / 10
  const p = judge(host.usual, minute, pps, METRIC.packets)
  const b = judge(host.usual, minute, bps / 8, METRIC.bytes)
  const f = judge(host.usual, minute, fps, METRIC.flows)
  const packetLimit = Math.max(PACKETS.floor, PACKETS.times * p.expected)
  const bitLimit = Math.max(BITS.floor, BITS.times * b.expected * 8)
  const flowLimit = Math.max(FLOWS.floor, FLOWS.times * f.expected)
  const sampled = window.observed < window.packets / 2
  const ceiling = (value: number, limit: number) => value >= limit && (!sampled || sources >= PACKETS.sources)
  const met: Omit<Rule, 'strong'>[] = []
  if (ceiling(pps, CEILING.packets) || (p.z >= Z && pps >= packetLimit && sources >= PACKETS.sources))
    met.push({ statistic: 'packets', unit: 'packets/s', value: pps, expected: p.expected, threshold: packetLimit })
  if (ceiling(bps, CEILING.bits) || (b.z >= Z && bps >= bitLimit && sources >= BITS.sources))
    met.push({ statistic: 'bytes', unit: 'bit/s', value: bps, expected: b.expected * 8, threshold: bitLimit })
  if (ceiling(fps, CEILING.flows) || (f.z >= Z && fps >= flowLimit && sources >= FLOWS.sources))
    met.push({ statistic: 'flows', unit: 'flows/s', value: fps, expected: f.expected, threshold: flowLimit })
  const [first] = met
  return first === undefined ? null : { ...first, strong: met.some((m) => m.value >= 10 * m.threshold) }
}

/** What kind of flood it is, in the order in which the kinds exclude each other. */
function kind(window: Window): string {
  const [port] = largest(window.ports, 1)
  const reflector = port === undefined ? undefined : REFLECTORS[port[0]]
  if (window.udp / window.packets >= 0.6 && port !== undefined && port[1] / window.packets >= 0.6 && reflector !== undefined)
    return `${reflector} reflection`
  if (window.answers / window.packets >= 0.6) return 'TCP reflection (answers to no question of ours)'
  if (window.synOnly / window.packets >= 0.6) return 'SYN flood'
  if (window.icmp / window.packets >= 0.6) return 'ICMP flood'
  if (window.udp / window.packets >= 0.6) return 'UDP flood'
  return 'mixed flood'
}

const round = (n: number) => (n >= 100 ? Math.round(n).toLocaleString('en-US') : Number(n.toPrecision(3)).toString())

export function floodParts(window: Window): Part[] {
  const share = (dimension: string, entries: [string, number][]): Part[] =>
    entries.map(([value, weight]) => ({ dimension, value, share: Math.min(1, weight / window.packets) }))
  return [
    ...share('src_port', largest(window.ports, 3)),
    ...share(
      'src_net',
      largest(window.prefixes, 3).map(([net, weight]) => [net.includes(':') ? `${net}::/48` : `${net}.0/24`, weight]),
    ),
    ...share('src_country', largest(window.countries, 3)),
  ]
}

/**
 * Volumetric flood to an own address or /24 (DETECTION 2.1): unsolicited, far above what is usual *and* above a floor,
 * from many sources, in two of three windows of 10 s, or once at ten times the limit. A flash crowd, whose handshakes are made,
 * is reported as `surge`.
 */
export const ddos: DetectorFactory = (host: Host, restored) => {
  const state =
    (restored as Map<string, { since: number; windows: number }> | undefined) ?? new Map<string, { since: number; windows: number }>()
  const judgeHost = (traffic: HostTraffic, now: number) => {
    const newest = newestJudged(traffic, now)
    let hits = 0
    let found: { rule: Rule; window: Window } | null = null
    for (let index = newest - 2; index <= newest; index++) {
      const window = peek(traffic, index)
      const hit = window === undefined ? null : rule(traffic, window)
      if (window === undefined || hit === null) continue
      hits += hit.strong ? 2 : 1
      if (found === null || hit.value > found.rule.value) found = { rule: hit, window }
    }
    const before = state.get(traffic.address)
    if (found === null || hits < 2) {
      if (before !== undefined && now - before.since > (WINDOWS + before.windows) * WINDOW_MS) state.delete(traffic.address)
      return
    }
    const { rule: r, window } = found
    // A prefix is the victim only when no single address of it is: else the address itself is reported.
    const [heaviest] = largest(window.targets, 1)
    if (traffic.address.includes('/') && heaviest !== undefined && heaviest[1] > CARPET * window.packets) return
    const start = window.index * WINDOW_MS
    const since = before?.since ?? start
    const windows = (before?.windows ?? 0) + 1
    state.set(traffic.address, { since, windows })
    traffic.firingSince = since
    traffic.firingUntil = now + 60_000
    const crowd = window.made / Math.max(1, window.flows) >= 0.5
    const sources = Math.round(size(window.sources))
    const finding: Omit<Finding, 'trust'> = {
      detector: crowd ? 'surge' : 'ddos',
      severity: crowd ? 'info' : 'critical',
      actor: null,
      target: traffic.address,
      entity: traffic.address,
      firstMs: since,
      window: [start, start + WINDOW_MS],
      statistic: r.statistic,
      unit: r.unit,
      value: r.value,
      expected: r.expected,
      threshold: r.threshold,
      why: `${crowd ? 'Many made connections' : kind(window)}: ${amount(r.value, r.unit)} to ${traffic.address} from ${sources >= 65 ? 'about ' : ''}${round(sources)} ${sources === 1 ? 'address' : 'addresses'}; usual for this hour: ${usually(r.expected, r.unit)}. ${Math.round((100 * window.unsolicited) / window.packets)} % of the packets came unasked.`,
      parts: floodParts(window),
      fresh: [],
      filter: `dst_addr = ${traffic.address}`,
      windows,
    }
    host.report({ ...finding, observedPackets: window.observed })
  }
  return {
    id: 'ddos',
    state,
    tick(now) {
      for (const address of host.touched) {
        const traffic = host.own.get(address)
        if (traffic !== undefined) judgeHost(traffic, now)
      }
    },
  }
}
