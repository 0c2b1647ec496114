import type { Server as HttpServer, IncomingMessage } from 'node:http'
import { liveSessions } from '@weir/db/commands'
import { type AnomalyNotice, LIVE_EVENTS, may, type RateEvent, type Role } from '@weir/db/contracts'
import { missedNotices } from '@weir/db/queries'
import { Server, type Socket } from 'socket.io'
import { AnomalyReader } from './anomaly-reader.ts'
import { clientAddress } from './client-address.ts'
import { type House, house } from './house.ts'
import { log } from './log.ts'
import { isOwnOrigin } from './origin.ts'
import { grantOf, type Principal, principalOf } from './principal.ts'

/** Where browsers find the live channel. */
export const LIVE_PATH = '/api/live'
/** How often open sockets are compared with sessions and roles. A change must hold within 5 s. */
const RECHECK_MS = 2_000
const PER_PERSON = 8
const ALL_SOCKETS = 5_000
/** What one reader may leave unread before the line is cut. */
const UNREAD_BYTES = 1_048_576
const UNREAD_PACKETS = 200
/** A rate older than this is no news for someone who just connected. */
const RATE_FRESH_MS = 10_000
/** Blocks that move within this long of each other are one hint: a device that is told of a hundred sends no hundred questions. */
const BLOCKS_MS = 300

export interface Live {
  rate(event: RateEvent): void
  changed(event: { what: string }): void
  /** A block moved, as the database told it at its commit. */
  block(): void
  /** One anomaly event, as the database told it at its commit. */
  anomaly(notice: AnomalyNotice): void
  /** The database is heard again, or for the first time: what it told before must be read. */
  heard(): void
  close(): Promise<void>
}

const headersOf = (request: IncomingMessage): Headers => {
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value)
  }
  return headers
}

/** Bytes waiting in this process for a reader that does not read; 0 where the transport does not say (polling). */
function unreadBytes(socket: Socket): number {
  const transport: object = socket.conn.transport
  const wire: unknown = 'socket' in transport ? transport.socket : undefined
  return typeof wire === 'object' && wire !== null && 'bufferedAmount' in wire && typeof wire.bufferedAmount === 'number'
    ? wire.bufferedAmount
    : 0
}

/** The last anomaly event a client has seen, as it says when it connects; null when it says nothing usable. */
function lastEventOf(socket: Socket): number | null {
  const said: unknown = socket.handshake.auth.lastEvent
  return typeof said === 'number' && Number.isSafeInteger(said) && said >= 0 ? said : null
}

