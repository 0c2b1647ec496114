import { createSocket } from 'node:dgram'

/** What one record says. Addresses are IPv4 in text; TCP with PSH and ACK unless said otherwise. */
export interface Netflow5Record {
  source: string
  destination: string
  sourcePort: number
  destinationPort: number
  bytes: number
  packets: number
  proto?: number
  flags?: number
}
/** Records of one datagram, as many as fit into an Ethernet frame. */
export const NETFLOW5_MOST = 30

/** One NetFlow v5 datagram with one record (Cisco's format: 24-octet header, 48-octet record). */
export const netflow5 = (flow: Netflow5Record & { sequence: number }): Buffer => netflow5Of([flow], flow.sequence)

/** One NetFlow v5 datagram with up to NETFLOW5_MOST records; each flow lasted the last second. */
export function netflow5Of(flows: readonly Netflow5Record[], sequence: number): Buffer {
  const now = Date.now()
  const datagram = Buffer.alloc(24 + 48 * flows.length)
  const uptime = 3_600_000
  datagram.writeUInt16BE(5, 0)
  datagram.writeUInt16BE(flows.length, 2)
  datagram.writeUInt32BE(uptime, 4)
  datagram.writeUInt32BE(Math.floor(now / 1000), 8)
  datagram.writeUInt32BE((now % 1000) * 1_000_000, 12)
  datagram.writeUInt32BE(sequence, 16)
  const octets = (text: string) => Buffer.from(text.split('.').map(Number))
  flows.forEach((flow, index) => {
    const at = 24 + 48 * index
    octets(flow.source).copy(datagram, at)
    octets(flow.destination).copy(datagram, at + 4)
    datagram.writeUInt32BE(flow.packets, at + 16)
    datagram.writeUInt32BE(flow.bytes, at + 20)
    datagram.writeUInt32BE(uptime - 1000, at + 24)
    datagram.writeUInt32BE(uptime, at + 28)
    datagram.writeUInt16BE(flow.sourcePort, at + 32)
    datagram.writeUInt16BE(flow.destinationPort, at + 34)
    datagram.writeUInt8(flow.flags ?? 0x18, at + 37)
    datagram.writeUInt8(flow.proto ?? 6, at + 38)
  })
  return datagram
}

/** A sender of datagrams to a loopback port. */
export class Sender {
  readonly #socket = createSocket('udp4')
  readonly #port: number
  constructor(port: number) {
    this.#port = port
  }
  send(datagram: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(datagram, this.#port, '127.0.0.1', (error) => (error ? reject(error) : resolve()))
    })
  }
  close(): void {
    this.#socket.close()
  }
}
