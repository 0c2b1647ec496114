import { describe, expect, test } from 'vitest'
import { Decoder, type DecoderOptions, type InterchangeFlow, type InterfaceCounters, type LearnedName } from '../src/index.ts'
import { collector } from './captures.ts'
import {
  ethernet,
  flowSample,
  ip4,
  ip6,
  ipfix,
  ipfixOptions,
  ipfixTemplate,
  MAC_A,
  Octets,
  rawHeader,
  type Spec,
  set,
  sflow,
  tcp,
  udp,
  V6_A,
  V6_B,
  v5,
  v9,
  v9Options,
  v9Template,
  xdr,
} from './encode.ts'

const SOURCE = { address: '192.0.2.1', port: 2055, receivedMs: 1_700_000_000_000 }
const EXPORT_MS = 1_700_000_000_000

/** Decode datagrams with one decoder and give the flows of the last. */
function last(datagrams: readonly Uint8Array[], options?: DecoderOptions): InterchangeFlow[] {
  const decoder = new Decoder(options)
  let flows: InterchangeFlow[] = []
  for (const datagram of datagrams) {
    const sink = collector()
    decoder.decode(datagram, SOURCE, sink)
    flows = sink.flows
  }
  return flows
}

/** One IPFIX record of the given fields. */
function record(fields: readonly (readonly [Spec, Uint8Array | number[]])[], options?: DecoderOptions): InterchangeFlow {
  const body = new Octets()
  for (const [[, length], value] of fields) {
    if (length === 65_535) body.variable(value)
    else body.bytes(value)
  }
  const flows = last(
    [
      ipfix([
        set(
          2,
          ipfixTemplate(
            256,
            fields.map(([spec]) => spec),
          ),
        ),
        set(256, body.done()),
      ]),
    ],
    options,
  )
  expect(flows.length).toBeGreaterThan(0)
  return flows[0] as InterchangeFlow
}

const n = (value: number | bigint, octets: number): Uint8Array => new Octets().uint(value, octets).done()
const PORT: readonly [Spec, Uint8Array] = [[7, 2], n(9, 2)]

describe('sampling', () => {
  const cases: [string, readonly (readonly [Spec, Uint8Array])[], number][] = [
    ['samplingInterval (34)', [[[34, 4], n(1000, 4)]], 1000],
    ['samplerRandomInterval (50)', [[[50, 2], n(512, 2)]], 512],
    [
      'samplingPacketInterval and Space (305, 306)',
      [
        [[305, 4], n(1, 4)],
        [[306, 4], n(499, 4)],
      ],
      500,
    ],
    [
      'samplingSize and Population (309, 310)',
      [
        [[309, 4], n(2, 4)],
        [[310, 4], n(2000, 4)],
      ],
      1000,
    ],
    ['samplingProbability (311)', [[[311, 8], Uint8Array.from([0x3f, 0x50, 0x62, 0x4d, 0xd2, 0xf1, 0xa9, 0xfc])]], 1000],
    ['a byte-swapped interval (RouterOS)', [[[34, 4], Uint8Array.from([0xae, 8, 0, 0])]], 2222],
  ]
  test.each(cases)('%s in a record of its own', (_name, fields, rate) => {
    expect(record([PORT, ...fields]).sampling_rate).toBe(rate)
  })

  test.each(cases)('%s through options, for the domain', (_name, fields, rate) => {
    const specs = fields.map(([spec]) => spec)
    const values = new Octets().u32(1)
    for (const [, value] of fields) values.bytes(value)
    const flows = last([
      ipfix([
        set(3, ipfixOptions(300, [[149, 4]], specs)),
        set(300, values.done()),
        set(2, ipfixTemplate(256, [[7, 2]])),
        set(256, n(9, 2)),
      ]),
    ])
    expect(flows[0]?.sampling_rate).toBe(rate)
  })

  test.each([48, 302])('by sampler or selector id (%i); a record that names none gets no rate where two differ', (id) => {
    const options = set(3, ipfixOptions(300, [[id, 4]], [[34, 4]]))
    const told = set(300, new Octets().u32(1).u32(100).u32(2).u32(1000).done())
    const flows = last([
      ipfix([
        options,
        told,
        set(
          2,
          ipfixTemplate(256, [
            [7, 2],
            [id, 4],
          ]),
        ),
        set(256, new Octets().u16(1).u32(1).u16(2).u32(2).u16(3).u32(3).done()),
      ]),
    ])
    expect(flows.map((f) => f.sampling_rate)).toEqual([100, 1000, undefined])
  })

  test('by interface (v9 scope 2)', () => {
    const flows = last([
      v9([
        set(1, v9Options(300, [[2, 4]], [[34, 4]])),
        set(300, new Octets().u32(7).u32(64).u32(8).u32(128).done()),
        set(0, v9Template(256, [[10, 4]])),
        set(256, new Octets().u32(7).u32(8).u32(9).done()),
      ]),
    ])
    expect(flows.map((f) => f.sampling_rate)).toEqual([64, 128, undefined])
  })

  test('is told of one domain only', () => {
    const decoder = new Decoder()
    const sink = collector()
    decoder.decode(
      v9([set(1, v9Options(300, [[1, 4]], [[34, 4]])), set(300, new Octets().u32(0).u32(64).done())], { domain: 1 }),
      SOURCE,
      sink,
    )
    decoder.decode(v9([set(0, v9Template(256, [[10, 4]])), set(256, n(7, 4))], { domain: 2 }), SOURCE, sink)
    expect(sink.flows[0]?.sampling_rate).toBeUndefined()
  })

  test('v5: the low 14 bits, whatever the mode; 0 is unknown and 1 is unsampled', () => {
    expect(last([v5(1, { sampling: 0x4064 })])[0]?.sampling_rate).toBe(100)
    expect(last([v5(1, { sampling: 100 })])[0]?.sampling_rate).toBe(100)
    expect(last([v5(1, { sampling: 0x4000 })])[0]?.sampling_rate).toBeUndefined()
    expect(last([v5(1, { sampling: 1 })])[0]?.sampling_rate).toBe(1)
  })
})

