import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { Book } from '../book.ts'
import { Reporter } from '../reporter.ts'
import { ListenError, UdpListener, type UdpSettings } from './udp.ts'

const lines: string[] = []
const reporter = new Reporter({ level: 'info', metricsPort: null, destination: { write: (line: string) => void lines.push(line) } })
const open: UdpListener[] = []

function listener(settings: Partial<UdpSettings>, receive: (d: Buffer, a: string, p: number) => void = () => undefined): UdpListener {
  const made = new UdpListener(
    { name: 'netflow', key: 'WEIR_NETFLOW_PORT', port: 0, host: '0.0.0.0', receiveBufferBytes: 1 << 20, ...settings },
    reporter,
    new Book(),
    receive,
  )
  open.push(made)
  return made
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((l) => l.stop()))
  lines.length = 0
})

async function send(type: 'udp4' | 'udp6', address: string, port: number, data: Buffer): Promise<void> {
  const socket = createSocket(type)
  await new Promise<void>((resolve, reject) => socket.send(data, port, address, (error) => (error ? reject(error) : resolve())))
  socket.close()
}

describe('a UDP listener', () => {
  it('takes datagrams over IPv4 and IPv6 on one port, and counts them', async () => {
    const got: [string, string][] = []
    const udp = listener({}, (data, address) => got.push([data.toString(), address]))
    await udp.start()
    await send('udp4', '127.0.0.1', udp.port, Buffer.from('four'))
    await send('udp6', '::1', udp.port, Buffer.from('six!'))
    for (let i = 0; i < 100 && got.length < 2; i++) await sleep(10)
    expect(got.sort()).toEqual([
      ['four', '127.0.0.1'],
      ['six!', '::1'],
    ])
    expect([udp.datagrams, udp.octets]).toEqual([2, 8])
  })

  it('names the key and the way out when the port is taken', async () => {
    const other = createSocket('udp4')
    other.bind(0, '0.0.0.0')
    await once(other, 'listening')
    const error: unknown = await listener({ port: other.address().port })
      .start()
      .catch((e: unknown) => e)
    other.close()
    expect(error).toBeInstanceOf(ListenError)
    expect(String(error)).toMatch(/WEIR_NETFLOW_PORT: cannot listen on 0\.0\.0\.0:\d+: another program already has that port\. Stop it/)
  })

  it('leaves nothing open when only the IPv6 half is taken', async () => {
    const other = createSocket({ type: 'udp6', ipv6Only: true })
    other.bind(0, '::')
    await once(other, 'listening')
    const { port } = other.address()
    const udp = listener({ port })
    await expect(udp.start()).rejects.toThrow(/another program already has that port/)
    expect(udp.open).toBe(false)
    other.close()
  })

  it('names an address this machine does not have', async () => {
    await expect(listener({ host: '192.0.2.77' }).start()).rejects.toThrow(/WEIR_LISTEN_HOST/)
  })

  it('says what the kernel granted and how to get more', async () => {
    await listener({ receiveBufferBytes: 1 << 30 }).start()
    const advice = lines.map((line): { remedy?: string } => JSON.parse(line)).find((line) => line.remedy !== undefined)
    expect(advice).toMatchObject({ level: 'warn', listener: 'netflow', asked: 1 << 30, remedy: `sysctl -w net.core.rmem_max=${1 << 30}` })
  })
})
