import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Book } from '../book.ts'
import type { Component } from '../component.ts'
import type { Reporter } from '../reporter.ts'

/** A socket that cannot be had: which setting it belongs to, what is in the way and what to do. */
export class ListenError extends Error {
  readonly code = 'LISTEN_FAILED'
  readonly key: string
  readonly remedy: string
  constructor(key: string, address: string, cause: NodeJS.ErrnoException) {
    const [problem, remedy] = explain(key, cause)
    super(`${key}: cannot listen on ${address}: ${problem}. ${remedy}`, { cause })
    this.name = 'ListenError'
    this.key = key
    this.remedy = remedy
  }
}

function explain(key: string, cause: NodeJS.ErrnoException): [problem: string, remedy: string] {
  switch (cause.code) {
    case 'EADDRINUSE':
      return [
        'another program already has that port',
        `Stop it ("ss -lunp" names it), or set ${key} to a free port or to "off"; every Weir port takes every format`,
      ]
    case 'EACCES':
      return ['this user may not open that port', `Set ${key} to a port above 1023, or grant CAP_NET_BIND_SERVICE`]
    case 'EADDRNOTAVAIL':
      return ['this machine has no such address', 'Set WEIR_LISTEN_HOST to an address of this machine, or to 0.0.0.0 for all']
    default:
      return [cause.message, `Check ${key} and WEIR_LISTEN_HOST`]
  }
}

/** Called for every datagram. Must be quick: while it runs, the kernel's buffer fills. */
export type Receive = (datagram: Buffer, address: string, port: number) => void

export interface UdpSettings {
  /** Shown in logs, metrics and the health page. */
  name: string
  /** Environment key that sets the port, for messages. */
  key: string
  port: number
  /** 0.0.0.0 and :: open an IPv4 and an IPv6 socket on all interfaces; any other address just that. */
  host: string
  receiveBufferBytes: number
}

const QUIET_MS = 20

/** One UDP port, on IPv4 and IPv6. Receives and counts; what a datagram means is not its business. */
export class UdpListener implements Component {
  readonly name: string
  /** What becomes of its datagrams; written by whoever takes them. */
  readonly book: Book
  datagrams = 0
  octets = 0
  readonly #settings: UdpSettings
  readonly #receive: Receive
  readonly #reporter: Reporter
  #sockets: Socket[] = []
  #granted = 0

  constructor(settings: UdpSettings, reporter: Reporter, book: Book, receive: Receive) {
    this.name = settings.name
    this.#settings = settings
    this.#reporter = reporter
    this.book = book
    this.#receive = receive
  }

  get key(): string {
    return this.#settings.key
  }

  /** The port in use; what the system chose when 0 was asked. */
  get port(): number {
    return this.#sockets[0]?.address().port ?? this.#settings.port
  }

  /** Octets of receive buffer the kernel granted per socket; Linux counts its own bookkeeping in and reports twice what it was asked. */
  get grantedBufferBytes(): number {
    return this.#granted
  }

  get open(): boolean {
    return this.#sockets.length > 0
  }

  async start(): Promise<void> {
    const { host, port, name } = this.#settings
    if (host !== '0.0.0.0' && host !== '::') {
      await this.#open(host, port)
    } else {
      await this.#open('0.0.0.0', port)
      try {
        await this.#open('::', this.port)
      } catch (error) {
        const code = error instanceof ListenError && error.cause instanceof Error && 'code' in error.cause ? error.cause.code : undefined
        if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL') {
          await this.stop()
          throw error
        }
        this.#reporter.log.warn({ listener: name }, 'this machine has no IPv6: listening on IPv4 only')
      }
    }
    this.#reporter.log.info(
      { listener: name, host, port: this.port, receiveBuffer: this.#granted },
      `listening on UDP ${this.port} (${name})`,
    )
    this.#adviseBuffer()
  }

  async #open(host: string, port: number): Promise<void> {
    const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', ipv6Only: isIPv6(host), reuseAddr: false })
    await new Promise<void>((resolve, reject) => {
      const refuse = (cause: Error) => {
        socket.close()
        reject(new ListenError(this.#settings.key, isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`, cause))
      }
      socket.once('error', refuse)
      socket.bind({ address: host, port, exclusive: true }, () => {
        socket.off('error', refuse)
        resolve()
      })
    })
    try {
      socket.setRecvBufferSize(this.#settings.receiveBufferBytes)
    } catch (error) {
      this.#reporter.log.warn({ err: error, listener: this.name }, 'the receive buffer could not be enlarged')
    }
    this.#granted = socket.getRecvBufferSize()
    socket.on('error', (error) => {
      this.#reporter.limited('error', 'socket', { err: error, listener: this.name }, 'a socket reported an error')
    })
    socket.on('message', (datagram, sender) => {
      this.datagrams++
      this.octets += datagram.length
      this.#receive(datagram, sender.address, sender.port)
    })
    this.#sockets.push(socket)
  }

  /** Say once what the kernel granted when that is less than asked: a small buffer loses bursts and nothing else tells why. */
  #adviseBuffer(): void {
    const asked = this.#settings.receiveBufferBytes
    if (this.#granted >= asked) return
    this.#reporter.log.warn(
      { listener: this.name, asked, granted: this.#granted, remedy: `sysctl -w net.core.rmem_max=${asked}` },
      'the kernel granted a smaller receive buffer than asked; bursts may be dropped before Weir sees them',
    )
  }

  /** Close the sockets once the kernel has handed over what it held, or after half a second of traffic that does not end. */
  async stop(): Promise<void> {
    for (let waited = 0, seen = -1; this.open && seen !== this.datagrams && waited < 500; waited += QUIET_MS) {
      seen = this.datagrams
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
      // A loop that stood still runs its timers before it reads: nothing seen by then says nothing.
      await new Promise((resolve) => setImmediate(resolve))
    }
    const sockets = this.#sockets
    this.#sockets = []
    await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))))
  }
}
