/**
 * Every bound of the decoder, with its default and its reason. Input can never enlarge them; a site can.
 * The defaults follow the threat list of the product: whatever arrives, memory and time per datagram stay inside these numbers.
 */
export interface DecoderLimits {
  /** Octets of one datagram. 65,507 is the most that UDP over IPv4 carries; 65,535 the most an IPFIX message can say. */
  datagramOctets: number
  /** Sets (v9 flowsets, IPFIX sets) read of one datagram. Real exporters send 1–10. */
  setsPerDatagram: number
  /** IPFIX messages read of one datagram. RFC 7011 knows one; some relays send several. */
  messagesPerDatagram: number
  /** Flow records given out for one datagram: 65,535 octets of 16-octet records, far more than any exporter packs. */
  recordsPerDatagram: number
  /** Flow records given out of parked sets on behalf of one datagram; the rest waits for the next. Keeps a replay inside 25 ms. */
  replayedRecordsPerDatagram: number
  /** Problems listed for one datagram; further ones are only counted. */
  problemsPerDatagram: number
  /** Fields of one template. The widest real one seen (nProbe, YAF) has under 150. */
  fieldsPerTemplate: number
  /** Templates accepted from one datagram. 1,400 octets hold at most 175 of one field each. */
  templatesPerDatagram: number
  /** Templates kept for one exporter; the least recently used of the same exporter goes first. */
  templatesPerExporter: number
  /** Octets of template memory (estimated) for one exporter. */
  templateOctetsPerExporter: number
  /** A template neither sent again nor used for so long is forgotten (RFC 7011, section 8.4 wants an end; exporters refresh hourly at the slowest). */
  templateIdleMs: number
  /** Observation domains kept for one exporter. Chassis with a domain per line card reach some dozens. */
  domainsPerExporter: number
  /** Transport sessions (source ports) that keep their own sampling tables in one domain. */
  sessionsPerDomain: number
  /** Samplers (or sampled interfaces) kept for one domain and session. */
  samplersPerDomain: number
  /** Application names kept for one domain. NBAR2 announces about 1,500. */
  applicationsPerDomain: number
  /** Exporters that have delivered a flow or options; the least recently heard goes first. */
  exporters: number
  /** Senders that have delivered nothing decodable yet. A sender moves on with its first decoded record. */
  probationExporters: number
  /** Estimated octets of state for all senders on probation together. */
  probationOctets: number
  /** Sequence streams (engines, domains, sub-agents) followed for one exporter. */
  streamsPerExporter: number
  /** Octets of data sets parked for want of a template, all exporters together. */
  parkedOctets: number
  /** The share of one exporter in them. */
  parkedOctetsPerExporter: number
  /** Sets parked, all exporters together (bounds the overhead of tiny sets). */
  parkedSets: number
  /** How long a parked set waits. Templates come at least once a minute where anyone cares. */
  parkedMs: number
  /** Octets of one text or octet-array value; longer ones are cut. */
  valueOctets: number
  /** Elements of one RFC 6313 list, and of one sFlow list (AS paths, communities). */
  listElements: number
  /** Values kept in `extra` for one record. */
  extraValues: number
  /** Nesting of RFC 6313 lists. */
  listDepth: number
  /** Encapsulations followed in one packet header (VLAN, MPLS, tunnels). */
  headerDepth: number
  /** Samples read of one sFlow datagram. */
  samplesPerDatagram: number
  /** Flow or counter records read of one sFlow sample. */
  recordsPerSample: number
  /** Octets of a snapshot that `restore` agrees to read. */
  snapshotOctets: number
}

export const DEFAULT_LIMITS: Readonly<DecoderLimits> = {
  datagramOctets: 65_535,
  setsPerDatagram: 256,
  messagesPerDatagram: 64,
  recordsPerDatagram: 4_096,
  replayedRecordsPerDatagram: 4_096,
  problemsPerDatagram: 32,
  fieldsPerTemplate: 512,
  templatesPerDatagram: 1_024,
  templatesPerExporter: 1_024,
  templateOctetsPerExporter: 4 << 20,
  templateIdleMs: 24 * 3_600_000,
  domainsPerExporter: 256,
  sessionsPerDomain: 16,
  samplersPerDomain: 1_024,
  applicationsPerDomain: 8_192,
  exporters: 16_384,
  probationExporters: 2_048,
  probationOctets: 2 << 20,
  streamsPerExporter: 256,
  parkedOctets: 16 << 20,
  parkedOctetsPerExporter: 4 << 20,
  parkedSets: 16_384,
  parkedMs: 60_000,
  valueOctets: 256,
  listElements: 1_000,
  extraValues: 512,
  listDepth: 4,
  headerDepth: 12,
  samplesPerDatagram: 1_024,
  recordsPerSample: 256,
  snapshotOctets: 256 << 20,
}