/** Resolves when nothing waits in this process for that reader any more, or it has gone. */
async function drained(socket: Socket): Promise<void> {
  for (;;) {
    const waiting: unknown = Reflect.get(socket.conn, 'writeBuffer')
    if (!socket.connected || !Array.isArray(waiting) || (waiting.length === 0 && unreadBytes(socket) === 0)) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/**
 * The live channel: `rate` once a second, `changed` when something stored is new, `anomaly` for each anomaly event: once and in order, from
 * the last one that the client names as `lastEvent` when it connects, or `anomalies` with `reload: true`. It sends hints and accepts nothing;
 * a client that sends an event is cut. Who may connect: a session from our own origin, or a token; both need the permission of the events.
 * Roles and sessions are compared with the database every two seconds; what no longer holds is disconnected.
 */
export function openLive(httpServer: HttpServer): Live {
  const owner = new WeakMap<IncomingMessage, Principal>()
  const { settings, pool }: House = house()
  let lastRate: RateEvent | null = null
  const readers = new WeakMap<Socket, AnomalyReader>()

  const io = new Server(httpServer, {
    path: LIVE_PATH,
    destroyUpgrade: false,
    serveClient: false,
    transports: ['websocket', 'polling'],
    maxHttpBufferSize: 65_536,
    perMessageDeflate: false,
    httpCompression: false,
    pingInterval: 10_000,
    pingTimeout: 12_000,
    connectTimeout: 10_000,
    cookie: false,
    allowRequest: (request, answer) => {
      judge(request).then(
        (refusal) => answer(refusal, refusal === null),
        (err: unknown) => {
          log.error({ err }, 'a live connection could not be judged')
          answer('the database does not answer', false)
        },
      )
    },
  })

  async function judge(request: IncomingMessage): Promise<string | null> {
    const token = request.headers.authorization !== undefined
    if (!token && !isOwnOrigin(request.headers.origin, request.headers.host, settings.publicUrl)) return 'wrong origin'
    if (io.of('/').sockets.size >= ALL_SOCKETS) return 'too many connections'
    request.headers['x-weir-client'] = clientAddress(request, settings.trustedProxies)
    const principal = await principalOf(headersOf(request), { touch: false })
    if (principal === null) return 'no session'
    if (grantOf(principal, LIVE_EVENTS.rate) === 'no') return 'not allowed'
    if (peopleOf(principal).length >= PER_PERSON) return 'too many connections of one person'
    owner.set(request, principal)
    return null
  }

  const identity = (principal: Principal) => (principal.kind === 'session' ? `user ${principal.userId}` : `token ${principal.tokenId}`)
  const principalBehind = (socket: Socket) => owner.get(socket.request)
  const peopleOf = (principal: Principal) =>
    [...io.of('/').sockets.values()].filter((socket) => {
      const behind = principalBehind(socket)
      return behind !== undefined && identity(behind) === identity(principal)
    })

  io.on('connection', (socket) => {
    const principal = principalBehind(socket)
    if (principal === undefined) {
      socket.disconnect(true)
      return
    }
    socket.onAny(() => socket.disconnect(true))
    socket.on('error', () => socket.disconnect(true))
    if (lastRate !== null && Date.now() - lastRate.at < RATE_FRESH_MS) socket.emit('rate', lastRate)
    if (grantOf(principal, LIVE_EVENTS.anomaly) === 'no') return
    const reader = new AnomalyReader(
      lastEventOf(socket),
      {
        notice: (notice) => socket.emit('anomaly', notice),
        standing: (standing) => socket.emit('anomalies', standing),
        drained: () => drained(socket),
        open: () => socket.connected,
        failed(err) {
          log.warn({ err }, 'missed anomaly events could not be read; the reader is asked to come again')
          socket.disconnect(true)
        },
      },
      (after, limit) => missedNotices(pool, after, limit),
    )
    readers.set(socket, reader)
    void reader.catchUp()
  })

  /** Send to everyone who reads; cut those who do not. A rate that cannot go out at once is not kept: the next one is better. */
  function send(name: 'rate' | 'changed', payload: unknown): void {
    for (const socket of io.of('/').sockets.values()) {
      const waiting: unknown = Reflect.get(socket.conn, 'writeBuffer')
      if (unreadBytes(socket) > UNREAD_BYTES || (Array.isArray(waiting) && waiting.length > UNREAD_PACKETS)) {
        log.warn({ socket: socket.id }, 'a live reader was cut: it does not read')
        socket.disconnect(true)
      } else if (name === 'rate') socket.volatile.emit(name, payload)
      else socket.emit(name, payload)
    }
  }

  // The first is told at once, for somebody waits for it; what follows it closely is told once, at the end.
  let blocksTimer: NodeJS.Timeout | null = null
  let blocksMore = false
  function block(): void {
    if (blocksTimer !== null) {
      blocksMore = true
      return
    }
    blocksMore = false
    send('changed', { what: 'blocks' })
    blocksTimer = setTimeout(() => {
      blocksTimer = null
      if (blocksMore) block()
    }, BLOCKS_MS)
    blocksTimer.unref()
  }

  let checking = false
  const timer = setInterval(() => {
    if (checking || io.of('/').sockets.size === 0) return
    checking = true
    recheck()
      .catch((err: unknown) => log.warn({ err }, 'sessions of live connections could not be compared'))
      .finally(() => {
        checking = false
      })
  }, RECHECK_MS)
  timer.unref()

  async function recheck(): Promise<void> {
    const sockets = [...io.of('/').sockets.values()]
    const sessions = sockets.flatMap((socket) => {
      const principal = principalBehind(socket)
      return principal?.kind === 'session' ? [principal.sessionId] : []
    })
    const roles: Map<string, Role> = await liveSessions(pool, [...new Set(sessions)])
    for (const socket of sockets) {
      const principal = principalBehind(socket)
      // A token is read again as a request would be; there are few of them.
      const holds =
        principal?.kind === 'session'
          ? roles.get(principal.sessionId) === principal.role && may(principal.role, LIVE_EVENTS.rate) !== 'no'
          : principal !== undefined && (await principalOf(headersOf(socket.request))) !== null
      if (!holds) socket.disconnect(true)
    }
  }

  return {
    rate(event) {
      lastRate = event
      send('rate', event)
    },
    changed: (event) => send('changed', event),
    block,
    anomaly(notice) {
      for (const socket of io.of('/').sockets.values()) readers.get(socket)?.take(notice)
    },
    heard() {
      for (const socket of io.of('/').sockets.values()) void readers.get(socket)?.catchUp()
    },
    async close() {
      clearInterval(timer)
      if (blocksTimer !== null) clearTimeout(blocksTimer)
      io.disconnectSockets(true)
      await io.close()
    },
  }
}