describe('times', () => {
  test('sysUpTime of v9 counts from the header, also across its wrap', () => {
    const fields: Spec[] = [
      [22, 4],
      [21, 4],
    ]
    const body = new Octets().u32(400_000).u32(500_000).u32(4_294_967_295).u32(1_000).done()
    const flows = last([v9([set(0, v9Template(256, fields)), set(256, body)], { upTime: 600_000 })])
    expect(flows[0]).toMatchObject({
      time_flow_start_ns: BigInt(EXPORT_MS - 200_000) * 1_000_000n,
      time_flow_end_ns: BigInt(EXPORT_MS - 100_000) * 1_000_000n,
    })
    expect(flows[1]).toMatchObject({ time_flow_start_ns: BigInt(EXPORT_MS - 600_001) * 1_000_000n })
  })

  test('sysUpTime of IPFIX has no absolute time without systemInitTimeMilliseconds, in the record or through options', () => {
    const start: readonly [Spec, Uint8Array] = [[22, 4], n(5000, 4)]
    expect(record([PORT, start])).toMatchObject({ extra: { flowStartSysUpTime: 5000 } })
    expect(record([PORT, start]).time_flow_start_ns).toBeUndefined()
    expect(record([start, [[160, 8], n(1_000_000, 8)]]).time_flow_start_ns).toBe(1_005_000_000_000n)
    const told = [set(3, ipfixOptions(300, [[149, 4]], [[160, 8]])), set(300, new Octets().u32(1).uint(2_000_000, 8).done())]
    expect(last([ipfix([...told, set(2, ipfixTemplate(256, [[22, 4]])), set(256, n(5000, 4))])])[0]?.time_flow_start_ns).toBe(
      2_005_000_000_000n,
    )
  })

  test('NTP micro- and nanoseconds (RFC 7011, 6.1.9 and 6.1.10)', () => {
    const ntp = new Octets()
      .u32(1_700_000_000 + 2_208_988_800)
      .u32(0x80000000)
      .done()
    expect(record([PORT, [[154, 8], ntp], [[157, 8], ntp]])).toMatchObject({
      time_flow_start_ns: 1_700_000_000_500_000_000n,
      time_flow_end_ns: 1_700_000_000_500_000_000n,
    })
  })

  test('plain micro- and nanoseconds where NTP is due are taken for what they are', () => {
    expect(record([PORT, [[154, 8], n(1_700_000_000_123_456n, 8)], [[157, 8], n(1_700_000_000_123_456_789n, 8)]])).toMatchObject({
      time_flow_start_ns: 1_700_000_000_123_456_000n,
      time_flow_end_ns: 1_700_000_000_123_456_789n,
    })
  })

  test('seconds, milliseconds, delta microseconds, durations and event times', () => {
    expect(record([PORT, [[150, 4], n(1_600_000_000, 4)], [[161, 4], n(1500, 4)]])).toMatchObject({
      time_flow_start_ns: 1_600_000_000_000_000_000n,
      time_flow_end_ns: 1_600_000_001_500_000_000n,
    })
    expect(record([PORT, [[158, 4], n(1500, 4)], [[159, 4], n(500, 4)]])).toMatchObject({
      time_flow_start_ns: 1_699_999_999_998_500_000n,
      time_flow_end_ns: 1_699_999_999_999_500_000n,
    })
    expect(record([PORT, [[323, 8], n(1_600_000_000_001, 8)]])).toMatchObject({
      time_flow_start_ns: 1_600_000_000_001_000_000n,
      time_flow_end_ns: 1_600_000_000_001_000_000n,
    })
  })

  test('a stamp beyond what 63 bits of nanoseconds hold is no time', () => {
    expect(record([PORT, [[152, 8], n(0xffffffffffffffffn, 8)]]).time_flow_start_ns).toBeUndefined()
  })
})

