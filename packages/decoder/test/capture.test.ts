import { describe, expect, test } from 'vitest'
import { CaptureReader, DatagramFinder } from '../src/capture/index.ts'
import { ethernet, ip4, ip6, ipfix, ipfixTemplate, MAC_A, Octets, set, tcp, udp } from './encode.ts'

interface Found {
  text: string
  address: string
  port: number
  ms: number
  ns: number
  session: string | undefined
}

const PAYLOAD = new TextEncoder().encode('datagram')
const PACKET = ip4(17, udp(4444, 2055, PAYLOAD))

/** A pcap of frames, 1,700,000,000.123456789 s. */
function pcap(linkType: number, frames: readonly Uint8Array[], little = true, nano = false): Uint8Array {
  const o = new Octets()
  const u32 = (v: number): Octets => (little ? o.bytes([v & 255, (v >>> 8) & 255, (v >>> 16) & 255, v >>> 24]) : o.u32(v))
  u32(nano ? 0xa1b23c4d : 0xa1b2c3d4)
  if (little) o.bytes([2, 0, 4, 0])
  else o.bytes([0, 2, 0, 4])
  u32(0)
  u32(0)
  u32(65_535)
  u32(linkType)
  for (const frame of frames) {
    u32(1_700_000_000)
    u32(nano ? 123_456_789 : 123_456)
    u32(frame.length)
    u32(frame.length)
    o.bytes(frame)
  }
  return o.done()
}

function block(type: number, body: Uint8Array, little: boolean): Uint8Array {
  const pad = (4 - (body.length % 4)) % 4
  const length = 12 + body.length + pad
  const o = new Octets()
  const u32 = (v: number): Octets => (little ? o.bytes([v & 255, (v >>> 8) & 255, (v >>> 16) & 255, v >>> 24]) : o.u32(v))
  u32(type)
  u32(length)
  o.bytes(body).bytes(new Array<number>(pad).fill(0))
  u32(length)
  return o.done()
}

/** A pcapng with nanosecond stamps, one interface, an unknown block between. */
function pcapng(frames: readonly Uint8Array[], little: boolean): Uint8Array {
  const word = (v: number): number[] =>
    little ? [v & 255, (v >>> 8) & 255, (v >>> 16) & 255, v >>> 24] : [v >>> 24, (v >>> 16) & 255, (v >>> 8) & 255, v & 255]
  const half = (v: number): number[] => (little ? [v & 255, v >> 8] : [v >> 8, v & 255])
  const o = new Octets()
  o.bytes(
    block(0x0a0d0d0a, Uint8Array.from([...word(0x1a2b3c4d), ...half(1), ...half(0), ...word(0xffffffff), ...word(0xffffffff)]), little),
  )
  o.bytes(
    block(1, Uint8Array.from([...half(1), ...half(0), ...word(0), ...half(9), ...half(1), 9, 0, 0, 0, ...half(0), ...half(0)]), little),
  )
  o.bytes(block(0x0bad, Uint8Array.from([1, 2, 3]), little))
  const stamp = 1_700_000_000_123_456_789n
  for (const frame of frames) {
    o.bytes(
      block(
        6,
        Uint8Array.from([
          ...word(0),
          ...word(Number(stamp >> 32n)),
          ...word(Number(stamp & 0xffffffffn)),
          ...word(frame.length),
          ...word(frame.length),
          ...frame,
        ]),
        little,
      ),
    )
  }
  return o.done()
}

function read(file: Uint8Array, chunk = file.length): { found: Found[]; problem: string | null } {
  const found: Found[] = []
  const reader = new CaptureReader()
  const finder = new DatagramFinder((octets, source) => {
    found.push({
      text: new TextDecoder().decode(octets),
      address: source.address,
      port: source.port,
      ms: source.receivedMs,
      ns: source.receivedNs ?? -1,
      session: source.session,
    })
  })
  for (let at = 0; at < file.length; at += chunk) reader.push(file.subarray(at, at + chunk), (frame) => finder.frame(frame))
  reader.end()
  return { found, problem: reader.problem }
}

const one = { text: 'datagram', address: '10.0.0.1', port: 4444, ms: 1_700_000_000_123 }

describe('capture files', () => {
  test.each([
    [true, false],
    [true, true],
    [false, false],
    [false, true],
  ])('pcap, little endian %s, nanoseconds %s', (little, nano) => {
    const { found, problem } = read(pcap(1, [ethernet(0x0800, PACKET)], little, nano))
    expect(found).toEqual([{ ...one, ns: nano ? 456_789 : 456_000, session: undefined }])
    expect(problem).toBeNull()
  })

  test.each([true, false])('pcapng, little endian %s', (little) => {
    const { found, problem } = read(pcapng([ethernet(0x0800, PACKET), ethernet(0x0800, PACKET)], little))
    expect(found).toHaveLength(2)
    expect(found[0]).toEqual({ ...one, ns: 456_789, session: undefined })
    expect(problem).toBeNull()
  })

  test('any chunking gives the same frames', () => {
    for (const file of [
      pcap(1, [ethernet(0x0800, PACKET), ethernet(0x0800, PACKET)]),
      pcapng([ethernet(0x0800, PACKET), ethernet(0x0800, PACKET)], true),
    ]) {
      const whole = read(file).found
      for (let chunk = 1; chunk < file.length; chunk++) expect(read(file, chunk).found).toEqual(whole)
    }
  })

  test('a file cut anywhere gives the whole frames before the cut, and says so', () => {
    const file = pcap(1, [ethernet(0x0800, PACKET), ethernet(0x0800, PACKET)])
    for (let cut = 25; cut < file.length; cut++) {
      const { found, problem } = read(file.subarray(0, cut))
      expect(found).toHaveLength(cut < 24 + (file.length - 24) / 2 ? 0 : 1)
      expect(problem === null).toBe(cut === 24 + (file.length - 24) / 2)
    }
  })
})

