import { readFileSync } from 'node:fs'
import { createServer as createTcpServer, isIPv6, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { IpfixStream } from '@weir/decoder'
import type { Component } from '../component.ts'
import type { Reporter } from '../reporter.ts'
import { ListenError } from './udp.ts'

/** Bounds of the stream listener (GUARANTEES.md, threats E1–E5): one bad peer costs its own connection, never memory or another peer. */
export interface StreamLimits {
  connections: number
  connectionsPerAddress: number
  /** A message must be complete this long after its first octet. */
  partialMs: number
  /** A connection that says nothing for so long is closed. */
  idleMs: number
  handshakeMs: number
}

export const STREAM_LIMITS: StreamLimits = {
  connections: 256,
  connectionsPerAddress: 8,
  partialMs: 30_000,
  idleMs: 600_000,
  handshakeMs: 5_000,
}

/** Why connections were refused or ended by us. */
export const CLOSE_REASONS = ['connections', 'address', 'broken', 'partial', 'idle', 'handshake', 'error'] as const
export type CloseReason = (typeof CLOSE_REASONS)[number]

export interface StreamSettings {
  key: string
  port: number
  host: string
  tls: { certFile: string; keyFile: string; caFile: string | null } | null
  limits?: Partial<StreamLimits>
}

export interface StreamHandlers {
  /** One whole IPFIX message; the buffer is the receiver's to keep. */
  message(octets: Buffer, address: string, port: number, session: string): void
  /** The connection is gone, and with it what it taught. */
  ended(address: string, port: number, session: string): void
  /** False while messages cannot be taken: reading pauses, and the peer waits (that is what TCP is for). */
  ready(): boolean
}

const RESUME_MS = 20

/**
 * IPFIX over TCP, or TLS when a certificate is given (RFC 7011, section 10.4): messages framed by their own length, templates scoped to the
 * connection. With a CA the peer must show a certificate signed by it.
 */
export class StreamListener implements Component {
  readonly name: string
  messages = 0
  octets = 0
  readonly closed: Record<CloseReason, number> = { connections: 0, address: 0, broken: 0, partial: 0, idle: 0, handshake: 0, error: 0 }
  readonly #settings: StreamSettings
  readonly #limits: StreamLimits
  readonly #handlers: StreamHandlers
  readonly #reporter: Reporter
  readonly #sockets = new Set<Socket>()
  readonly #byAddress = new Map<string, number>()
  #servers: Server[] = []
  #sessions = 0

  constructor(settings: StreamSettings, reporter: Reporter, handlers: StreamHandlers) {
    this.name = settings.tls === null ? 'ipfix-tcp' : 'ipfix-tls'
    this.#settings = settings
    this.#limits = { ...STREAM_LIMITS, ...settings.limits }
    this.#reporter = reporter
    this.#handlers = handlers
  }

  get key(): string {
    return this.#settings.key
  }

  get transport(): 'tcp' | 'tls' {
    return this.#settings.tls === null ? 'tcp' : 'tls'
  }

  get port(): number {
    const address = this.#servers[0]?.address()
    return typeof address === 'object' && address !== null ? address.port : this.#settings.port
  }

  get open(): boolean {
    return this.#servers.length > 0
  }

  get sessions(): number {
    return this.#sockets.size
  }

  async start(): Promise<void> {
    const { host, port } = this.#settings
    // One socket of the IPv6 wildcard serves both families; where there is no IPv6, IPv4 alone.
    try {
      await this.#listen(host === '0.0.0.0' ? '::' : host, port)
    } catch (error) {
      const code = error instanceof ListenError && error.cause instanceof Error && 'code' in error.cause ? error.cause.code : undefined
      if (host !== '0.0.0.0' || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL')) throw error
      await this.#listen(host, port)
    }
    this.#reporter.log.info(
      { listener: this.name, host, port: this.port },
      `listening on ${this.transport.toUpperCase()} ${this.port} (${this.name})`,
    )
  }

  async #listen(host: string, port: number): Promise<void> {
    const server = this.#create()
    await new Promise<void>((resolve, reject) => {
      const refuse = (cause: Error) =>
        reject(new ListenError(this.#settings.key, `${isIPv6(host) ? `[${host}]` : host}:${port} (TCP)`, cause))
      server.once('error', refuse)
      server.listen(port, host, () => {
        server.off('error', refuse)
        resolve()
      })
    })
    server.on('error', (error) => this.#reporter.limited('error', 'stream-server', { err: error }, 'the stream listener reported an error'))
    this.#servers.push(server)
  }

  #create(): Server {
    const { tls } = this.#settings
    if (tls === null) return createTcpServer({ noDelay: true }, (socket) => this.#accept(socket))
    const server = createTlsServer(
      {
        cert: readFileSync(tls.certFile),
        key: readFileSync(tls.keyFile),
        ...(tls.caFile === null ? {} : { ca: readFileSync(tls.caFile), requestCert: true, rejectUnauthorized: true }),
        minVersion: 'TLSv1.2',
        handshakeTimeout: this.#limits.handshakeMs,
      },
      (socket) => this.#serve(socket),
    )
    server.on('connection', (socket: Socket) => this.#admit(socket))
    server.on('tlsClientError', (error, socket) => {
      this.closed.handshake++
      this.#reporter.limited('warn', 'tls', { err: error, from: socket.remoteAddress }, 'a TLS connection was refused')
      socket.destroy()
    })
    return server
  }

  #accept(socket: Socket): void {
    if (this.#admit(socket)) this.#serve(socket)
  }

  /** Count a connection in, handshake included, or end it at once. */
  #admit(socket: Socket): boolean {
    const address = plain(socket.remoteAddress)
    const same = this.#byAddress.get(address) ?? 0
    const reason =
      this.#sockets.size >= this.#limits.connections ? 'connections' : same >= this.#limits.connectionsPerAddress ? 'address' : null
    if (reason !== null) {
      this.closed[reason]++
      this.#reporter.limited(
        'warn',
        `stream-${reason}`,
        { from: address, open: this.#sockets.size },
        'a connection was refused: too many are open',
      )
      socket.destroy()
      return false
    }
    this.#sockets.add(socket)
    this.#byAddress.set(address, same + 1)
    socket.on('error', () => undefined)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      const left = (this.#byAddress.get(address) ?? 1) - 1
      if (left > 0) this.#byAddress.set(address, left)
      else this.#byAddress.delete(address)
    })
    return true
  }

  #serve(socket: Socket): void {
    const address = plain(socket.remoteAddress)
    const port = socket.remotePort ?? 0
    const session = `${address}/${port}/${++this.#sessions}`
    const stream = new IpfixStream()
    let partial: NodeJS.Timeout | null = null
    let resume: NodeJS.Timeout | null = null
    const end = (reason: CloseReason, detail?: string) => {
      this.closed[reason]++
      this.#reporter.limited(
        'warn',
        `stream-${reason}`,
        { from: address, session, detail: detail ?? null },
        `a connection was closed: ${reason}`,
      )
      socket.destroy()
    }
    const watchPartial = () => {
      if (stream.waiting === 0) {
        if (partial !== null) clearTimeout(partial)
        partial = null
      } else {
        partial ??= setTimeout(() => end('partial', `${stream.waiting} octets of a message`), this.#limits.partialMs)
      }
    }
    const goOn = () => {
      resume = null
      if (this.#handlers.ready()) socket.resume()
      else resume = setTimeout(goOn, RESUME_MS)
    }
    socket.setTimeout(this.#limits.idleMs, () => end('idle'))
    socket.on('error', (error) => {
      this.closed.error++
      this.#reporter.limited('warn', 'stream-error', { err: error, from: address }, 'a connection broke')
    })
    socket.on('data', (octets: Buffer) => {
      this.octets += octets.length
      const waited = stream.waiting > 0
      let whole = 0
      stream.push(octets, (message) => {
        whole++
        this.messages++
        // Copied: the stream reuses its buffer, and decoding comes later.
        this.#handlers.message(Buffer.from(message), address, port, session)
      })
      if (stream.broken !== null) {
        end('broken', stream.broken)
        return
      }
      // A message that was completed ends its timer; what follows it starts its own.
      if (waited && whole > 0 && partial !== null) {
        clearTimeout(partial)
        partial = null
      }
      watchPartial()
      if (!this.#handlers.ready() && resume === null) {
        socket.pause()
        resume = setTimeout(goOn, RESUME_MS)
      }
    })
    socket.once('close', () => {
      if (partial !== null) clearTimeout(partial)
      if (resume !== null) clearTimeout(resume)
      this.#handlers.ended(address, port, session)
    })
  }

  async stop(): Promise<void> {
    const servers = this.#servers
    this.#servers = []
    const closing = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())))
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(closing)
  }
}

/** The address without the ::ffff: of IPv4 seen through an IPv6 socket. */
function plain(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/i, '')
}
