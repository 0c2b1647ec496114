import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'

/** Where datagrams go. */
export interface Target {
  address: string
  family: 4 | 6
  port: number
}

/** A target or address that cannot be used, with what to write instead. */
export class SendError extends Error {
  readonly code = 'SEND_FAILED'
  readonly remedy: string
  constructor(message: string, remedy: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'SendError'
    this.remedy = remedy
  }
}

/** Read `HOST:PORT`, `[IPV6]:PORT` or `:PORT` (this machine). Throws SendError. */
export async function resolveTarget(text: string): Promise<Target> {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? (match?.[2] === '' ? '127.0.0.1' : match?.[2])
  const port = Number(match?.[3])
  if (host === undefined || !(port >= 1 && port <= 65535)) {
    throw new SendError(`"${text}" is no target`, 'Write it as HOST:PORT, for example --to 127.0.0.1:2055')
  }
  const version = isIP(host)
  if (version !== 0) return { address: host, family: version === 6 ? 6 : 4, port }
  try {
    const { address, family } = await lookup(host)
    return { address, family: family === 6 ? 6 : 4, port }
  } catch (cause) {
    throw new SendError(`the name ${host} is not known`, 'Check the spelling or give an address', cause)
  }
}

/** The address this machine sends to the target from; 0.0.0.0 where there is no way there. */
export async function ownAddress(target: Target): Promise<string> {
  const socket = createSocket(target.family === 6 ? 'udp6' : 'udp4')
  try {
    return await new Promise((resolve) => {
      socket.once('error', () => resolve('0.0.0.0'))
      socket.connect(target.port, target.address, () => resolve(socket.address().address))
    })
  } finally {
    socket.close()
  }
}

const MOST_IN_FLIGHT = 256

/** One UDP socket that sends in order and no faster than the system takes it. */
export class Sender {
  readonly #socket: Socket
  readonly #target: Target
  #inFlight = 0
  #waiting: (() => void) | null = null
  datagrams = 0
  octets = 0
  failed = 0
  lastError: Error | null = null

  private constructor(socket: Socket, target: Target) {
    this.#socket = socket
    this.#target = target
  }

  /** Open a socket; `source` binds it to an address of this machine. Throws SendError. */
  static async open(target: Target, source?: string): Promise<Sender> {
    const socket = createSocket(target.family === 6 ? 'udp6' : 'udp4')
    const sender = new Sender(socket, target)
    await new Promise<void>((resolve, reject) => {
      const fail = (cause: Error) => {
        socket.close()
        reject(
          new SendError(
            `cannot send from ${source ?? 'this machine'}: ${cause.message}`,
            'The demo uses loopback addresses in 127.66.0.0/16, which Linux has; elsewhere add them to the loopback interface',
            cause,
          ),
        )
      }
      socket.once('error', fail)
      socket.bind({ port: 0, ...(source === undefined ? {} : { address: source }) }, () => {
        socket.off('error', fail)
        resolve()
      })
    })
    socket.on('error', (error) => {
      sender.failed++
      sender.lastError = error
    })
    return sender
  }

  /** Resolves when there is room for the next datagram. A send that fails is counted: UDP promises nothing, and a collector may restart. */
  async send(datagram: Buffer): Promise<void> {
    this.datagrams++
    this.octets += datagram.length
    this.#inFlight++
    this.#socket.send(datagram, this.#target.port, this.#target.address, (error) => {
      if (error !== null) {
        this.failed++
        this.lastError = error
      }
      this.#inFlight--
      if (this.#waiting !== null && this.#inFlight < MOST_IN_FLIGHT / 2) {
        const wake = this.#waiting
        this.#waiting = null
        wake()
      }
    })
    if (this.#inFlight >= MOST_IN_FLIGHT) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
    }
  }

  async close(): Promise<void> {
    for (let i = 0; i < 200 && this.#inFlight > 0; i++) await new Promise((resolve) => setTimeout(resolve, 5))
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()))
  }
}