describe('counters and encodings', () => {
  test('reduced-size encoding of 1 to 8 octets, exact beyond 2^53', () => {
    for (let octets = 1; octets <= 8; octets++) {
      const value = (1n << BigInt(octets * 8)) - 1n
      expect(BigInt(record([[[1, octets], n(value, octets)]]).bytes as number)).toBe(value)
    }
  })

  test('octetTotalCount counts where there is no delta, and stands aside where there is', () => {
    expect(record([[[85, 8], n(5, 8)]]).bytes).toBe(5)
    expect(
      record([
        [[85, 8], n(5, 8)],
        [[1, 4], n(3, 4)],
      ]),
    ).toMatchObject({ bytes: 3, extra: { octetTotalCount: 5 } })
  })

  test('both directions of a firewall count together', () => {
    expect(record([PORT, [[231, 4], n(100, 4)], [[232, 4], n(23, 4)], [[298, 4], n(2, 4)], [[299, 4], n(1, 4)]])).toMatchObject({
      bytes: 123,
      packets: 3,
      extra: { initiatorOctets: 100, responderOctets: 23 },
    })
  })

  test('a biflow becomes two flows (RFC 5103), and a silent responder none', () => {
    const fields: Spec[] = [
      [8, 4],
      [12, 4],
      [7, 2],
      [11, 2],
      [1, 4],
      [2, 4],
      [1, 4, 29305],
      [2, 4, 29305],
      [6, 1],
      [6, 1, 29305],
    ]
    const body = (back: number): Uint8Array =>
      new Octets()
        .bytes([10, 0, 0, 1, 10, 0, 0, 2])
        .u16(1)
        .u16(2)
        .u32(100)
        .u32(3)
        .u32(back)
        .u32(back / 10)
        .u8(2)
        .u8(18)
        .done()
    expect(last([ipfix([set(2, ipfixTemplate(256, fields)), set(256, body(50))])])).toMatchObject([
      { src_addr: '10.0.0.1', dst_addr: '10.0.0.2', src_port: 1, dst_port: 2, bytes: 100, packets: 3, tcp_flags: 2 },
      { src_addr: '10.0.0.2', dst_addr: '10.0.0.1', src_port: 2, dst_port: 1, bytes: 50, packets: 5, tcp_flags: 18 },
    ])
    expect(last([ipfix([set(2, ipfixTemplate(256, fields)), set(256, body(0))])])).toHaveLength(1)
  })

  test('of an IPv4 and an IPv6 address in one template the one that is not zero counts', () => {
    const fields: Spec[] = [
      [8, 4],
      [12, 4],
      [27, 16],
      [28, 16],
      [9, 1],
      [29, 1],
    ]
    const zero = new Array<number>(16).fill(0)
    const six = new Octets().u32(0).u32(0).bytes(V6_A).bytes(V6_B).u8(0).u8(64).done()
    const four = new Octets().bytes([10, 0, 0, 1, 10, 0, 0, 2]).bytes(zero).bytes(zero).u8(24).u8(0).done()
    const flows = last([ipfix([set(2, ipfixTemplate(256, fields)), set(256, new Octets().bytes(six).bytes(four).bytes(six).done())])])
    expect(flows).toMatchObject([
      { src_addr: '2001:db8::1', dst_addr: '2001:db8::2', etype: 0x86dd, src_mask: 64 },
      { src_addr: '10.0.0.1', dst_addr: '10.0.0.2', etype: 0x0800, src_mask: 24 },
      { src_addr: '2001:db8::1', dst_addr: '2001:db8::2', etype: 0x86dd },
    ])
  })

  test('variable lengths in the short and the long form, in v9 too; empty ones are absent', () => {
    const name: Spec = [82, 65_535]
    expect(record([[name, new TextEncoder().encode('eth0')], PORT])).toMatchObject({ src_port: 9, extra: { interfaceName: 'eth0' } })
    expect(record([[name, new Uint8Array(0)], PORT])).toMatchObject({ src_port: 9 })
    const long = new Octets()
      .variable(new TextEncoder().encode('x'.repeat(300)))
      .u16(9)
      .done()
    expect(last([v9([set(0, v9Template(256, [name, [7, 2]])), set(256, long)])])).toMatchObject([
      { src_port: 9, extra: { interfaceName: 'x'.repeat(256) } },
    ])
  })

  test('v9 types above 32767 are no enterprise fields', () => {
    const flows = last([
      v9([
        set(
          0,
          v9Template(256, [
            [33002, 2],
            [57590, 4],
            [7, 2],
          ]),
        ),
        set(256, new Octets().u16(1001).text('abc').u8(0).u16(9).done()),
      ]),
    ])
    expect(flows).toMatchObject([{ src_port: 9, extra: { firewallExtendedEvent: 1001, l7Proto: 'abc' } }])
  })

  test('padding of any length below a record ends a set; zero tails end a packet; lengths need no multiple of four', () => {
    for (let pad = 0; pad < 6; pad++) {
      const flows = last([
        ipfix([
          set(
            2,
            ipfixTemplate(256, [
              [7, 2],
              [1, 4],
            ]),
          ),
          set(256, new Octets().u16(9).u32(5).done(), pad),
          set(256, new Octets().u16(8).u32(5).done()),
        ]),
      ])
      expect(flows.map((f) => f.src_port)).toEqual([9, 8])
    }
    const odd = v9([
      set(
        0,
        v9Template(256, [
          [7, 2],
          [4, 1],
        ]),
      ),
      set(256, new Octets().u16(9).u8(6).done()),
      Uint8Array.from([0]),
      set(256, new Octets().u16(8).u8(6).done()),
      new Uint8Array(9),
    ])
    expect(last([odd]).map((f) => f.src_port)).toEqual([9, 8])
  })

  test('several templates in one set', () => {
    const both = new Octets()
      .bytes(ipfixTemplate(256, [[7, 2]]))
      .bytes(ipfixTemplate(257, [[11, 2]]))
      .done()
    expect(last([ipfix([set(2, both), set(256, n(1, 2)), set(257, n(2, 2))])])).toMatchObject([{ src_port: 1 }, { dst_port: 2 }])
  })

  test('structured data (RFC 6313) is kept as JSON text, nested lists and unknown elements too', () => {
    const basic = new Octets()
      .u8(3)
      .u16(82)
      .u16(65_535)
      .variable(new TextEncoder().encode('a'))
      .variable(new TextEncoder().encode('b'))
      .done()
    const enterprise = new Octets().u8(3).u16(0x8001).u16(2).u32(99_999).u16(1).u16(2).done()
    const inner = ipfixTemplate(300, [
      [7, 2],
      [4, 1],
    ])
    const rows = new Octets().u8(3).u16(300).u16(80).u8(6).u16(53).u8(17).done()
    const multi = new Octets().u8(3).u16(300).u16(7).u16(22).u8(6).u16(300).u16(10).u16(23).u8(6).u16(24).u8(6).done()
    const fields: Spec[] = [
      [291, 65_535],
      [291, 65_535],
      [292, 65_535],
      [293, 65_535],
    ]
    const body = new Octets().variable(basic).variable(enterprise).variable(rows).variable(multi).done()
    const flows = last([ipfix([set(2, inner), set(2, ipfixTemplate(256, fields)), set(256, body)])])
    expect(flows[0]?.extra).toEqual({
      basicList: '["a","b"]',
      basicList_2: '["0001","0002"]',
      subTemplateList: '[{"sourceTransportPort":80,"protocolIdentifier":6},{"sourceTransportPort":53,"protocolIdentifier":17}]',
      subTemplateMultiList:
        '[{"sourceTransportPort":22,"protocolIdentifier":6},{"sourceTransportPort":23,"protocolIdentifier":6},{"sourceTransportPort":24,"protocolIdentifier":6}]',
    })
  })

  test('unknown elements are kept as hex, floats and booleans read, text cleaned of NUL and bad UTF-8', () => {
    const flow = record([
      [[7, 4, 99_999], Uint8Array.from([1, 2, 3, 4])],
      [[276, 1], Uint8Array.from([2])],
      [[320, 8], Uint8Array.from([0x40, 0x09, 0x21, 0xfb, 0x54, 0x44, 0x2d, 0x18])],
      [[371, 8], Uint8Array.from([0x61, 0, 0x62, 0xff, 0, 0, 0, 0])],
    ])
    expect(flow.extra).toEqual({ e99999_7: '01020304', dataRecordsReliability: 0, absoluteError: Math.PI, userName: 'ab\ufffd' })
  })

  test('a site maps vendor elements: by name, or as an element of IANA', () => {
    const elements = [
      { pen: 4242, id: 1, name: 'customerBytes', as: 1 },
      { pen: 4242, id: 2, name: 'customer', type: 'text' as const },
    ]
    expect(
      record(
        [
          [[1, 4, 4242], n(77, 4)],
          [[2, 4, 4242], new TextEncoder().encode('acme')],
        ],
        { elements },
      ),
    ).toMatchObject({ bytes: 77, extra: { customer: 'acme' } })
  })
})

