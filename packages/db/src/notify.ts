import pg from 'pg'
import { endsWithin, type Pool, type PoolClient } from './connection.ts'
import { AnomalyNotice } from './contracts/anomalies.ts'
import { ChangedEvent, RateEvent } from './contracts/api.ts'
import { BlockNotice } from './contracts/blocks.ts'
import { StorageError } from './errors.ts'

/** Payload by channel. */
export interface Channels {
  /** Once a second from the collector. */
  weir_rate: RateEvent
  /** At most once a second per sender. */
  weir_changed: ChangedEvent
  /** Once per anomaly event, at its commit and in the order of its ids. */
  weir_anomaly: AnomalyNotice
  /** A block that was asked for or came into another state. */
  weir_block: BlockNotice
}
export type Channel = keyof Channels

/** PostgreSQL's limit of one payload, octets. */
const PAYLOAD_LIMIT = 7999

/**
 * Tell every subscriber; inside a transaction, when it commits. Throws StorageError `payload-too-large` above 7,999 octets: send what changed,
 * not the change.
 */
export async function publish<C extends Channel>(db: Pool | PoolClient, channel: C, payload: Channels[C]): Promise<void> {
  const text = JSON.stringify(payload)
  const octets = Buffer.byteLength(text)
  if (octets > PAYLOAD_LIMIT) {
    throw new StorageError(`a message of ${octets} octets does not fit channel ${channel}`, {
      code: 'payload-too-large',
      remedy: 'Send a hint and let the receiver ask.',
    })
  }
  await db.query('select pg_notify($1, $2)', [channel, text])
}

export interface SubscribeHandlers {
  rate?: (event: RateEvent) => void
  changed?: (event: ChangedEvent) => void
  anomaly?: (event: AnomalyNotice) => void
  block?: (event: BlockNotice) => void
  /**
   * Listening. `again` is true after an interruption: what was told meanwhile is lost, so ask for everything shown.
   */
  connected?: (again: boolean) => void
  /** The connection broke or could not be made; the next attempt comes by itself after `retryMs`. */
  disconnected?: (error: Error, retryMs: number) => void
  /** A message that is not of its channel's shape; it reached no handler. */
  invalid?: (channel: string, payload: string) => void
}

export interface SubscribeOptions {
  /** Shown in pg_stat_activity. Default `weir-notify`. */
  applicationName?: string
  /** First and longest wait between attempts, milliseconds. Default 100 and 10,000; each failure doubles the wait, ± a quarter. */
  retryMs?: readonly [first: number, longest: number]
  /** How often a quiet connection is tested: a network that vanishes says nothing. Default 15,000. */
  checkMs?: number
}

export interface Subscription {
  close(): Promise<void>
}

/*
 * connecting → listening   (LISTEN answered)
 * connecting → waiting     (refused, timed out)
 * listening  → waiting     (connection ended, or a check was not answered)
 * waiting    → connecting  (after the wait)
 * any        → closed      (close)
 */

/** A connection gets so long to say goodbye. */
const CLOSE_MS = 1_000

const SHAPES: Readonly<Record<string, { safeParse(value: unknown): { success: boolean } }>> = {
  weir_rate: RateEvent,
  weir_changed: ChangedEvent,
  weir_anomaly: AnomalyNotice,
  weir_block: BlockNotice,
}

/** Listen on all channels with a connection of its own, for ever: every interruption is followed by another attempt. */
export function subscribe(connectionString: string, handlers: SubscribeHandlers, options: SubscribeOptions = {}): Subscription {
  const [firstRetry, longestRetry] = options.retryMs ?? [100, 10_000]
  const checkMs = options.checkMs ?? 15_000
  let closed = false
  let failures = 0
  let everConnected = false
  let client: pg.Client | null = null
  let timer: NodeJS.Timeout | null = null

  function attempt(): void {
    if (closed) return
    timer = null
    listen().catch((error: unknown) => interrupted(error))
  }

  async function listen(): Promise<void> {
    const current = new pg.Client({
      connectionString,
      application_name: options.applicationName ?? 'weir-notify',
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
    })
    client = current
    current.on('error', (error) => interrupted(error, current))
    current.on('end', () => interrupted(new Error('the server ended the connection'), current))
    current.on('notification', (message) => dispatch(message.channel, message.payload ?? ''))
    await current.connect()
    await current.query('listen weir_rate; listen weir_changed; listen weir_anomaly; listen weir_block')
    if (closed || client !== current) return
    failures = 0
    handlers.connected?.(everConnected)
    everConnected = true
    check(current)
  }

  function check(current: pg.Client): void {
    timer = setTimeout(() => {
      const patience = setTimeout(() => interrupted(new Error('the server does not answer'), current), checkMs)
      current.query('select 1').then(
        () => {
          clearTimeout(patience)
          if (!closed && client === current) check(current)
        },
        (error: unknown) => {
          clearTimeout(patience)
          interrupted(error, current)
        },
      )
    }, checkMs)
    timer.unref()
  }

  function interrupted(error: unknown, from: pg.Client | null = client): void {
    // Only the connection in use counts, and only its first complaint.
    if (closed || from === null || from !== client) return
    client = null
    if (timer) clearTimeout(timer)
    from.end().catch(() => undefined)
    const wait = Math.min(longestRetry, firstRetry * 2 ** failures++) * (0.75 + Math.random() / 2)
    handlers.disconnected?.(error instanceof Error ? error : new Error(String(error)), Math.round(wait))
    timer = setTimeout(attempt, wait)
  }

  function dispatch(channel: string, payload: string): void {
    const shape = Object.hasOwn(SHAPES, channel) ? SHAPES[channel] : undefined
    let value: unknown
    try {
      value = JSON.parse(payload)
    } catch {
      value = undefined
    }
    if (!shape?.safeParse(value).success) handlers.invalid?.(channel, payload)
    else if (channel === 'weir_rate') handlers.rate?.(RateEvent.parse(value))
    else if (channel === 'weir_anomaly') handlers.anomaly?.(AnomalyNotice.parse(value))
    else if (channel === 'weir_block') handlers.block?.(BlockNotice.parse(value))
    else handlers.changed?.(ChangedEvent.parse(value))
  }

  attempt()
  return {
    async close() {
      closed = true
      if (timer) clearTimeout(timer)
      const last = client
      client = null
      // The attempt itself is not waited for: node-postgres settles no connect() that end() interrupts, and to a host that swallows
      // everything a connection ends when the kernel gives up.
      if (last !== null) await endsWithin(CLOSE_MS, last.end())
    },
  }
}
