import type { AnomalyNotice, RateEvent } from '@weir/db/contracts'
import { io, type Socket } from 'socket.io-client'
import { AnomalyPosition } from './anomaly-position.ts'

/**
 * The browser's end of the live channel: one connection per tab, shared by everything that shows something live.
 *
 * State in words: `connecting` until the first answer; `live` while connected; `reconnecting` after a break, with socket.io trying again
 * at 1 s to 5 s with jitter; `signed-out` when the server says there is no session any more, and then it stays away.
 * A rate older than SILENT_MS means that nothing is being measured, whatever the connection says.
 */
export type LiveStatus = 'connecting' | 'live' | 'reconnecting' | 'signed-out'
export interface LiveState {
  status: LiveStatus
  /** The newest second, or null when none came yet or the last one is too old. */
  rate: RateEvent | null
}
export type Change = { what: string }

export const SILENT_MS = 6_000

let state: LiveState = { status: 'connecting', rate: null }
let socket: Socket | null = null
let silence: ReturnType<typeof setTimeout> | undefined
const listeners = new Set<() => void>()
const changeListeners = new Set<(change: Change) => void>()
const anomalyListeners = new Set<(notice: AnomalyNotice) => void>()
/** Kept over breaks of the connection, so that the server tells what was missed. */
const position = new AnomalyPosition()

function set(patch: Partial<LiveState>): void {
  state = { ...state, ...patch }
  for (const listener of listeners) listener()
}

/** Asked when the server cuts or refuses us: a lost session must lead to the sign-in, anything else to another try. */
async function sessionGone(): Promise<boolean> {
  try {
    return (await fetch('/api/v1/profile', { headers: { accept: 'application/json' } })).status === 401
  } catch {
    // No answer at all is not a refusal.
    return false
  }
}

async function refused(): Promise<void> {
  if (await sessionGone()) {
    set({ status: 'signed-out', rate: null })
    socket?.disconnect()
    const here = window.location.pathname + window.location.search
    window.location.assign(`/sign-in?${new URLSearchParams({ return: here })}`)
  } else {
    set({ status: 'reconnecting' })
    socket?.connect()
  }
}

function open(): void {
  let errors = 0
  socket = io({
    path: '/api/live',
    auth: (answer) => answer(position.hello()),
    transports: ['websocket', 'polling'],
    reconnectionDelay: 1_000,
    reconnectionDelayMax: 5_000,
    randomizationFactor: 0.5,
  })
  socket.on('connect', () => {
    const again = state.status === 'reconnecting'
    errors = 0
    set({ status: 'live' })
    // What changed while we were away is not known: everything shown is asked again.
    if (again) for (const listener of changeListeners) listener({ what: 'everything' })
  })
  socket.on('disconnect', (reason) => {
    set({ status: 'reconnecting', rate: null })
    if (reason === 'io server disconnect') setTimeout(() => void refused(), 500)
  })
  socket.on('connect_error', () => {
    set({ status: 'reconnecting', rate: null })
    errors += 1
    if (errors % 3 === 1) void sessionGone().then((gone) => (gone ? refused() : undefined))
  })
  socket.on('rate', (rate: RateEvent) => {
    clearTimeout(silence)
    silence = setTimeout(() => set({ rate: null }), SILENT_MS)
    set({ rate })
  })
  socket.on('changed', (change: Change) => {
    for (const listener of changeListeners) listener(change)
  })
  socket.on('anomaly', (notice: AnomalyNotice) => {
    if (!position.take(notice)) return
    for (const listener of anomalyListeners) listener(notice)
  })
  socket.on('anomalies', (standing: { last: number; reload: boolean }) => {
    position.stand(standing.last)
    // What is shown may be older than this standing: it was asked before the connection stood, or too much was missed.
    for (const listener of changeListeners) listener({ what: 'anomalies' })
  })
}

/** Listen to the state; the first listener opens the connection, the last one closes it. */
export function subscribeLive(listener: () => void): () => void {
  listeners.add(listener)
  if (socket === null) open()
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) {
      clearTimeout(silence)
      socket?.disconnect()
      socket = null
      state = { status: 'connecting', rate: null }
    }
  }
}

export const liveState = (): LiveState => state

/** Hear what changed on the server. Does not open the connection by itself. */
export function onChange(listener: (change: Change) => void): () => void {
  changeListeners.add(listener)
  return () => changeListeners.delete(listener)
}

/** Hear each anomaly event once, in order, also those of the time without a connection. Does not open the connection by itself. */
export function onAnomaly(listener: (notice: AnomalyNotice) => void): () => void {
  anomalyListeners.add(listener)
  return () => anomalyListeners.delete(listener)
}