describe('meaning of fields', () => {
  test.each([
    ['32', [[[32, 2], n(0x0803, 2)]]],
    ['139', [[[139, 2], n(0x0803, 2)]]],
    [
      '176 and 177',
      [
        [[176, 1], n(8, 1)],
        [[177, 1], n(3, 1)],
      ],
    ],
    [
      '178 and 179',
      [
        [[178, 1], n(8, 1)],
        [[179, 1], n(3, 1)],
      ],
    ],
    ['the destination port', [[[11, 2], n(0x0803, 2)]]],
  ] as [string, (readonly [Spec, Uint8Array])[]][])('ICMP type and code from %s', (_name, fields) => {
    expect(record([[[4, 1], n(1, 1)], ...fields])).toMatchObject({ icmp_type: 8, icmp_code: 3 })
  })

  test('NAT events (RFC 8158) and NSEL are events; a flow that says what the firewall did is traffic', () => {
    const nat: readonly [Spec, Uint8Array] = [[225, 4], Uint8Array.from([198, 51, 100, 1])]
    expect(record([PORT, nat, [[230, 1], n(4, 1)]])).toMatchObject({ event_kind: 1, event: 4, post_nat_src_addr: '198.51.100.1' })
    expect(record([PORT, nat, [[230, 1], n(4, 1)], [[1, 4], n(4, 4)]]).event_kind).toBeUndefined()
    expect(record([PORT, [[233, 1], n(2, 1)], [[85, 4], n(9, 4)]])).toMatchObject({ event_kind: 2, event: 2 })
    expect(record([PORT, [[233, 1], n(2, 1)], [[231, 4], n(9, 4)], [[232, 4], n(1, 4)]])).toMatchObject({ event_kind: 2, bytes: 10 })
    expect(record([PORT, [[233, 1], n(2, 1)], [[1, 4], n(9, 4)], [[2, 4], n(1, 4)]]).event_kind).toBeUndefined()
  })

  test('names: interfaces, applications, VRFs, users and samplers told through options reach the sink', () => {
    const decoder = new Decoder()
    const names: LearnedName[] = []
    const text = (s: string, length: number): Uint8Array =>
      new Octets()
        .text(s)
        .bytes(new Array<number>(length - s.length).fill(0))
        .done()
    decoder.decode(
      v9([
        set(
          1,
          v9Options(
            300,
            [[2, 4]],
            [
              [82, 8],
              [83, 8],
            ],
          ),
        ),
        set(300, new Octets().u32(3).bytes(text('ge-0/0/1', 8)).bytes(text('uplink', 8)).done()),
        set(
          1,
          v9Options(
            301,
            [[1, 4]],
            [
              [95, 4],
              [96, 8],
            ],
          ),
        ),
        set(301, new Octets().u32(0).u32(0x03000050).bytes(text('http', 8)).done()),
        set(
          1,
          v9Options(
            302,
            [[1, 4]],
            [
              [234, 4],
              [236, 8],
            ],
          ),
        ),
        set(302, new Octets().u32(0).u32(5).bytes(text('red', 8)).done()),
        set(
          1,
          v9Options(
            303,
            [[1, 4]],
            [
              [48, 1],
              [84, 8],
              [50, 4],
            ],
          ),
        ),
        set(303, new Octets().u32(0).u8(2).bytes(text('fast', 8)).u32(10).done()),
      ]),
      SOURCE,
      { flow: () => undefined, name: (_source, _domain, name) => void names.push(name) },
    )
    expect(names).toEqual([
      { kind: 'interface', key: '3', name: 'ge-0/0/1', description: 'uplink' },
      { kind: 'application', key: '3:80', name: 'http', description: '' },
      { kind: 'vrf', key: '5', name: 'red', description: '' },
      { kind: 'sampler', key: '2', name: 'fast', description: '' },
    ])
  })

  test('application names: by id of any length (NBAR 4, Fortinet 9 octets), or in the record (Palo Alto)', () => {
    for (const id of [n(0x03000050, 4), Uint8Array.from([20, 0, 0, 0x30, 0x44, 0, 0, 0x8f, 0x34])]) {
      const flows = last([
        v9([
          set(
            1,
            v9Options(
              301,
              [[1, 4]],
              [
                [95, id.length],
                [96, 4],
              ],
            ),
          ),
          set(301, new Octets().u32(0).bytes(id).text('http').done()),
          set(
            0,
            v9Template(256, [
              [95, id.length],
              [7, 2],
            ]),
          ),
          set(256, new Octets().bytes(id).u16(9).done()),
        ]),
      ])
      expect(flows[0]?.application_name).toBe('http')
    }
    expect(
      last([
        v9([
          set(
            0,
            v9Template(256, [
              [56701, 8],
              [7, 2],
            ]),
          ),
          set(256, new Octets().text('web-brow').u16(9).done()),
        ]),
      ])[0]?.application_name,
    ).toBe('web-brow')
  })

  test('MPLS labels, VLANs, MACs, direction, end reason, forwarding status, next hops, AS', () => {
    expect(
      record([
        [[70, 3], Uint8Array.from([0x00, 0x3e, 0x91])],
        [[71, 3], Uint8Array.from([0x00, 0x3e, 0xa1])],
        [[58, 2], n(100, 2)],
        [[59, 2], n(200, 2)],
        [[56, 6], Uint8Array.from(MAC_A)],
        [[61, 1], n(1, 1)],
        [[136, 1], n(2, 1)],
        [[89, 1], n(64, 1)],
        [[15, 4], Uint8Array.from([10, 0, 0, 254])],
        [[63, 16], Uint8Array.from(V6_A)],
        [[16, 4], n(4_200_000_000, 4)],
        [[128, 4], n(64_500, 4)],
        [[6, 2], n(0x112, 2)],
        [[195, 1], n(46, 1)],
      ]),
    ).toMatchObject({
      mpls_label_1: 1001,
      src_vlan: 100,
      dst_vlan: 200,
      src_mac: '02:00:00:00:00:01',
      direction: 1,
      flow_end_reason: 2,
      forwarding_status: 64,
      next_hop: '10.0.0.254',
      bgp_next_hop: '2001:db8::1',
      src_as: 4_200_000_000,
      next_hop_as: 64_500,
      tcp_flags: 0x12,
      ip_tos: 184,
      extra: { mplsLabelStackSection2: 1002, tcpControlBits: 0x112 },
    })
  })

  test('a frame section (IE 315) is read like an sFlow header; what the exporter counts wins', () => {
    const frame = ethernet(0x0800, ip4(6, tcp()))
    expect(
      record([
        [[315, 65_535], frame],
        [[312, 2], n(1500, 2)],
        [[10, 4], n(7, 4)],
      ]),
    ).toMatchObject({ src_addr: '10.0.0.1', dst_port: 443, bytes: 1500, packets: 1, in_if: 7, etype: 0x0800, tcp_flags: 0x18 })
    expect(record([[[313, 65_535], ip6(17, udp(53, 5000))]])).toMatchObject({
      src_addr: '2001:db8::1',
      src_port: 53,
      bytes: 48,
      packets: 1,
    })
    expect(
      record([
        [[315, 65_535], frame],
        [[1, 4], n(9, 4)],
        [[2, 4], n(3, 4)],
      ]),
    ).toMatchObject({ bytes: 9, packets: 3 })
  })
})

