import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { TARGETS } from '../src/candidates.ts'
import { ElementRegistry } from '../src/elements.ts'
import { builtInElements } from '../src/index.ts'

/**
 * Writes docs/fields.md: every field of the flow record with its column, unit, elements and places in the fixed formats.
 * `--check` writes nothing and fails when the file is not what would be written.
 */
interface Row {
  column: string
  field: string
  unit: string
  targets: string[]
  fixed: string
  sflow: string
}

const row = (column: string, field: string, unit: string, targets: string[], fixed: string, sflow: string): Row => ({
  column,
  field,
  unit,
  targets,
  fixed,
  sflow,
})

const ROWS: Row[] = [
  row('type', 'type', '', [], 'version word', 'version word'),
  row('event_kind', 'eventKind', '1 NAT, 2 firewall or discard', ['natEvent', 'firewallEvent'], '–', 'sample format 5'),
  row('time_received_ns', 'receivedMs, receivedNs', 'ns since 1970', [], 'collector', 'collector'),
  row(
    'time_flow_start_ns',
    'startMs, startNs',
    'ns since 1970, exporter’s clock',
    ['start', 'eventTime', 'duration', 'systemInit'],
    'First 24',
    '–',
  ),
  row(
    'time_flow_end_ns',
    'endMs, endNs',
    'ns since 1970, exporter’s clock',
    ['end', 'eventTime', 'duration', 'systemInit'],
    'Last 28',
    '–',
  ),
  row('bytes', 'bytes', 'octets as exported', ['bytes', 'responderBytes', 'frameSize'], 'dOctets 20', 'frame_length; else sampled length'),
  row('packets', 'packets', 'packets as exported', ['packets', 'responderPackets'], 'dPkts 16', '1'),
  row(
    'sampling_rate',
    'samplingRate',
    'N of 1 in N',
    ['samplingInterval', 'packetInterval', 'packetSpace', 'sampleSize', 'samplePopulation', 'samplingProbability', 'samplerId'],
    'header 22, low 14 bits (v5)',
    'sampling_rate',
  ),
  row('sequence_num', 'sequenceNum', '', [], 'header 16', 'datagram sequence'),
  row('observation_domain_id', 'observationDomainId', '', [], 'engine type and id', 'sub-agent id'),
  row('observation_point_id', 'observationPointId', '', ['observationPointId'], '–', '–'),
  row('sampler_address (exporter)', 'samplerAddress', 'address', [], 'UDP source', 'agent address'),
  row('src_addr', 'srcAddr', 'address', ['srcAddr'], 'srcaddr 0', 'IP source'),
  row('dst_addr', 'dstAddr', 'address', ['dstAddr'], 'dstaddr 4', 'IP destination'),
  row('src_port', 'srcPort', '', ['srcPort'], 'srcport 32', 'TCP, UDP, SCTP source'),
  row('dst_port', 'dstPort', '', ['dstPort'], 'dstport 34', 'TCP, UDP, SCTP destination'),
  row('proto', 'proto', 'IP protocol', ['proto'], 'prot 38', 'IP protocol'),
  row('etype', 'etype', 'ethertype', ['etype', 'ipVersion'], '0x0800', 'ethertype'),
  row('in_if', 'inIf', 'ifIndex', ['inIf'], 'input 12', 'input'),
  row('out_if', 'outIf', 'ifIndex', ['outIf'], 'output 14', 'output'),
  row('src_as', 'srcAs', 'AS number', ['srcAs'], 'src_as 40 (v5, v7)', 'extended_gateway src_as'),
  row('dst_as', 'dstAs', 'AS number', ['dstAs'], 'dst_as 42 (v5, v7)', 'last AS of the path'),
  row('next_hop_as', 'nextHopAs', 'AS number', ['nextHopAs'], '–', 'first AS of the path'),
  row('src_mask', 'srcMask', 'bits', ['srcMask'], 'src_mask 44 (v5, v7)', 'extended_router src_mask'),
  row('dst_mask', 'dstMask', 'bits', ['dstMask'], 'dst_mask 45 (v5, v7)', 'extended_router dst_mask'),
  row('next_hop', 'nextHop', 'address', ['nextHop'], 'nexthop 8', 'extended_router nexthop'),
  row('bgp_next_hop', 'bgpNextHop', 'address', ['bgpNextHop'], '–', 'extended_gateway nexthop'),
  row('tcp_flags', 'tcpFlags', 'low 8 bits', ['tcpFlags'], 'tcp_flags 37 (v1: 40)', 'TCP flags'),
  row('ip_tos', 'ipTos', 'octet', ['ipTos'], 'tos 39', 'TOS, traffic class'),
  row('ip_ttl', 'ipTtl', '', ['ipTtl'], '–', 'TTL, hop limit'),
  row('ip_flags', 'ipFlags', 'header’s 3 bits', ['ipFlags'], '–', 'IP flags'),
  row('fragment_id', 'fragmentId', '', ['fragmentId'], '–', 'identification'),
  row('fragment_offset', 'fragmentOffset', '8 octets', ['fragmentOffset'], '–', 'fragment offset'),
  row('ipv6_flow_label', 'ipv6FlowLabel', '', ['ipv6FlowLabel'], '–', 'flow label'),
  row('icmp_type', 'icmpType', '', ['icmpType', 'icmpTypeCode'], 'dstport, high octet', 'ICMP type'),
  row('icmp_code', 'icmpCode', '', ['icmpCode', 'icmpTypeCode'], 'dstport, low octet', 'ICMP code'),
  row('src_mac', 'srcMac', 'MAC', ['srcMac'], '–', 'Ethernet source'),
  row('dst_mac', 'dstMac', 'MAC', ['dstMac'], '–', 'Ethernet destination'),
  row('src_vlan', 'srcVlan', '', ['srcVlan'], '–', 'extended_switch src_vlan'),
  row('dst_vlan', 'dstVlan', '', ['dstVlan'], '–', 'extended_switch dst_vlan'),
  row('vlan_id', 'vlanId', '', ['vlanId'], '–', 'outer 802.1Q tag'),
  row('forwarding_status', 'forwardingStatus', 'RFC 7270', ['forwardingStatus'], '–', '128 when discarded'),
  row('flow_end_reason', 'flowEndReason', 'IE 136', ['flowEndReason'], '–', '–'),
  row('direction', 'direction', '0 ingress, 1 egress', ['direction'], '–', '–'),
  row('extra.post_nat_src_addr', 'postNatSrcAddr', 'address', ['postNatSrcAddr'], '–', 'extended_nat source'),
  row('extra.post_nat_dst_addr', 'postNatDstAddr', 'address', ['postNatDstAddr'], '–', 'extended_nat destination'),
  row('extra.post_nat_src_port', 'postNatSrcPort', '', ['postNatSrcPort'], '–', 'extended_nat_port source'),
  row('extra.post_nat_dst_port', 'postNatDstPort', '', ['postNatDstPort'], '–', 'extended_nat_port destination'),
  row('extra.mpls_label_1', 'mplsLabel1', 'top label', ['mplsLabel1'], '–', 'top label'),
  row('extra.application_name', 'applicationName', 'text', ['applicationName', 'applicationId'], '–', '–'),
]

