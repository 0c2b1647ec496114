import { describe, expect, it } from 'vitest'
import { datagrams } from '../test/harness.ts'
import { DuplicateFilter, REMEMBERED_MS } from './duplicates.ts'
import { PROTOCOLS } from './generate/encoder.ts'
import type { Received } from './inbox.ts'

/** A filter with one sender; `stored` is what was decoded, in order. */
function oneSender() {
  const stored: Received[] = []
  let refused = 0
  const filter = new DuplicateFilter<string>(
    (_, received) => void stored.push(received),
    () => void refused++,
  )
  const recent = filter.newRecent()
  const offer = (data: Buffer, receivedMs: number, session?: string) => {
    filter.expire(receivedMs)
    const received: Received = {
      data,
      source: { address: '192.0.2.1', port: 9, receivedMs, ...(session === undefined ? {} : { session }) },
    }
    const verdict = filter.judge('sender', recent, received)
    if (verdict === 'new') stored.push(received)
    else if (verdict === 'duplicate') refused++
    return verdict
  }
  return { filter, recent, offer, stored, refused: () => refused }
}

/** A NetFlow v5 datagram of one record with the given sequence and octet count. */
function v5(sequence: number, bytes: number): Buffer {
  const b = Buffer.alloc(72)
  b.writeUInt16BE(5, 0)
  b.writeUInt16BE(1, 2)
  b.writeUInt32BE(sequence, 16)
  b.writeUInt32BE(bytes, 44)
  return b
}

const START = 1_790_000_000_000

describe('datagrams that arrive twice', () => {
  it.each(PROTOCOLS)('%s: a copy 0 to 2 s later is left out, whatever comes between, and nothing else is', (protocol) => {
    const { offer, stored, refused, filter } = oneSender()
    const originals = datagrams(protocol, 2_000, { endMs: START })
    const arrivals = originals.flatMap((data, i) => [
      { at: START + i * 20, data },
      { at: START + i * 20 + ((i * 7919) % 2_000), data: Buffer.from(data) },
    ])
    arrivals.sort((a, b) => a.at - b.at)
    for (const { at, data } of arrivals) offer(data, at)
    filter.expire(Number.POSITIVE_INFINITY)
    expect(stored.map(({ data }) => data).sort(Buffer.compare)).toEqual([...originals].sort(Buffer.compare))
    expect(refused()).toBe(originals.length)
    expect(filter.held).toBe(0)
  })

  it('an exporter whose sequence never moves keeps everything, the same said twice included', () => {
    const { offer, stored, refused, filter } = oneSender()
    const sent = Array.from({ length: 500 }, (_, i) => v5(0, 100 + (i % 3)))
    for (const [i, data] of sent.entries()) offer(data, START + i * 10)
    filter.expire(Number.POSITIVE_INFINITY)
    expect(stored.length).toBe(500)
    expect(refused()).toBe(0)
  })

  it('one that says only one thing, with a sequence of 0, keeps everything too', () => {
    const { offer, stored, filter } = oneSender()
    for (let i = 0; i < 100; i++) offer(v5(0, 100), START + i * 10)
    filter.expire(Number.POSITIVE_INFINITY)
    expect(stored.length).toBe(100)
    const lonely = oneSender()
    lonely.offer(v5(0, 100), START)
    expect(lonely.offer(v5(0, 100), START + 10)).toBe('held')
    lonely.filter.expire(START + 10 + REMEMBERED_MS)
    expect(lonely.stored.length).toBe(2)
  })

  it('is judged anew when its sequence stops moving', () => {
    const { offer } = oneSender()
    for (let i = 0; i < 50; i++) offer(v5(i, i), START + i)
    for (let i = 0; i < 5_000; i++) offer(v5(50, 1_000 + i), START + 50 + i)
    expect(offer(v5(50, 5_999), START + 5_051)).toBe('new')
  })

  it('the same octets after three seconds, from another domain, or with another octet anywhere are no copies', () => {
    const { offer } = oneSender()
    for (let i = 0; i < 20; i++) offer(v5(i, i), START + i)
    expect(offer(v5(7, 7), START + 20)).toBe('duplicate')
    expect(offer(v5(7, 7), START + 20 + REMEMBERED_MS + 1)).toBe('new')
    const other = v5(8, 8)
    other[21] = 3
    expect(offer(other, START + 30)).toBe('new')
    for (let at = 24; at < 72; at++) {
      const changed = v5(9, 9)
      changed[at] = (changed[at] ?? 0) ^ 0x40
      expect(offer(changed, START + 31)).toBe('new')
    }
  })

  it('version 1 has no sequence, and a connection delivers once: both are left alone', () => {
    const { offer } = oneSender()
    const v1 = Buffer.alloc(76)
    v1.writeUInt16BE(1, 0)
    expect(offer(v1, START)).toBe('new')
    expect(offer(v1, START)).toBe('new')
    for (let i = 0; i < 20; i++) offer(v5(i, i), START, 'tcp-1')
    expect(offer(v5(3, 3), START, 'tcp-1')).toBe('new')
  })

  it('a sender cannot grow the memory without end, nor cost another sender its own', () => {
    const { filter, offer, recent } = oneSender()
    const quiet = filter.newRecent()
    const ask = (data: Buffer, receivedMs: number) =>
      filter.judge('quiet', quiet, { data, source: { address: '192.0.2.2', port: 9, receivedMs } })
    for (let i = 0; i < 100; i++) ask(v5(i, i), START)
    for (let i = 0; i < 600_000; i++) offer(v5(i, i), START + Math.floor(i / 300))
    expect(recent.slots.byteLength).toBeLessThanOrEqual(1 << 21)
    expect(filter.forgotten).toBeGreaterThan(0)
    for (let i = 0; i < 100; i++) expect(ask(v5(i, i), START + 2_000)).toBe('duplicate')
    for (let domain = 0; domain < 1_000; domain++) {
      const b = v5(1, domain)
      b.writeUInt16BE(domain, 20)
      offer(b, START + 2_000)
    }
    expect(recent.streams.size).toBeLessThanOrEqual(256)
  })

  it('at 10,000 datagrams a second every copy two seconds later is found', () => {
    const { offer, refused, filter } = oneSender()
    for (let i = 0; i < 60_000; i++) {
      offer(v5(i, i), START + Math.floor(i / 10))
      if (i >= 20_000) offer(v5(i - 20_000, i - 20_000), START + Math.floor(i / 10))
    }
    expect(filter.forgotten).toBe(0)
    expect(refused()).toBe(40_000)
  })
})
