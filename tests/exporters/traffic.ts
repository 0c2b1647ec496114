/**
 * Deterministic traffic for real exporters: a classic pcap (LINKTYPE_ETHERNET) of conversations between invented hosts.
 *
 * The same seed and start give the same octets. Addresses come from documentation and private ranges (RFC 5737, RFC 3849, RFC 1918), checksums
 * are right, every TCP conversation opens and closes, so that exporters that track connections end their flows by themselves.
 */

/** A pseudo-random sequence in [0, 1): mulberry32, small and the same everywhere. */
function sequence(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

export interface Traffic {
  /** The file's octets. */
  pcap: Buffer
  packets: number
  /** Octets of IP packets, headers included, as flow exporters count them. */
  bytes: number
  conversations: number
}

const TCP = 6
const UDP = 17
const ICMP = 1
const ICMP6 = 58

/** Internet checksum (RFC 1071) over the pieces, each of even length but the last. */
function checksum(...pieces: Buffer[]): number {
  let sum = 0
  for (const piece of pieces) {
    for (let i = 0; i + 1 < piece.length; i += 2) sum += piece.readUInt16BE(i)
    if (piece.length % 2 === 1) sum += (piece[piece.length - 1] ?? 0) << 8
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

interface Side {
  address: Buffer
  port: number
}

/** One IP packet: `from` → `to`, `payload` octets of zeros after the transport header. */
function packet(proto: number, from: Side, to: Side, payload: number, flags: number, sequenceNumber: number): Buffer {
  const v6 = from.address.length === 16
  const headerLength = proto === TCP ? 20 : 8
  const transport = Buffer.alloc(headerLength + payload)
  if (proto === TCP) {
    transport.writeUInt16BE(from.port, 0)
    transport.writeUInt16BE(to.port, 2)
    transport.writeUInt32BE(sequenceNumber >>> 0, 4)
    transport.writeUInt8(5 << 4, 12)
    transport.writeUInt8(flags, 13)
    transport.writeUInt16BE(65_535, 14)
  } else if (proto === UDP) {
    transport.writeUInt16BE(from.port, 0)
    transport.writeUInt16BE(to.port, 2)
    transport.writeUInt16BE(transport.length, 4)
  } else {
    // Echo request or reply; the identifier is the smaller of the two "ports", so that both directions share it.
    const request = flags === 1
    transport.writeUInt8(proto === ICMP ? (request ? 8 : 0) : request ? 128 : 129, 0)
    transport.writeUInt16BE(Math.min(from.port, to.port), 4)
    transport.writeUInt16BE(sequenceNumber & 0xffff, 6)
  }
  const pseudo = Buffer.alloc(4)
  pseudo.writeUInt8(proto, 1)
  pseudo.writeUInt16BE(transport.length, 2)
  const sum = proto === ICMP ? checksum(transport) : checksum(from.address, to.address, pseudo, transport)
  transport.writeUInt16BE(sum, proto === TCP ? 16 : proto === UDP ? 6 : 2)

  const header = Buffer.alloc(v6 ? 40 : 20)
  if (v6) {
    header.writeUInt8(0x60, 0)
    header.writeUInt16BE(transport.length, 4)
    header.writeUInt8(proto, 6)
    header.writeUInt8(64, 7)
    from.address.copy(header, 8)
    to.address.copy(header, 24)
  } else {
    header.writeUInt8(0x45, 0)
    header.writeUInt16BE(20 + transport.length, 2)
    header.writeUInt8(64, 8)
    header.writeUInt8(proto, 9)
    from.address.copy(header, 12)
    to.address.copy(header, 16)
    header.writeUInt16BE(checksum(header), 10)
  }
  return Buffer.concat([header, transport])
}

const v4 = (a: number, b: number, c: number, d: number) => Buffer.from([a, b, c, d])
function v6(group: number, host: number): Buffer {
  const address = Buffer.alloc(16)
  address.writeUInt32BE(0x20010db8, 0) // 2001:db8::/32
  address.writeUInt16BE(group, 6)
  address.writeUInt32BE(host, 12)
  return address
}

/**
 * Make `conversations` conversations that begin within `seconds` after `start` (epoch milliseconds; the stamps of the file).
 * `families` chooses: IPv4 only for NetFlow v5, which cannot say anything else.
 */
export function traffic(options: { seed: number; conversations: number; start: number; seconds: number; families: 4 | 46 }): Traffic {
  const random = sequence(options.seed)
  const pick = (low: number, high: number) => low + Math.floor(random() * (high - low + 1))
  const packets: { at: number; octets: Buffer }[] = []

  for (let i = 0; i < options.conversations; i++) {
    const six = options.families === 46 && random() < 0.35
    const kind = random()
    const proto = kind < 0.62 ? TCP : kind < 0.92 ? UDP : six ? ICMP6 : ICMP
    const client: Side = { address: six ? v6(0xc, pick(1, 24)) : v4(10, 7, pick(0, 3), pick(1, 12)), port: 20_000 + i }
    const service =
      proto === TCP ? ([443, 80, 22, 25][pick(0, 3)] ?? 443) : proto === UDP ? ([53, 123, 443][pick(0, 2)] ?? 53) : client.port
    const server: Side = { address: six ? v6(0x5, pick(1, 16)) : v4(198, 51, 100, pick(1, 16)), port: service }
    let at = options.start + Math.floor(random() * options.seconds * 1000)
    const tick = () => {
      at += pick(1, 40)
      return at
    }
    const send = (from: Side, to: Side, payload: number, flags: number, number: number) =>
      packets.push({ at: tick(), octets: packet(proto, from, to, payload, flags, number) })
    if (proto === TCP) {
      send(client, server, 0, 0x02, 1)
      send(server, client, 0, 0x12, 1)
      const rounds = pick(1, 8)
      for (let r = 0; r < rounds; r++) {
        send(client, server, pick(0, 400), 0x18, r * 400)
        send(server, client, pick(200, 1440), 0x18, r * 1440)
      }
      send(client, server, 0, 0x11, 9_999)
      send(server, client, 0, 0x11, 9_999)
    } else {
      const rounds = pick(1, 5)
      for (let r = 0; r < rounds; r++) {
        send(client, server, pick(20, 120), 1, r)
        send(server, client, pick(40, 1200), 2, r)
      }
    }
  }

  packets.sort((a, b) => a.at - b.at)
  const header = Buffer.alloc(24)
  header.writeUInt32LE(0xa1b2c3d4, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(65_535, 16)
  header.writeUInt32LE(1, 20) // LINKTYPE_ETHERNET
  const pieces: Buffer[] = [header]
  let bytes = 0
  for (const { at, octets } of packets) {
    bytes += octets.length
    const record = Buffer.alloc(16 + 14)
    const length = 14 + octets.length
    record.writeUInt32LE(Math.floor(at / 1000), 0)
    record.writeUInt32LE((at % 1000) * 1000, 4)
    record.writeUInt32LE(length, 8)
    record.writeUInt32LE(length, 12)
    record.write('02000000000b02000000000a', 16, 'hex')
    record.writeUInt16BE((octets[0] ?? 0) >> 4 === 6 ? 0x86dd : 0x0800, 28)
    pieces.push(record, octets)
  }
  return { pcap: Buffer.concat(pieces), packets: packets.length, bytes, conversations: options.conversations }
}