describe('link types', () => {
  const cooked = (type: number): Uint8Array => new Octets().u16(0).u16(1).u16(6).bytes(MAC_A).u16(0).u16(type).bytes(PACKET).done()
  const cases: [string, number, Uint8Array][] = [
    ['Ethernet', 1, ethernet(0x0800, PACKET)],
    ['Ethernet with a VLAN tag', 1, ethernet(0x8100, new Octets().u16(5).u16(0x0800).bytes(PACKET).done())],
    ['Ethernet with two', 1, ethernet(0x88a8, new Octets().u16(5).u16(0x8100).u16(6).u16(0x0800).bytes(PACKET).done())],
    ['raw IP', 101, PACKET],
    ['raw IPv4', 228, PACKET],
    ['Linux cooked', 113, cooked(0x0800)],
    ['Linux cooked 2', 276, new Octets().u16(0x0800).u16(0).u32(1).u16(1).u8(0).u8(6).bytes(MAC_A).u16(0).bytes(PACKET).done()],
    ['loopback', 0, new Octets().bytes([2, 0, 0, 0]).bytes(PACKET).done()],
    ['OpenBSD loopback', 108, new Octets().u32(2).bytes(PACKET).done()],
    ['PPP', 9, new Octets().u16(0xff03).u16(0x0021).bytes(PACKET).done()],
  ]
  test.each(cases)('%s', (_name, linkType, frame) => {
    expect(read(pcap(linkType, [frame])).found).toMatchObject([one])
  })

  test('IPv6, with extension headers', () => {
    const datagram = udp(4444, 2055, PAYLOAD)
    expect(read(pcap(1, [ethernet(0x86dd, ip6(17, datagram))])).found).toMatchObject([{ text: 'datagram', address: '2001:db8::1' }])
    const options = new Octets().u8(17).u8(0).bytes([0, 0, 0, 0, 0, 0]).bytes(datagram).done()
    expect(read(pcap(1, [ethernet(0x86dd, ip6(0, options))])).found).toMatchObject([{ text: 'datagram' }])
  })
})

describe('fragments', () => {
  const datagram = udp(4444, 2055, new TextEncoder().encode('0123456789abcdefghijklmnopqrstuvwxyz'))
  const parts = [
    ip4(17, datagram.subarray(0, 16), 0x2000),
    ip4(17, datagram.subarray(16, 32), 0x2002),
    ip4(17, datagram.subarray(32), 0x0004),
  ].map((p) => ethernet(0x0800, p))

  test('are put together in any order, and repeats do no harm', () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
      [1, 1, 2, 0],
    ]) {
      expect(
        read(
          pcap(
            1,
            order.map((i) => parts[i] as Uint8Array),
          ),
        ).found,
      ).toMatchObject([{ text: '0123456789abcdefghijklmnopqrstuvwxyz', port: 4444 }])
    }
    expect(read(pcap(1, parts.slice(0, 2))).found).toEqual([])
  })

  test('of IPv6 too', () => {
    const fragment = (at: number, more: number, body: Uint8Array): Uint8Array =>
      ethernet(
        0x86dd,
        ip6(
          44,
          new Octets()
            .u8(17)
            .u8(0)
            .u16(at | more)
            .u32(9)
            .bytes(body)
            .done(),
        ),
      )
    const frames = [fragment(16, 0, datagram.subarray(16)), fragment(0, 1, datagram.subarray(0, 16))]
    expect(read(pcap(1, frames)).found).toMatchObject([{ text: '0123456789abcdefghijklmnopqrstuvwxyz' }])
  })
})

describe('IPFIX over TCP', () => {
  const message = ipfix([set(2, ipfixTemplate(256, [[7, 2]])), set(256, new Octets().u16(9).done())])
  const stream = new Octets().bytes(message).bytes(message).done()
  const segment = (at: number, body: Uint8Array, flags = 0x18): Uint8Array => {
    const header = tcp(50_000, 4739, flags)
    header.set(new Octets().u32(1000 + at).done(), 4)
    return ethernet(0x0800, ip4(6, new Octets().bytes(header).bytes(body).done()))
  }

  test('segments cut anywhere, out of order and repeated give whole messages with their session', () => {
    for (let cut = 1; cut < stream.length; cut++) {
      const a = segment(0, stream.subarray(0, cut))
      const b = segment(cut, stream.subarray(cut))
      const syn = segment(-1, new Uint8Array(0), 2)
      for (const frames of [
        [syn, a, b],
        [syn, b, a],
        [syn, a, a, b],
      ]) {
        const { found } = read(pcap(1, frames))
        expect(found).toHaveLength(2)
        expect(found[0]?.session).toBe('10.0.0.1:50000>10.0.0.2:4739')
      }
    }
  })

  test('other TCP is left alone', () => {
    expect(read(pcap(1, [segment(0, new TextEncoder().encode('GET / HTTP/1.1\r\n'))])).found).toEqual([])
  })
})