/** The flow of one sampled header. */
function sampled(header: Uint8Array, protocol = 1): InterchangeFlow {
  const flows = last([sflow([flowSample([rawHeader(header, protocol)])])])
  expect(flows).toHaveLength(1)
  return flows[0] as InterchangeFlow
}

describe('sampled headers', () => {
  test('IPv4 with TCP', () => {
    expect(sampled(ethernet(0x0800, ip4(6, tcp())))).toMatchObject({
      type: 'SFLOW_5',
      sampler_address: '192.0.2.9',
      src_mac: '02:00:00:00:00:01',
      dst_mac: '02:00:00:00:00:02',
      src_addr: '10.0.0.1',
      dst_addr: '10.0.0.2',
      proto: 6,
      src_port: 51_000,
      dst_port: 443,
      tcp_flags: 0x18,
      ip_tos: 0xb8,
      ip_ttl: 61,
      ip_flags: 2,
      fragment_id: 7,
      bytes: 1000,
      packets: 1,
      sampling_rate: 100,
      in_if: 1,
      out_if: 2,
    })
  })

  test('IPv6 with extension headers and a fragment header', () => {
    const options = new Octets().u8(44).u8(0).bytes([0, 0, 0, 0, 0, 0]).done()
    const first = new Octets().u8(17).u8(0).u16(1).u32(77).bytes(udp(53, 5000)).done()
    expect(sampled(ethernet(0x86dd, ip6(0, new Octets().bytes(options).bytes(first).done())))).toMatchObject({
      src_addr: '2001:db8::1',
      proto: 17,
      src_port: 53,
      dst_port: 5000,
      ip_flags: 1,
      fragment_id: 77,
      ipv6_flow_label: 0x12345,
      ip_tos: 0xb8,
    })
    const later = new Octets().u8(17).u8(0).u16(0x0100).u32(77).bytes(udp(53, 5000)).done()
    const flow = sampled(ethernet(0x86dd, ip6(44, later)))
    expect(flow).toMatchObject({ proto: 17, fragment_offset: 32 })
    expect(flow.src_port).toBeUndefined()
  })

  test('a later IPv4 fragment has no ports', () => {
    const flow = sampled(ethernet(0x0800, ip4(17, udp(1, 2), 0x2003)))
    expect(flow).toMatchObject({ fragment_offset: 3, ip_flags: 1, proto: 17 })
    expect(flow.src_port).toBeUndefined()
  })

  test('one and two VLAN tags', () => {
    const tagged = (vlan: number, type: number, body: Uint8Array): Uint8Array => new Octets().u16(vlan).u16(type).bytes(body).done()
    expect(sampled(ethernet(0x8100, tagged(0xa064, 0x0800, ip4(6, tcp()))))).toMatchObject({ vlan_id: 100, dst_port: 443, etype: 0x0800 })
    expect(sampled(ethernet(0x88a8, tagged(7, 0x8100, tagged(8, 0x0800, ip4(6, tcp())))))).toMatchObject({
      vlan_id: 7,
      dst_port: 443,
      extra: { customerVlanId: 8 },
    })
  })

  test('MPLS, PPPoE, LLC/SNAP, PPP and bare IP', () => {
    const packet = ip4(6, tcp())
    const stack = new Octets()
      .u32((100 << 12) | 64)
      .u32((200 << 12) | 0x100 | 64)
      .bytes(packet)
      .done()
    expect(sampled(ethernet(0x8847, stack))).toMatchObject({ mpls_label_1: 100, dst_port: 443, extra: { mplsLabel2: 200 } })
    expect(sampled(stack, 13)).toMatchObject({ mpls_label_1: 100, dst_port: 443 })
    expect(
      sampled(
        ethernet(
          0x8864,
          new Octets()
            .u16(0x1100)
            .u16(1)
            .u16(packet.length + 2)
            .u16(0x0021)
            .bytes(packet)
            .done(),
        ),
      ),
    ).toMatchObject({ dst_port: 443 })
    expect(sampled(ethernet(packet.length + 8, new Octets().bytes([0xaa, 0xaa, 3, 0, 0, 0, 8, 0]).bytes(packet).done()))).toMatchObject({
      dst_port: 443,
      etype: 0x0800,
    })
    expect(sampled(new Octets().u16(0xff03).u16(0x0021).bytes(packet).done(), 7)).toMatchObject({ dst_port: 443 })
    expect(sampled(packet, 11)).toMatchObject({ dst_port: 443 })
    expect(sampled(ip6(6, tcp()), 12)).toMatchObject({ dst_port: 443 })
  })

  test('ICMP, SCTP', () => {
    expect(sampled(ethernet(0x0800, ip4(1, Uint8Array.from([3, 1, 0, 0]))))).toMatchObject({ icmp_type: 3, icmp_code: 1 })
    expect(sampled(ethernet(0x0800, ip4(132, new Octets().u16(36_412).u16(38_412).u32(1).u32(1).done())))).toMatchObject({
      src_port: 36_412,
      dst_port: 38_412,
    })
  })

  test('inner headers of GRE, IP in IP, VXLAN, Geneve, GTP-U and SRv6 are kept beside the outer', () => {
    const inner = ip4(6, tcp(), 0x4000, [172, 16, 0, 1], [172, 16, 0, 2])
    const expected = { innerSrcAddr: '172.16.0.1', innerDstAddr: '172.16.0.2', innerProto: 6, innerSrcPort: 51_000, innerDstPort: 443 }
    const outer = { src_addr: '10.0.0.1', dst_addr: '10.0.0.2' }
    const tunnels: [number, Uint8Array, object][] = [
      [4, inner, {}],
      [47, new Octets().u16(0).u16(0x0800).bytes(inner).done(), {}],
      [47, new Octets().u16(0xb000).u16(0x0800).u32(0).u32(99).u32(1).bytes(inner).done(), { greKey: 99 }],
      [
        17,
        udp(
          40_000,
          4789,
          new Octets()
            .u32(0x08000000)
            .u32(5001 << 8)
            .bytes(ethernet(0x0800, inner))
            .done(),
        ),
        { vni: 5001 },
      ],
      [
        17,
        udp(
          40_000,
          6081,
          new Octets()
            .u8(1)
            .u8(0)
            .u16(0x6558)
            .u32(5002 << 8)
            .u32(0)
            .bytes(ethernet(0x0800, inner))
            .done(),
        ),
        { vni: 5002 },
      ],
      [17, udp(2152, 2152, new Octets().u8(0x30).u8(255).u16(inner.length).u32(77).bytes(inner).done()), { gtpuTEid: 77 }],
    ]
    for (const [protocol, body, more] of tunnels)
      expect(sampled(ethernet(0x0800, ip4(protocol, body)))).toMatchObject({ ...outer, proto: protocol, extra: { ...expected, ...more } })
    const routing = new Octets().u8(4).u8(2).u8(4).u8(0).u32(0).bytes(V6_B).bytes(inner).done()
    expect(sampled(ethernet(0x86dd, ip6(43, routing)))).toMatchObject({
      src_addr: '2001:db8::1',
      extra: { ...expected, srhSegmentIPv6BasicList: '2001:db8::2' },
    })
  })
})

