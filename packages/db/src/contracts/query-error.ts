/**
 * Why a question was not answered.
 *
 * | code | meaning | HTTP |
 * |---|---|---|
 * | `bad-filter` | the filter text does not parse; `position` and `length` mark the place | 400 |
 * | `unknown-dimension`, `unknown-metric` | not one of the listed names | 400 |
 * | `bad-window` | from or to is not an instant, or from is not before to | 400 |
 * | `window-too-large` | only raw records could answer, and the window holds too many of them | 422 |
 * | `out-of-range` | limit, points or another number is outside its bounds | 400 |
 * | `bad-cursor` | the cursor was not given by this question | 400 |
 * | `precision` | the filter names single hosts, and the reader may see networks only | 403 |
 * | `not-found`, `conflict`, `invalid` | commands: no such thing; changed by someone else since read; a value breaks its rule | 404, 409, 422 |
 * | `timeout` | the database did not finish within the statement timeout; the same question may work later or smaller | 504 |
 * | `database-unreachable` | no connection; a later try may work | 503 |
 */
export const QUERY_ERROR_CODES = [
  'bad-filter',
  'unknown-dimension',
  'unknown-metric',
  'bad-window',
  'window-too-large',
  'out-of-range',
  'bad-cursor',
  'precision',
  'not-found',
  'conflict',
  'invalid',
  'timeout',
  'database-unreachable',
] as const
export type QueryErrorCode = (typeof QUERY_ERROR_CODES)[number]

/** HTTP status of each code, so that every door answers alike. */
export const QUERY_ERROR_STATUS: Readonly<Record<QueryErrorCode, number>> = {
  'bad-filter': 400,
  'unknown-dimension': 400,
  'unknown-metric': 400,
  'bad-window': 400,
  'window-too-large': 422,
  'out-of-range': 400,
  'bad-cursor': 400,
  precision: 403,
  'not-found': 404,
  conflict: 409,
  invalid: 422,
  timeout: 504,
  'database-unreachable': 503,
}

/** What a question or command refused, for people: `detail` is the cause, `remedy` what to do. `retry` says whether the same call may work later. */
export class QueryError extends Error {
  readonly code: QueryErrorCode
  readonly detail: string
  readonly remedy: string
  /** `bad-filter` only: UTF-16 offset into the filter text, and how many units are at fault. */
  readonly position?: number
  readonly length?: number
  readonly retry: boolean

  constructor(
    code: QueryErrorCode,
    detail: string,
    remedy: string,
    options: { position?: number; length?: number; retry?: boolean; cause?: unknown } = {},
  ) {
    super(`${detail} ${remedy}`, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'QueryError'
    this.code = code
    this.detail = detail
    this.remedy = remedy
    if (options.position !== undefined) this.position = options.position
    if (options.length !== undefined) this.length = options.length
    this.retry = options.retry ?? (code === 'timeout' || code === 'database-unreachable')
  }
}
