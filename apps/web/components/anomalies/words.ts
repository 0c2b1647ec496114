import { portName, protocolName, type Severity } from '@weir/db/contracts'
import { bitsPerSecond, bytes, count, exact, flowsPerSecond, packetsPerSecond, share, significant } from '../format.ts'

/** How the figures and words of an anomaly read. Pure. */

/** A value of a finding in its unit: '1.2 Gbit/s', '1,883 SYN/s', '10.1 %'. Unknown comes out as a dash. */
export function amount(unit: string, value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  if (unit === 'bit/s') return bitsPerSecond(value)
  if (unit === 'B') return bytes(value)
  if (unit === 'packets/s') return packetsPerSecond(value)
  if (unit === 'flows/s') return flowsPerSecond(value)
  if (unit === 'share') return share(value)
  if (unit === 'score') return significant(value)
  const number = Number.isInteger(value) && value < 1e6 ? exact(value) : count(value)
  return `${number} ${unit}`
}

/** What is usual, which reads as 'none' where it rounds to nothing. */
export const usual = (unit: string, value: number | null | undefined): string =>
  value !== null && value !== undefined && value < 0.05 && unit !== 'share' && unit !== 'score' ? 'none' : amount(unit, value)

/** A sentence whose numbers stay on one line with their units. */
export const unbroken = (sentence: string): string =>
  sentence.replace(/(\d) (?=(?:%|[kMGTP]?(?:B|bit|bit\/s|s|min|h|packets\/s|flows\/s))(?![\w/]))/g, '$1\u00a0')

/** The unit as axes carry it: short, as in the figures. */
export const axisUnit = (unit: string): string => ({ 'packets/s': 'pkt/s', 'flows/s': 'flow/s' })[unit] ?? unit

/** How far above what is usual: '18 × usual'; null where nothing is expected, or the value is below it. */
export function timesExpected(value: number, expected: number | null): string | null {
  if (expected === null || expected <= 0 || value < expected * 1.05) return null
  return `${significant(value / expected)} × usual`
}

const STATISTICS: Readonly<Record<string, string>> = {
  packets: 'Packet rate',
  bytes: 'Volume',
  flows: 'Flow rate',
  connections: 'Connections',
  conversations: 'Conversations',
  short_packets: 'Packets of at most 64 B',
  score: 'Score of regularity',
  distinct_failed_ports: 'Ports tried in vain',
  distinct_failed_ports_24h: 'Ports tried in vain in 24 h',
  distinct_failed_targets: 'Hosts tried in vain',
  first_contact: 'First contacts',
  flow_share: 'Share of flows',
}
export const statisticName = (statistic: string, unit: string): string =>
  statistic === 'bytes' && unit === 'bit/s' ? 'Traffic rate' : (STATISTICS[statistic] ?? statistic.replaceAll('_', ' '))

const DIMENSIONS: Readonly<Record<string, string>> = {
  src_addr: 'Sources',
  dst_addr: 'Destinations',
  src_port: 'Source ports',
  dst_port: 'Destination ports',
  proto: 'Protocols',
  service: 'Services',
  src_country: 'Source countries',
  dst_country: 'Destination countries',
  src_as: 'Source AS',
  src_net: 'Source networks',
  packet_size: 'Packet sizes',
}
export const dimensionName = (dimension: string): string => DIMENSIONS[dimension] ?? dimension

/** A part's value as people read it, and the filter term that selects it; null where the language has none. */
export function partText(dimension: string, value: string): { text: string; filter: string | null } {
  if (dimension === 'src_port' || dimension === 'dst_port') {
    // A flood says the protocol as well: '17/53'.
    const [, proto, number = value] = /^(\d+)\/(\d+)$/.exec(value) ?? []
    if (proto !== undefined) {
      const name = portName(Number(number), Number(proto))
      const protocol = protocolName(Number(proto)).toUpperCase()
      return {
        text: `${number}${name == null ? '' : ` ${name}`} · ${protocol}`,
        filter: `proto = ${proto} and ${dimension} = ${number}`,
      }
    }
    const port = Number(value)
    const name = Number.isInteger(port) ? (portName(port, 6) ?? portName(port, 17)) : null
    return {
      text: name === null || name === undefined ? value : `${value} ${name}`,
      filter: Number.isInteger(port) ? `${dimension} = ${port}` : null,
    }
  }
  if (dimension === 'src_addr' || dimension === 'dst_addr') return { text: value, filter: `${dimension} = ${value}` }
  if (dimension === 'src_net') return { text: value, filter: `src_addr = ${value}` }
  if (dimension === 'src_country' || dimension === 'dst_country')
    return { text: value, filter: /^[A-Z]{2}$/.test(value) ? `${dimension} = ${value}` : null }
  if (dimension === 'proto') return { text: value.toUpperCase(), filter: null }
  return { text: value, filter: null }
}

export const SEVERITY_NAMES: Readonly<Record<Severity, string>> = { critical: 'Critical', warning: 'Warning', info: 'Info' }
export const STATE_NAMES = {
  new: 'New',
  acknowledged: 'Acknowledged',
  confirmed: 'Confirmed risk',
  dismissed: 'Dismissed',
  closed: 'Closed',
} as const

const EVENTS: Readonly<Record<string, string>> = {
  opened: 'Found',
  escalated: 'Got worse',
  restarted: 'Started again',
  folded: 'Explained by another anomaly',
  ended: 'Ended',
  reopened: 'Opened again',
  acknowledged: 'Acknowledged',
  confirmed: 'Confirmed as a risk',
  dismissed: 'Dismissed',
  closed: 'Closed',
}
export const eventName = (kind: string): string => EVENTS[kind] ?? kind.replaceAll('_', ' ')
