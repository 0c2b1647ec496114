import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Decoder, IpfixStream } from '../src/index.ts'
import { allCaptures, collector, datagramsOf, decodeAll, TESTDATA } from './captures.ts'
import { fuzz } from './fuzz.ts'

describe('no datagram can stop the decoder', () => {
  test('200,000 structured mutations, state kept between them: typed results, bounded output, 25 ms each', () => {
    const report = fuzz(200_000, 20_261_120, { slowMs: 25 })
    process.stdout.write(`fuzz: ${report.runs} datagrams, ${report.flows} flows, slowest ${report.slowestMs.toFixed(1)} ms\n`)
    expect(report.failure).toBeNull()
    expect(report.runs).toBe(200_000)
    expect(report.flows).toBeGreaterThan(100_000)
  }, 180_000)

  test('50,000 structured mutations and the worst that could be thought of: no datagram takes more than 8 MiB of memory', () => {
    // In a process of its own: only there is nothing else on the heap, and young space for many datagrams between two collections.
    const text = execFileSync(
      process.execPath,
      ['--expose-gc', '--max-semi-space-size=256', fileURLToPath(new URL('heap.ts', import.meta.url)), '50000', '20261121'],
      { encoding: 'utf8' },
    )
    const report = JSON.parse(text) as { runs: number; mostAllocated: number; worst: string; mostKept: number; unmeasured: number }
    process.stdout.write(`heap: ${text}`)
    expect(report.runs).toBe(50_000)
    expect(report.unmeasured).toBeLessThan(report.runs / 100)
    // What is allocated bounds what can stay.
    expect(report.mostAllocated).toBeGreaterThan(100_000)
    expect(report.mostAllocated).toBeLessThanOrEqual(8 << 20)
    expect(report.mostKept).toBeLessThanOrEqual(8 << 20)
  }, 180_000)

  test('two export packets in one datagram are one packet with rubbish behind it', () => {
    // RFC 3954, sections 2 and 5.1: an Export Packet is what one UDP datagram carries; its header has no length but the count of its records.
    // graylog-v9-1.dat is two packets in one file. The first announces two records, and its two templates are two; what follows does
    // not divide into FlowSets up to the end, because the second packet's header stands in it, so the count is believed: no flow, as
    // Wireshark has it too. (nfdump goes by lengths until they fail, and shows the two flows of the first packet.)
    const [whole] = datagramsOf(join(TESTDATA, 'netflow9/graylog-v9-1.dat'))
    if (whole === undefined) throw new Error('no datagram')
    const sink = collector()
    const decoder = new Decoder()
    const result = decoder.decode(whole.octets, whole.source, sink)
    expect(sink.flows).toEqual([])
    expect(result.templates).toBe(2)
    expect(result.problems.map(({ code }) => code)).toEqual(['trailing-octets'])
    // As they were sent, both are read whole: behind sound FlowSets a count that is too low is an exporter's mistake.
    const second = new Decoder()
    const sent = collector()
    for (const packet of [whole.octets.subarray(0, 224), whole.octets.subarray(224)]) {
      expect(second.decode(packet, whole.source, sent).problems).toEqual([])
    }
    expect(sent.flows).toHaveLength(6)
  })

  test('every capture cut at every octet: no exception, never more flows than whole', () => {
    // Two packets in one file: cut between them, the first is whole and sound, which the two together are not.
    const paths = allCaptures().filter((path) => path !== 'netflow9/graylog-v9-1.dat')
    for (const path of paths) {
      const datagrams = datagramsOf(join(TESTDATA, path))
      // Long captures repeat themselves: the first datagrams of each hold every layout.
      for (const { octets, source } of datagrams.slice(0, 12)) {
        const decoder = new Decoder()
        for (const before of datagrams) decoder.decode(before.octets, before.source, { flow: () => undefined })
        const whole = collector()
        decoder.decode(octets, source, whole)
        for (let cut = 0; cut < octets.length; cut++) {
          let flows = 0
          const result = decoder.decode(octets.subarray(0, cut), source, { flow: () => void flows++ })
          expect(flows).toBe(result.flows)
          if (flows > whole.flows.length) expect.fail(`${path} cut at ${cut}: ${flows} flows of ${whole.flows.length}`)
        }
      }
    }
  }, 60_000)

  test('the octets behind a datagram in its buffer are never read', () => {
    for (const path of allCaptures()) {
      const datagrams = datagramsOf(join(TESTDATA, path))
      const framed = datagrams.map(({ octets, source }) => {
        const large = new Uint8Array(octets.length + 256).fill(0xa5)
        large.set(octets, 128)
        return { octets: large.subarray(128, 128 + octets.length), source }
      })
      expect(decodeAll(framed)).toEqual(decodeAll(datagrams))
    }
  })

  test('a one-octet record bomb is capped', () => {
    const decoder = new Decoder()
    const source = { address: '192.0.2.1', port: 1, receivedMs: 1 }
    const sink = { flow: () => undefined }
    decoder.decode(Uint8Array.from([0, 10, 0, 28, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 12, 1, 0, 0, 1, 0, 4, 0, 1]), source, sink)
    const bomb = new Uint8Array(65_500)
    bomb.set([0, 10, 65_500 >> 8, 65_500 & 255, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, (65_500 - 16) >> 8, (65_500 - 16) & 255])
    const result = decoder.decode(bomb, source, sink)
    expect(result.flows).toBe(decoder.limits.recordsPerDatagram)
    expect(result.problems.map((p) => p.code)).toEqual(['limit'])
    expect(result.malformedSets).toBe(1)
  })
})

describe('an IPFIX connection cut anywhere gives the same messages', () => {
  const messages = datagramsOf(join(TESTDATA, 'ipfix/telegraf-yaf.pcap')).map((d) => d.octets)
  const stream = new Uint8Array(messages.reduce((n, m) => n + m.length, 0))
  let end = 0
  for (const message of messages) {
    stream.set(message, end)
    end += message.length
  }
  const whole = messages.map((m) => m.join())

  test('split in two at every octet', () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const splitter = new IpfixStream()
      const out: string[] = []
      splitter.push(stream.subarray(0, cut), (m) => void out.push(m.join()))
      splitter.push(stream.subarray(cut), (m) => void out.push(m.join()))
      if (out.length !== whole.length || out.some((m, i) => m !== whole[i])) expect.fail(`cut at ${cut}`)
    }
    expect(whole.length).toBeGreaterThan(5)
  })

  test('octet by octet', () => {
    const splitter = new IpfixStream()
    const out: string[] = []
    for (let i = 0; i < stream.length; i++) splitter.push(stream.subarray(i, i + 1), (m) => void out.push(m.join()))
    expect(out).toEqual(whole)
    expect(splitter.waiting).toBe(0)
  })

  test('a wrong version or a length below the header breaks the stream for good', () => {
    for (const bad of [
      [0, 9, 0, 20],
      [0, 10, 0, 15],
    ]) {
      const splitter = new IpfixStream()
      const out: number[] = []
      splitter.push(Uint8Array.from(bad), (m) => void out.push(m.length))
      expect(splitter.broken).not.toBeNull()
      splitter.push(messages[0] as Uint8Array, (m) => void out.push(m.length))
      expect(out).toEqual([])
    }
  })
})
