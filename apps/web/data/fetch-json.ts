import type { ProblemDetails } from '@weir/db/contracts'

/**
 * A question to the API that did not succeed, in the words a person needs: what happened (`title`, `detail`) and what to do (`remedy`).
 * `status` is 0 when no answer came at all. `retryable` says whether the same question may succeed later without anyone changing it.
 */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly code: string | undefined
  readonly remedy: string | undefined
  readonly requestId: string | undefined
  /** Offset in the filter text, in characters, where the filter stops making sense. */
  readonly position: number | undefined
  readonly retryable: boolean

  constructor(problem: {
    status: number
    title: string
    detail: string
    code?: string | undefined
    remedy?: string | undefined
    requestId?: string | undefined
    position?: number | undefined
    cause?: unknown
  }) {
    super(problem.detail, { cause: problem.cause })
    this.status = problem.status
    this.title = problem.title
    this.detail = problem.detail
    this.code = problem.code
    this.remedy = problem.remedy
    this.requestId = problem.requestId
    this.position = problem.position
    this.retryable = problem.status === 0 || problem.status === 429 || problem.status >= 500
  }
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
const number = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined)

/** Read an RFC 9457 body; whatever is missing is filled from the status so that a person never sees an empty message. */
export function problemFrom(status: number, body: unknown): ProblemError {
  const fields: Partial<Record<keyof ProblemDetails | 'position' | 'code', unknown>> = typeof body === 'object' && body !== null ? body : {}
  const known = STATUS[status] ?? (status >= 500 ? STATUS[500] : undefined)
  const title = text(fields.title) ?? known?.title ?? `The server answered ${status}`
  return new ProblemError({
    status,
    title,
    detail: text(fields.detail) ?? known?.detail ?? title,
    code: text(fields.code),
    remedy: text(fields.remedy) ?? known?.remedy,
    requestId: text(fields.requestId),
    position: number(fields.position),
  })
}

const STATUS: Record<number, { title: string; detail: string; remedy: string }> = {
  401: { title: 'You are signed out', detail: 'Your session has ended.', remedy: 'Sign in again; this view stays in the address bar.' },
  403: {
    title: 'Your role does not allow this',
    detail: 'This needs a role with more rights than yours.',
    remedy: 'Ask an admin to do it or to change your role.',
  },
  404: { title: 'Not found', detail: 'This does not exist, or no longer.', remedy: 'Go back and reload the list.' },
  500: {
    title: 'The server failed',
    detail: 'The question could not be answered.',
    remedy: 'Try again. If it stays, run “bin/weir doctor” on the Weir host.',
  },
  503: {
    title: 'The database is not reachable',
    detail: 'Weir is running, its database does not answer.',
    remedy: 'Run “bin/weir doctor” on the Weir host; collection goes on meanwhile and is stored later.',
  },
  504: {
    title: 'The question took too long',
    detail: 'The database did not answer within the limit.',
    remedy: 'Ask for a shorter time range or a narrower filter.',
  },
}

/**
 * GET or send JSON to this server. `params` become the query string; undefined ones are left out.
 * Throws ProblemError for every failure but the caller's own abort, which is rethrown as it is.
 */
export async function fetchJson<T>(
  path: string,
  options: {
    params?: Record<string, string | number | boolean | undefined>
    method?: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
    body?: unknown
    signal?: AbortSignal
  } = {},
): Promise<T> {
  const query = new URLSearchParams()
  for (const [key, value] of Object.entries(options.params ?? {})) if (value !== undefined) query.set(key, String(value))
  const search = query.toString()
  let response: Response
  try {
    response = await fetch(search === '' ? path : `${path}?${search}`, {
      method: options.method ?? 'GET',
      headers: { accept: 'application/json', ...(options.body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      credentials: 'same-origin',
    })
  } catch (cause) {
    if (options.signal?.aborted === true) throw cause
    throw new ProblemError({
      status: 0,
      title: 'Weir does not answer',
      detail: 'The connection to the Weir server failed before an answer came.',
      remedy: 'Check your network and that Weir is running; this page asks again by itself.',
      cause,
    })
  }
  if (response.status === 204) return undefined as T
  const body: unknown = await response.json().catch(() => null)
  if (!response.ok) throw problemFrom(response.status, body)
  if (body === null) {
    throw new ProblemError({
      status: response.status,
      title: 'The answer could not be read',
      detail: `${path} did not answer with JSON.`,
      remedy: 'A proxy between you and Weir may have replaced the answer; open Weir directly.',
    })
  }
  return body as T
}
