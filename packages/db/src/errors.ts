import pg from 'pg'

/**
 * What to do about a database error (GUARANTEES, "Error classes").
 *
 * - `outage`: the database is unreachable, restarting, out of space or connections, or asks to try again: retry for ever, with jitter.
 * - `data`: the rows are at fault (SQLSTATE classes 22 and 23): find the row, set it aside, go on.
 * - `other`: anything else: retry a few times, then set the batch aside and alert.
 */
export type ErrorKind = 'outage' | 'data' | 'other'

/** Error codes of node's sockets and resolver, and of node-postgres when a connection ends under a query. */
const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
])
/** node-postgres has no code for these. */
const CONNECTION_MESSAGES =
  /connection terminated|connection timeout|timeout exceeded when trying to connect|client was closed|not queryable|calling end on the pool/i

/** SQLSTATE of a server error, or null when the error did not come from the server. */
export function sqlstate(error: unknown): string | null {
  return error instanceof pg.DatabaseError && typeof error.code === 'string' ? error.code : null
}

/** The class of an error, from its SQLSTATE or socket code. An error of our own keeps the class it was given. */
export function classify(error: unknown): ErrorKind {
  if (error instanceof StorageError) return error.kind
  const state = sqlstate(error)
  if (state !== null) {
    if (state === '40001' || state === '40P01' || /^(08|53|57P|58)/.test(state)) return 'outage'
    // 55P03: a lock was not granted in time, 57014: the statement was cancelled by its timeout. Both pass.
    if (state === '55P03' || state === '57014') return 'outage'
    // A server that stopped between two attempts may answer a start-up with class 3D or 28 only when it was set up otherwise: not an outage.
    return /^(22|23)/.test(state) ? 'data' : 'other'
  }
  if (error instanceof Error) {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
    if (CONNECTION_CODES.has(code) || CONNECTION_MESSAGES.test(error.message)) return 'outage'
    if (error instanceof AggregateError && error.errors.length > 0)
      return error.errors.every((e) => classify(e) === 'outage') ? 'outage' : 'other'
  }
  return 'other'
}

export interface StorageErrorFacts {
  /** kebab-case, stable: what callers and tests compare. */
  code: string
  kind?: ErrorKind
  /** What a person can do about it, one sentence. */
  remedy: string
  cause?: unknown
}

/** An error of the storage rooms: what happened, what to do, and whether trying again can help. */
export class StorageError extends Error {
  readonly code: string
  readonly kind: ErrorKind
  readonly remedy: string
  /** SQLSTATE of the cause when the server sent one. */
  readonly sqlstate: string | null

  constructor(message: string, facts: StorageErrorFacts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = 'StorageError'
    this.code = facts.code
    this.kind = facts.kind ?? (facts.cause === undefined ? 'other' : classify(facts.cause))
    this.remedy = facts.remedy
    this.sqlstate = sqlstate(facts.cause)
  }

  /** True when the same call can succeed later without any change. */
  get retryable(): boolean {
    return this.kind === 'outage'
  }
}

/** The message of anything thrown; an AggregateError of node's dual-stack connect has an empty one of its own. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
