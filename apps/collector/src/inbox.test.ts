import { describe, expect, it } from 'vitest'
import { DATAGRAM_OVERHEAD, Inbox } from './inbox.ts'

const source = { address: '192.0.2.1', port: 2055, receivedMs: 0 }

describe('the inbox', () => {
  it('gives datagrams back in order, however pushes and shifts mix', () => {
    const inbox = new Inbox(1e9)
    let pushed = 0
    let shifted = 0
    for (let round = 0; round < 200; round++) {
      for (let i = 0; i < 100; i++) {
        const data = Buffer.alloc(4)
        data.writeUInt32BE(pushed++)
        inbox.push(data, source)
      }
      for (let i = 0; i < 60 + (round % 50); i++) {
        const entry = inbox.shift()
        if (entry === undefined) break
        expect(entry.data.readUInt32BE()).toBe(shifted++)
      }
      expect(inbox.length).toBe(pushed - shifted)
    }
    while (inbox.shift() !== undefined) shifted++
    expect(shifted).toBe(pushed)
    expect(inbox.octets).toBe(0)
  })

  it('refuses the newest when it is full, and takes again once there is room', () => {
    const inbox = new Inbox(3 * (1000 + DATAGRAM_OVERHEAD))
    const datagram = Buffer.alloc(1000)
    expect([1, 2, 3, 4].map(() => inbox.push(datagram, source))).toEqual([true, true, true, false])
    inbox.shift()
    expect(inbox.push(datagram, source)).toBe(true)
  })
})
