import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

const from = Number(process.env.WEIR_TEST_PORT_BASE ?? 21_700)
let next = from + Math.floor(Math.random() * 60)

function freeUdp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.once('error', () => {
      socket.close()
      resolve(false)
    })
    socket.bind({ port, address: '0.0.0.0', exclusive: true }, () => socket.close(() => resolve(true)))
  })
}

function freeTcp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** Ports that are free for UDP and TCP now, each given once per process; from 100 after WEIR_TEST_PORT_BASE (default 21700). */
export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = []
  for (let tries = 0; tries < 200 && found.length < count; tries++) {
    const port = from + ((next++ - from) % 100)
    if ((await freeUdp(port)) && (await freeTcp(port))) found.push(port)
  }
  if (found.length < count) throw new Error(`only ${found.length} of ${count} ports from ${from} on are free`)
  return found
}
