import type { GenFlow, Profile } from './network.ts'

export const PROTOCOLS = ['v5', 'v9', 'ipfix', 'sflow'] as const
export type Protocol = (typeof PROTOCOLS)[number]

/** Turns flow records into the datagrams of one export format. All times are epoch milliseconds. */
export interface Encoder {
  /** Add a record to the datagram being filled; false when it does not fit: flush first. */
  add(flow: GenFlow): boolean
  readonly pending: number
  /** The datagram with what was added since the last one, sent at `exportMs`; null when nothing was. */
  flush(exportMs: number): Buffer | null
  /** What is sent from time to time beside flows: templates, names and sampling by options, counters. */
  housekeeping(exportMs: number): Buffer[]
}

/** Leaves room for IPv6, tunnels and the like within 1,500 octets of Ethernet. */
export const DATAGRAM_OCTETS = 1_400

/** An encoder for the protocol; the exporter's clock reads `bootMs` at its start. */
export interface ExporterFacts {
  profile: Profile
  bootMs: number
  /** Observation domain, source id or sub-agent. */
  domain: number
  /** Four octets: the agent address that sFlow carries inside. */
  agent: Uint8Array
}