const registry = new ElementRegistry()

function elementsOf(names: readonly string[]): string {
  const out: string[] = []
  for (const name of names) {
    for (const candidate of TARGETS.find((target) => target.name === name)?.candidates ?? []) {
      const element = registry.find(candidate.pen, candidate.id)
      const number = candidate.pen === 0 ? `${candidate.id}` : `${candidate.pen}/${candidate.id}`
      out.push(`${number} ${element.name}`)
    }
  }
  return out.length === 0 ? '–' : [...new Set(out)].join(', ')
}

function document(): string {
  const lines = [
    '# Fields',
    '',
    'Generated by `node packages/decoder/scripts/fields.ts` from the tables that the decoder itself uses; do not edit.',
    '',
    'One name for one thing: the column of table `flow` and the interchange record (JSON, filters) use the first column, TypeScript the second.',
    'Elements are IANA Information Elements by number (`enterprise/number` for a vendor’s); NetFlow v9 types below 32768 are the same numbers.',
    'Elements stand in order of preference: the first that a template has counts; of addresses, ports, masks and times the first that is not zero.',
    'Offsets are octets of a v5 record, and of v1 and v7 where nothing else is said. sFlow fields come from the sampled header and its extended data.',
    'What no field takes is kept in `extra` under its element’s name, or as hex under `e<enterprise>_<number>`.',
    '',
    '| column, interchange | TypeScript | unit | v9 and IPFIX elements | v1, v5, v7 | sFlow v5 |',
    '|---|---|---|---|---|---|',
    ...ROWS.map((r) => `| \`${r.column}\` | \`${r.field}\` | ${r.unit || '–'} | ${elementsOf(r.targets)} | ${r.fixed} | ${r.sflow} |`),
    '',
    '## Elements known by name',
    '',
    'Everything in the IANA registry, and these vendors. Types: u8–u64, i8–i64, f32, f64, bool, mac, ip4, ip6, text, octets, dates (seconds, ms, us, ns) and RFC 6313 lists.',
    '',
  ]
  const byPen = new Map<number, string[]>()
  for (const element of builtInElements()) {
    const list = byPen.get(element.pen) ?? []
    list.push(`| ${element.id} | ${element.name} | ${element.type} | ${element.semantics || '–'} | ${element.unit || '–'} |`)
    byPen.set(element.pen, list)
  }
  for (const [pen, rows] of byPen) {
    lines.push(
      `### ${pen === 0 ? 'IANA (enterprise 0)' : `Enterprise ${pen}`}`,
      '',
      '| number | name | type | semantics | unit |',
      '|---|---|---|---|---|',
      ...rows,
      '',
    )
  }
  return `${lines.join('\n').trimEnd()}\n`
}

const path = fileURLToPath(new URL('../../../docs/fields.md', import.meta.url))
const text = document()
if (process.argv.includes('--check')) {
  const { readFileSync } = await import('node:fs')
  if (readFileSync(path, 'utf8') !== text) {
    process.stderr.write('docs/fields.md is out of date: run node packages/decoder/scripts/fields.ts\n')
    process.exitCode = 1
  }
} else writeFileSync(path, text)
