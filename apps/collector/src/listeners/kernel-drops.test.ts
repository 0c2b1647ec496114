import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { KernelDrops, parseUdpTable } from './kernel-drops.ts'

const TABLE = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 0100007F:0807 00000000:0000 07 00000000:00000300 00:00000000 00000000     0        0 12345 2 0000000000000000 17
  101: garbage
  102: 00000000:1283 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12346 2 0000000000000000 0
`

describe("the kernel's table of UDP sockets", () => {
  it('gives port, queue, inode and drops, and skips what it does not know', () => {
    expect(parseUdpTable(TABLE, 4)).toEqual([
      { inode: 12345, family: 4, port: 2055, queued: 0x300, drops: 17 },
      { inode: 12346, family: 4, port: 4739, queued: 0, drops: 0 },
    ])
  })

  it('counts what a full receive buffer dropped, and keeps the count after the socket is closed', async () => {
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const { port } = socket.address()
    socket.setRecvBufferSize(4096)
    const sender = createSocket('udp4')
    const burst = 2000
    // Sent without a turn of the event loop that would let the receiver read: the buffer must overflow.
    await new Promise<void>((resolve) => {
      let done = 0
      for (let i = 0; i < burst; i++)
        sender.send(Buffer.alloc(1000), port, '127.0.0.1', () => {
          if (++done === burst) resolve()
        })
    })
    const drops = new KernelDrops()
    expect(drops.read(new Set([port]))).toBe(true)
    const counted = drops.total
    expect(counted).toBeGreaterThan(0)
    sender.close()
    socket.close()
    await once(socket, 'close')
    drops.read(new Set([port]))
    expect(drops.total).toBe(counted)
    expect(drops.byPort().get(port)).toBe(counted)
  })
})