describe('sFlow records', () => {
  const header = rawHeader(ethernet(0x0800, ip4(6, tcp())))

  test('switch, router, gateway, user, NAT and MPLS data add to the one flow of a sample', () => {
    const address = (o: Octets, last: number): Octets => o.u32(1).bytes([10, 9, 9, last])
    const extended = [
      xdr(1001, new Octets().u32(10).u32(0).u32(0xffffffff).u32(0).done()),
      xdr(1002, address(new Octets(), 1).u32(24).u32(16).done()),
      xdr(
        1003,
        address(new Octets(), 2)
          .u32(65_000)
          .u32(65_001)
          .u32(65_002)
          .u32(2)
          .u32(2)
          .u32(2)
          .u32(1299)
          .u32(3356)
          .u32(1)
          .u32(1)
          .u32(15_169)
          .u32(1)
          .u32((65_000 << 16) >>> 0)
          .u32(100)
          .done(),
      ),
      xdr(1004, new Octets().u32(106).u32(5).text('alice').bytes([0, 0, 0]).u32(106).u32(3).text('bob').u8(0).done()),
      xdr(1007, address(address(new Octets(), 3), 4).done()),
      xdr(
        1006,
        address(new Octets(), 5)
          .u32(1)
          .u32(777 << 12)
          .u32(0)
          .done(),
      ),
    ]
    for (const records of [
      [header, ...extended],
      [...extended, header],
    ]) {
      expect(last([sflow([flowSample(records)])])).toMatchObject([
        {
          src_vlan: 10,
          next_hop: '10.9.9.1',
          src_mask: 24,
          dst_mask: 16,
          bgp_next_hop: '10.9.9.2',
          src_as: 65_001,
          next_hop_as: 1299,
          dst_as: 15_169,
          post_nat_src_addr: '10.9.9.3',
          post_nat_dst_addr: '10.9.9.4',
          mpls_label_1: 777,
          dst_port: 443,
          extra: {
            srcUser: 'alice',
            dstUser: 'bob',
            bgpDestinationAsPathList: '1299 3356 15169',
            bgpCommunities: '65000:0',
            bgpLocalPreference: 100,
          },
        },
      ])
      expect(last([sflow([flowSample(records)])])[0]?.dst_vlan).toBeUndefined()
    }
  })

  test('sampled IPv4, IPv6 and Ethernet without a header', () => {
    const four = xdr(3, new Octets().u32(900).u32(6).bytes([10, 0, 0, 1, 10, 0, 0, 2]).u32(1).u32(2).u32(0x12).u32(8).done())
    const six = xdr(4, new Octets().u32(900).u32(58).bytes(V6_A).bytes(V6_B).u32(0).u32(0x8000).u32(0).u32(8).done())
    const frame = xdr(2, new Octets().u32(914).bytes(MAC_A).u16(0).bytes(MAC_A).u16(0).u32(0x0800).done())
    expect(last([sflow([flowSample([four])])])).toMatchObject([
      { src_addr: '10.0.0.1', src_port: 1, dst_port: 2, tcp_flags: 0x12, ip_tos: 8, bytes: 900, packets: 1 },
    ])
    expect(last([sflow([flowSample([six, frame])])])).toMatchObject([
      { src_addr: '2001:db8::1', icmp_type: 128, icmp_code: 0, bytes: 914, src_mac: '02:00:00:00:00:01' },
    ])
  })

  test('interfaces by their format: an index, discarded with a reason, several', () => {
    expect(last([sflow([flowSample([header], 1, 5, 0x40000000 + 256)])])[0]).toMatchObject({
      in_if: 5,
      forwarding_status: 128,
      extra: { dropReason: 256 },
    })
    expect(last([sflow([flowSample([header], 1, 5, 0x80000003)])])[0]).toMatchObject({ extra: { outputInterfaces: 3 } })
    expect(last([sflow([flowSample([header], 1, 5, 0x80000003)])])[0]?.out_if).toBeUndefined()
  })

  test('a discarded packet is an event, with the reason', () => {
    const body = new Octets().u32(1).u32(0).u32(5).u32(0).u32(5).u32(0).u32(289).u32(1).bytes(header).done()
    expect(last([sflow([xdr(5, body)])])).toMatchObject([
      { event_kind: 2, event: 3, forwarding_status: 128, dst_port: 443, extra: { dropReason: 289 } },
    ])
  })

  test('interface counters and port names reach the sink, from compact and expanded samples', () => {
    const counters = new Octets().u32(7).u32(6).uint(10_000_000_000, 8).u32(1).u32(3).uint(0x1_0000_0000_0005n, 8)
    for (let i = 1; i <= 6; i++) counters.u32(i)
    counters.uint(9, 8)
    for (let i = 11; i <= 15; i++) counters.u32(i)
    counters.u32(0)
    const name = xdr(1005, new Octets().u32(4).text('eth7').done())
    const seen: InterfaceCounters[] = []
    const names: LearnedName[] = []
    const sink = {
      flow: () => undefined,
      counters: (_s: unknown, _a: string, c: InterfaceCounters) => void seen.push(c),
      name: (_s: unknown, _d: number, l: LearnedName) => void names.push(l),
    }
    const records = new Octets().bytes(xdr(1, counters.done())).bytes(name).done()
    const compact = xdr(2, new Octets().u32(1).u32(7).u32(2).bytes(records).done())
    const expanded = xdr(4, new Octets().u32(1).u32(0).u32(7).u32(2).bytes(records).done())
    new Decoder().decode(sflow([compact, expanded]), SOURCE, sink)
    expect(seen).toHaveLength(2)
    expect(seen[1]).toEqual({
      ifIndex: 7,
      ifSpeed: 10_000_000_000,
      ifInOctets: 0x1_0000_0000_0005n,
      ifOutOctets: 9n,
      ifInUcastPkts: 1,
      ifOutUcastPkts: 11,
      ifInDiscards: 4,
      ifOutDiscards: 14,
      ifInErrors: 5,
      ifOutErrors: 15,
    })
    expect(names[0]).toEqual({ kind: 'interface', key: '7', name: 'eth7', description: '' })
  })
})

