import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  decodeFrameHeader,
  decodePayload,
  decodeSegmentHeader,
  encodeFrameHeader,
  encodeSegmentHeader,
  FRAME_HEADER,
  Packer,
} from './codec.ts'
import { crc32c } from './crc32c.ts'

describe('crc32c', () => {
  it('gives the check value of the catalogue and the vectors of RFC 3720', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43)
    expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i)))).toBe(0x46dd794e)
  })
  it('of a whole is the CRC of its second part seeded with that of the first, wherever it is cut', () => {
    const whole = Buffer.from('what arrives in two pieces is still one message')
    for (let at = 0; at <= whole.length; at++) expect(crc32c(whole.subarray(at), crc32c(whole.subarray(0, at)))).toBe(crc32c(whole))
  })
})

describe('frames on the disk', () => {
  const columns = ['batch', 'time']
  const segment = encodeSegmentHeader({ spool: randomUUID(), segment: 7, createdAt: new Date(0).toISOString(), columns, cuts: { 3: 99 } })
  const seed = decodeSegmentHeader(segment)?.seed ?? 0
  const header = {
    frame: 5,
    rows: 2,
    plainOctets: 40,
    storedOctets: 30,
    encoding: 1 as const,
    receivedMs: 1_760_000_000_123,
    payloadCrc: 77,
  }
  const flipped = (octets: Buffer, bit: number) => {
    const bad = Buffer.from(octets)
    bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    return bad
  }

  it('headers read as they were written', () => {
    expect(decodeSegmentHeader(segment)?.header).toMatchObject({ segment: 7, columns, cuts: { 3: 99 } })
    expect(decodeFrameHeader(encodeFrameHeader(header, seed), seed)).toEqual(header)
  })
  it('no header survives a flipped bit, a missing octet, or another segment', () => {
    const octets = encodeFrameHeader(header, seed)
    for (let bit = 0; bit < FRAME_HEADER * 8; bit++) expect(decodeFrameHeader(flipped(octets, bit), seed)).toBeNull()
    for (let bit = 0; bit < segment.length * 8; bit++) expect(decodeSegmentHeader(flipped(segment, bit))).toBeNull()
    expect(decodeFrameHeader(octets, seed + 1)).toBeNull()
    expect(decodeFrameHeader(octets.subarray(0, -1), seed)).toBeNull()
  })
  it('payloads read as they were written, packed or plain', async () => {
    const packer = new Packer()
    for (const sizes of [[2000, 3000], [2], [], Array.from({ length: 60 }, () => 60_000)]) {
      const lengths = Uint16Array.from(sizes)
      const body = Buffer.alloc(
        sizes.reduce((a, b) => a + b, 0),
        3,
      )
      const { plainOctets, encoding, stored } = await packer.pack(body, lengths)
      expect(encoding).toBe(sizes.length >= 2 ? 1 : 0)
      const facts = { ...header, rows: lengths.length, plainOctets, storedOctets: stored.length, encoding }
      const back = await decodePayload(facts, stored)
      expect(back.body.equals(body)).toBe(true)
      expect([...back.lengths]).toEqual(sizes)
      await expect(decodePayload({ ...facts, plainOctets: plainOctets + 1 }, stored)).rejects.toThrow()
    }
    packer.close()
  })
})
