import { createSocket, type Socket } from 'node:dgram'

/** One flow to export: epoch ms, addresses as text. */
export interface ReplayFlow {
  startMs: number
  endMs: number
  src: string
  dst: string
  srcPort: number
  dstPort: number
  proto: number
  bytes: number
  packets: number
  flags: number
}

const RECORDS = 30
const octets = (address: string) => address.split('.').map(Number)

/** NetFlow v5 datagrams (Cisco, NetFlow Services Export v5) of an exporter that started `bootMs`; `sequence` counts the flows before. */
export function netflow5(flows: readonly ReplayFlow[], nowMs: number, bootMs: number, sequence: number): Buffer[] {
  const out: Buffer[] = []
  for (let at = 0; at < flows.length; at += RECORDS) {
    const part = flows.slice(at, at + RECORDS)
    const b = Buffer.alloc(24 + 48 * part.length)
    b.writeUInt16BE(5, 0)
    b.writeUInt16BE(part.length, 2)
    b.writeUInt32BE(nowMs - bootMs, 4)
    b.writeUInt32BE(Math.floor(nowMs / 1000), 8)
    b.writeUInt32BE((nowMs % 1000) * 1_000_000, 12)
    b.writeUInt32BE(sequence + at, 16)
    part.forEach((flow, i) => {
      const r = 24 + 48 * i
      b.set(octets(flow.src), r)
      b.set(octets(flow.dst), r + 4)
      b.writeUInt16BE(1, r + 12)
      b.writeUInt16BE(2, r + 14)
      b.writeUInt32BE(flow.packets, r + 16)
      b.writeUInt32BE(flow.bytes, r + 20)
      b.writeUInt32BE(flow.startMs - bootMs, r + 24)
      b.writeUInt32BE(flow.endMs - bootMs, r + 28)
      b.writeUInt16BE(flow.srcPort, r + 32)
      b.writeUInt16BE(flow.dstPort, r + 34)
      b[r + 37] = flow.flags
      b[r + 38] = flow.proto
    })
    out.push(b)
  }
  return out
}

export async function openSender(): Promise<{ send(port: number, datagrams: readonly Buffer[]): Promise<void>; close(): void }> {
  const socket: Socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return {
    send: async (port, datagrams) => {
      for (const datagram of datagrams)
        await new Promise<void>((resolve, reject) =>
          socket.send(datagram, port, '127.0.0.1', (error) => (error ? reject(error) : resolve())),
        )
    },
    close: () => socket.close(),
  }
}