describe('versions without templates', () => {
  test('mixed versions on one port are each told by their version word', () => {
    const decoder = new Decoder()
    const types = [v5(1), v9([]), ipfix([]), sflow([])].map((d) => decoder.decode(d, SOURCE, collector()).type)
    expect(types).toEqual(['NETFLOW_V5', 'NETFLOW_V9', 'IPFIX', 'SFLOW_5'])
    expect(decoder.decode(Uint8Array.from([0, 2, 0, 0, 0]), SOURCE, collector())).toMatchObject({
      type: null,
      problems: [{ code: 'unknown-version' }],
    })
  })

  test('version 5 of more records than it holds gives those it holds', () => {
    const sink = collector()
    const result = new Decoder().decode(v5(3, { count: 65_535 }), SOURCE, sink)
    expect(sink.flows.map((f) => f.src_port)).toEqual([0, 1, 2])
    expect(result).toMatchObject({ malformedSets: 1, problems: [{ code: 'count-beyond-datagram' }] })
  })

  test('version 8 by aggregation', () => {
    const head = (aggregation: number): Octets =>
      new Octets().u16(8).u16(1).u32(1_000_000).u32(1_700_000_000).u32(0).u32(1).u8(0).u8(0).u8(aggregation).u8(2).u32(0)
    const counters = (o: Octets): Octets => o.u32(4).u32(30).u32(4000).u32(999_000).u32(999_500)
    expect(last([counters(head(1)).u16(65_001).u16(65_002).u16(3).u16(4).done()])).toMatchObject([
      {
        type: 'NETFLOW_V8',
        src_as: 65_001,
        dst_as: 65_002,
        in_if: 3,
        out_if: 4,
        bytes: 4000,
        packets: 30,
        extra: { deltaFlowCount: 4, aggregation: 'AS' },
      },
    ])
    expect(
      last([counters(head(14)).bytes([10, 1, 0, 0, 10, 2, 0, 0]).u8(16).u8(24).u8(8).u8(6).u16(1).u16(2).u16(3).u16(4).done()]),
    ).toMatchObject([{ src_addr: '10.1.0.0', dst_addr: '10.2.0.0', proto: 6, ip_tos: 8, src_port: 1, dst_port: 2, in_if: 3, out_if: 4 }])
    expect(
      last([
        head(8)
          .bytes([10, 2, 0, 1, 10, 1, 0, 1])
          .u16(80)
          .u16(1024)
          .u32(30)
          .u32(4000)
          .u32(999_000)
          .u32(999_500)
          .u16(4)
          .u16(3)
          .u8(8)
          .u8(6)
          .u16(0)
          .u32(0)
          .u32(0)
          .done(),
      ]),
    ).toMatchObject([{ src_addr: '10.1.0.1', dst_addr: '10.2.0.1', src_port: 1024, dst_port: 80, in_if: 3, out_if: 4, proto: 6 }])
    expect(new Decoder().decode(head(99).done(), SOURCE, collector()).problems[0]?.code).toBe('unknown-aggregation')
  })
})
