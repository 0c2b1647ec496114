import { createSocket } from 'node:dgram'

/** One NetFlow v5 datagram with one record (Cisco's format: 24-octet header, 48-octet record). Addresses are IPv4 in text. */
export function netflow5(flow: {
  source: string
  destination: string
  sourcePort: number
  destinationPort: number
  bytes: number
  packets: number
  sequence: number
}): Buffer {
  const now = Date.now()
  const datagram = Buffer.alloc(72)
  const uptime = 3_600_000
  datagram.writeUInt16BE(5, 0)
  datagram.writeUInt16BE(1, 2)
  datagram.writeUInt32BE(uptime, 4)
  datagram.writeUInt32BE(Math.floor(now / 1000), 8)
  datagram.writeUInt32BE((now % 1000) * 1_000_000, 12)
  datagram.writeUInt32BE(flow.sequence, 16)
  const octets = (text: string) => Buffer.from(text.split('.').map(Number))
  octets(flow.source).copy(datagram, 24)
  octets(flow.destination).copy(datagram, 28)
  datagram.writeUInt32BE(flow.packets, 40)
  datagram.writeUInt32BE(flow.bytes, 44)
  datagram.writeUInt32BE(uptime - 1000, 48)
  datagram.writeUInt32BE(uptime, 52)
  datagram.writeUInt16BE(flow.sourcePort, 56)
  datagram.writeUInt16BE(flow.destinationPort, 58)
  datagram.writeUInt8(0x18, 61)
  datagram.writeUInt8(6, 62)
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
