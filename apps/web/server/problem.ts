import { QUERY_ERROR_STATUS, QueryError } from '@weir/db/contracts'
import { log } from './log.ts'

/**
 * Why a request was not answered, on its way to becoming RFC 9457 problem details. `detail` is the cause, `remedy` what to do;
 * both are read by people, and neither ever contains what only the server should know.
 */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: number
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly remedy: string
  readonly headers: Readonly<Record<string, string>>
  readonly extra: Readonly<Record<string, unknown>>

  constructor(
    status: number,
    code: string,
    detail: string,
    remedy: string,
    more: { title?: string; headers?: Record<string, string>; extra?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(detail, more.cause === undefined ? undefined : { cause: more.cause })
    this.status = status
    this.code = code
    this.title = more.title ?? TITLES[code] ?? 'The request was refused'
    this.detail = detail
    this.remedy = remedy
    this.headers = more.headers ?? {}
    this.extra = more.extra ?? {}
  }
}

const TITLES: Record<string, string> = {
  'bad-filter': 'The filter does not read',
  'unknown-dimension': 'Unknown dimension',
  'unknown-metric': 'Unknown metric',
  'unknown-parameter': 'Unknown parameter',
  'bad-parameter': 'A parameter is not valid',
  'bad-body': 'The body is not valid',
  'bad-window': 'The time range is not valid',
  'window-too-large': 'The time range is too large',
  'out-of-range': 'A number is out of range',
  'bad-cursor': 'The cursor is not valid',
  precision: 'Your role sees networks, not single hosts',
  'not-found': 'Not found',
  conflict: 'Conflict',
  invalid: 'The change is not valid',
  timeout: 'The question took too long',
  'database-unreachable': 'The database is not reachable',
  'signed-out': 'You are signed out',
  'not-allowed': 'Your role does not allow this',
  'wrong-origin': 'The request came from another site',
  'wrong-password': 'Sign-in failed',
  'too-many-tries': 'Too many tries',
  'step-up-required': 'Confirm that it is you',
  'second-factor-required': 'One more step',
  'wrong-code': 'The code is not right',
  'internal-error': 'The server failed',
}

/** Why a password is not looked at for now. */
export const tooManyTries = (seconds: number): Problem =>
  new Problem(
    429,
    'too-many-tries',
    'There were too many wrong passwords from here or for this account.',
    `Wait ${Math.ceil(seconds / 60)} min and try again. Locked out as an admin: bin/weir admin link on the Weir host lets you in at once.`,
    { headers: { 'retry-after': String(seconds) } },
  )

/** Errors of node-postgres and the system that mean "no database there": connection lost, refused, shutting down, too many clients. */
const UNREACHABLE = /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EPIPE|ETIMEDOUT|EHOSTUNREACH|08\w{3}|57P\d\d|53300)$/

function codeOf(error: unknown): string {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') return at.code
    if (/timeout exceeded when trying to connect|Connection terminated/i.test(at.message)) return 'ECONNRESET'
  }
  return ''
}

/** Any thrown thing as a Problem. What was not foreseen is logged with the request id and told to nobody. */
export function toProblem(error: unknown, requestId: string): Problem {
  if (error instanceof Problem) return error
  // Two module graphs can each hold a copy of the class, so the name decides and not instanceof alone.
  if (error instanceof QueryError || (error instanceof Error && error.name === 'QueryError')) {
    const refused = error as QueryError
    return new Problem(QUERY_ERROR_STATUS[refused.code] ?? 400, refused.code, refused.detail, refused.remedy, {
      extra: {
        ...(refused.position === undefined ? {} : { position: refused.position }),
        ...(refused.length === undefined ? {} : { length: refused.length }),
      },
      cause: error,
      ...(refused.retry ? { headers: { 'retry-after': '5' } } : {}),
    })
  }
  if (
    error instanceof Error &&
    error.name === 'StorageError' &&
    'remedy' in error &&
    typeof error.remedy === 'string' &&
    !('retryable' in error && error.retryable)
  ) {
    log.warn({ requestId, err: error }, 'the storage refused')
    return new Problem(503, 'storage-refused', `${error.message}.`, error.remedy, { title: 'The storage refused', cause: error })
  }
  const code = codeOf(error)
  if (code === '57014') {
    return new Problem(
      503,
      'timeout',
      'The database did not finish within 30 seconds.',
      'Ask for a shorter time range or a narrower filter.',
      { cause: error },
    )
  }
  if (UNREACHABLE.test(code)) {
    log.error({ requestId, err: error }, 'the database is not reachable')
    return new Problem(
      503,
      'database-unreachable',
      'Weir is running, but its database does not answer.',
      'Run bin/weir doctor on the Weir host. What exporters send meanwhile is kept and stored later.',
      { headers: { 'retry-after': '5' }, cause: error },
    )
  }
  log.error({ requestId, err: error }, 'a request failed in a way nobody foresaw')
  return new Problem(
    500,
    'internal-error',
    'Something failed that should not have.',
    `Try again. If it stays, look for request ${requestId} in the log of the web process.`,
  )
}

/** The problem as an answer, `application/problem+json`. */
export function problemResponse(problem: Problem, requestId: string): Response {
  const body = {
    type: `urn:weir:problem:${problem.code}`,
    title: problem.title,
    status: problem.status,
    detail: problem.detail,
    remedy: problem.remedy,
    code: problem.code,
    requestId,
    ...problem.extra,
  }
  return new Response(JSON.stringify(body), {
    status: problem.status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', 'x-request-id': requestId, ...problem.headers },
  })
}
