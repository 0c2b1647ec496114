import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { Reporter } from '../reporter.ts'
import { type StreamLimits, StreamListener } from './tcp.ts'

const reporter = new Reporter({ level: 'silent', metricsPort: null })
const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A message of version 10 with a body of `length - 16` octets, numbered. */
function message(number: number, length = 24): Buffer {
  const b = Buffer.alloc(length)
  b.writeUInt16BE(10, 0)
  b.writeUInt16BE(length, 2)
  b.writeUInt32BE(number, 8)
  return b
}

async function start(limits: Partial<StreamLimits> = {}, ready = () => true) {
  const got: { number: number; session: string }[] = []
  const ended: string[] = []
  const listener = new StreamListener({ key: 'WEIR_IPFIX_PORT', port: 0, host: '127.0.0.1', tls: null, limits }, reporter, {
    message: (octets, _address, _port, session) => void got.push({ number: octets.readUInt32BE(8), session }),
    ended: (_address, _port, session) => void ended.push(session),
    ready,
  })
  await listener.start()
  cleanups.push(() => listener.stop())
  const open = async (): Promise<Socket> => {
    const socket = connect(listener.port, '127.0.0.1')
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.setNoDelay(true)
    cleanups.push(() => void socket.destroy())
    return socket
  }
  return { listener, got, ended, open }
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (condition()) return
    await sleep(4)
  }
  expect(condition()).toBe(true)
}

describe('IPFIX over TCP', () => {
  it('finds the messages wherever the stream is cut', async () => {
    const { got, open } = await start()
    const whole = Buffer.concat([message(1), message(2, 40), message(3, 16)])
    for (let cut = 1; cut < whole.length; cut++) {
      got.length = 0
      const socket = await open()
      socket.write(whole.subarray(0, cut))
      await sleep(1)
      socket.end(whole.subarray(cut))
      await until(() => got.length === 3)
      expect(got.map(({ number }) => number)).toEqual([1, 2, 3])
    }
  }, 60_000)

  it('tells connections apart and says when one ends', async () => {
    const { got, ended, open } = await start()
    const [a, b] = [await open(), await open()]
    a.write(message(1))
    b.write(message(2))
    await until(() => got.length === 2)
    expect(new Set(got.map(({ session }) => session)).size).toBe(2)
    a.end()
    await until(() => ended.length === 1)
    expect(ended[0]).toBe(got.find(({ number }) => number === 1)?.session)
  })

  it('closes a stream that is not IPFIX, and counts it', async () => {
    const { listener, open } = await start()
    const socket = await open()
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await once(socket, 'close')
    expect(listener.closed.broken).toBe(1)
  })

  it('closes who starts a message and does not finish it; a good neighbour is not disturbed', async () => {
    const { listener, got, open } = await start({ partialMs: 80 })
    const slow = await open()
    const good = await open()
    slow.write(message(1).subarray(0, 10))
    const drip = setInterval(() => slow.write(Buffer.of(0)), 30)
    await once(slow, 'close')
    clearInterval(drip)
    expect(listener.closed.partial).toBe(1)
    good.write(message(2))
    await until(() => got.length === 1)
  })

  it('bounds connections, all together and by address', async () => {
    const { listener, open } = await start({ connectionsPerAddress: 3 })
    const sockets = [await open(), await open(), await open()]
    const fourth = await open()
    await once(fourth, 'close')
    expect([listener.sessions, listener.closed.address]).toEqual([3, 1])
    sockets[0]?.destroy()
    await until(() => listener.sessions === 2)
    await open()
    await until(() => listener.sessions === 3)
  })

  it('stops reading while nothing can be taken, and loses nothing', async () => {
    let ready = false
    const { got, open } = await start({}, () => ready)
    const socket = await open()
    const many = Buffer.concat(Array.from({ length: 500 }, (_, i) => message(i, 1000)))
    for (let i = 0; i < 8; i++) socket.write(many)
    await sleep(100)
    expect(got.length).toBeLessThan(4000)
    ready = true
    await until(() => got.length === 4000)
  })
})
