import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Reporter } from '../reporter.ts'
import { StreamListener } from './tcp.ts'

// test/tls: a CA, a server and a client it signed, and a client of another CA; prime256v1, valid for a hundred years, made for these tests.
const file = (name: string) => fileURLToPath(new URL(`../../test/tls/${name}`, import.meta.url))

const got: number[] = []
const listener = new StreamListener(
  {
    key: 'WEIR_IPFIX_PORT',
    port: 0,
    host: '127.0.0.1',
    tls: { certFile: file('server.pem'), keyFile: file('server.key'), caFile: file('ca.pem') },
    limits: { handshakeMs: 200 },
  },
  new Reporter({ level: 'silent', metricsPort: null }),
  { message: (octets) => void got.push(octets.length), ended: () => undefined, ready: () => true },
)
beforeAll(() => listener.start())
afterAll(() => listener.stop())

function dial(identity: 'client' | 'stranger' | null): TLSSocket {
  const socket = connect({
    port: listener.port,
    host: '127.0.0.1',
    ca: readFileSync(file('ca.pem')),
    checkServerIdentity: () => undefined,
    ...(identity === null ? {} : { cert: readFileSync(file(`${identity}.pem`)), key: readFileSync(file(`${identity}.key`)) }),
  })
  socket.on('error', () => undefined)
  return socket
}

const MESSAGE = Buffer.from([0, 10, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !condition(); i++) await sleep(5)
  expect(condition()).toBe(true)
}

describe('IPFIX over TLS', () => {
  it('takes messages from a peer whose certificate the CA signed', async () => {
    const socket = dial('client')
    socket.write(MESSAGE)
    await until(() => got.length === 1)
    socket.destroy()
  })

  it.each(['stranger', null] as const)('refuses a peer with the certificate of %s, and counts it', async (identity) => {
    const before = listener.closed.handshake
    const taken = got.length
    const socket = dial(identity)
    socket.write(MESSAGE)
    await until(() => listener.closed.handshake === before + 1)
    expect(got.length).toBe(taken)
  })

  it('gives up on a peer that does not finish its handshake', async () => {
    const { connect: plain } = await import('node:net')
    const before = listener.closed.handshake
    const socket = plain(listener.port, '127.0.0.1')
    socket.on('error', () => undefined)
    await until(() => listener.closed.handshake === before + 1)
    await until(() => listener.sessions === 0)
  })
})
