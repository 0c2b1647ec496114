import type { FlowObject } from '@weir/db/contracts'
import { nanosToMillis } from '../format.ts'

/**
 * The packets of one flow, as the capture tools ask for them. Both directions, because the answer is what one wants to see.
 * Pure. Flow stamps are on the exporter's clock; a capture is usually on another, so the window is a second wider on each side.
 */
export type CaptureFilters = {
  /** pcap-filter(7), for tcpdump and dumpcap. */
  pcap: string
  /** Wireshark display filter without the time window. */
  wireshark: string
  /** The same with the window, by frame.time_epoch. */
  wiresharkTimed: string | null
  /** Reads a capture file with tshark. */
  tshark: string
  /** Cuts the window out of a capture file; editcap compares local time, so it is told UTC. */
  editcap: string | null
  /** Epoch milliseconds, a second wider than the flow on each side; null when the record has no times. */
  window: { from: number; to: number } | null
}

const PCAP_PROTO: Record<number, string> = {
  1: 'icmp',
  2: 'igmp',
  6: 'tcp',
  17: 'udp',
  47: 'proto 47',
  50: 'esp',
  51: 'ah',
  58: 'icmp6',
  132: 'sctp',
}
const WIRESHARK_PROTO: Record<number, string> = {
  1: 'icmp',
  2: 'igmp',
  6: 'tcp',
  17: 'udp',
  47: 'gre',
  50: 'esp',
  51: 'ah',
  58: 'icmpv6',
  132: 'sctp',
}
const WITH_PORTS = new Set([6, 17, 132])

const text = (value: FlowObject[string] | undefined): string | null => (typeof value === 'string' && value !== '' ? value : null)
const number = (value: FlowObject[string] | undefined): number | null => (typeof value === 'number' ? value : null)

/** Filters for one flow record; null when it names no address, because then every packet would match. */
export function captureFilters(flow: FlowObject): CaptureFilters | null {
  const src = text(flow.src_addr)
  const dst = text(flow.dst_addr)
  // A network instead of a host (a role that may not see hosts) would select other people's packets.
  if ((src === null && dst === null) || src?.includes('/') === true || dst?.includes('/') === true) return null
  const proto = number(flow.proto)
  const ports = proto !== null && WITH_PORTS.has(proto)
  const srcPort = ports ? number(flow.src_port) : null
  const dstPort = ports ? number(flow.dst_port) : null

  const oneWay = (a: string | null, aPort: number | null, b: string | null, bPort: number | null): string =>
    [
      a === null ? null : `src host ${a}`,
      aPort === null ? null : `src port ${aPort}`,
      b === null ? null : `dst host ${b}`,
      bPort === null ? null : `dst port ${bPort}`,
    ]
      .filter((part) => part !== null)
      .join(' and ')
  const protocol = proto === null ? '' : `${PCAP_PROTO[proto] ?? `proto ${proto}`} and `
  const pcap = `${protocol}((${oneWay(src, srcPort, dst, dstPort)}) or (${oneWay(dst, dstPort, src, srcPort)}))`

  const ip = (src ?? dst ?? '').includes(':') ? 'ipv6' : 'ip'
  const portField = proto === null ? '' : `${WIRESHARK_PROTO[proto] ?? ''}.port`
  const wireshark = [
    proto === null ? null : (WIRESHARK_PROTO[proto] ?? `${ip === 'ip' ? 'ip.proto' : 'ipv6.nxt'} == ${proto}`),
    ...[...new Set([src, dst])].map((address) => (address === null ? null : `${ip}.addr == ${address}`)),
    ...[...new Set([srcPort, dstPort])].map((port) => (port === null ? null : `${portField} == ${port}`)),
  ]
    .filter((part) => part !== null)
    .join(' && ')

  const window = captureWindow(flow)
  const seconds = (at: number): string => (at / 1000).toFixed(3)
  const stamp = (at: number): string => new Date(at).toISOString().slice(0, 19).replace('T', ' ')
  const wiresharkTimed =
    window === null ? null : `${wireshark} && frame.time_epoch >= ${seconds(window.from)} && frame.time_epoch <= ${seconds(window.to)}`
  return {
    pcap,
    wireshark,
    wiresharkTimed,
    tshark: `tshark -r capture.pcapng -Y '${wiresharkTimed ?? wireshark}'`,
    // -B is exclusive and counts whole seconds: the end is rounded up.
    editcap:
      window === null
        ? null
        : `TZ=UTC editcap -A '${stamp(window.from)}' -B '${stamp(Math.ceil(window.to / 1000) * 1000 + 1000)}' capture.pcapng part.pcapng`,
    window,
  }
}

/** Start and end of the flow, a second wider on each side. A missing start is found from the duration, missing stamps from the arrival. */
export function captureWindow(flow: FlowObject): { from: number; to: number } | null {
  const end = nanosToMillis(flow.time_flow_end_ns) ?? nanosToMillis(flow.time_received_ns)
  if (end === null) return null
  const start = nanosToMillis(flow.time_flow_start_ns) ?? end - (number(flow.duration_ms) ?? 0)
  return { from: Math.min(start, end) - 1000, to: end + 1000 }
}
