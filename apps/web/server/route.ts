import { type Action, ROUTES, type RouteKey } from '@weir/db/contracts'
import type { z } from 'zod'
import { API, type Operation } from './api.ts'
import { withoutHosts } from './exposure.ts'
import { checkOrigin, guard } from './guard.ts'
import { type Principal, precisionOf } from './principal.ts'
import { Problem, problemResponse, toProblem } from './problem.ts'

type Shape<O, Key extends string> = O extends Record<Key, infer S extends z.ZodType> ? z.output<S> : undefined
// biome-ignore lint/suspicious/noConfusingVoidType: what a handler that answers nothing returns.
type Answer<K extends RouteKey> = (typeof API)[K] extends { answer: infer A extends z.ZodType } ? z.input<A> : void

export interface Asked<K extends RouteKey> {
  request: Request
  /** Set on routes that are not open. */
  principal: (typeof ROUTES)[K] extends 'open' ? null : Principal
  path: Shape<(typeof API)[K], 'path'>
  query: Shape<(typeof API)[K], 'query'>
  body: Shape<(typeof API)[K], 'body'>
  requestId: string
}

const BODY_MAX = 1_048_576
const JSON_HEADERS = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }

/**
 * One route: guard → parse → handler → JSON. Refusals come in that order, so that nobody learns what a parameter means who may not ask.
 * A handler gives the answer (null-answer routes give nothing, and 204 goes out), a whole Response, or throws; whatever it throws
 * becomes problem details in one place. Who may see no single hosts gets none, whatever the handler gives.
 */
export function route<K extends RouteKey>(key: K, handler: (asked: Asked<K>) => Promise<Answer<K> | Response>) {
  const operation: Operation = API[key]
  const action: Action | 'open' = ROUTES[key]
  return async (request: Request, context: { params: Promise<Record<string, string | string[] | undefined>> }): Promise<Response> => {
    const requestId = crypto.randomUUID()
    try {
      let principal: Principal | null = null
      if (action === 'open') checkOrigin(request)
      else principal = (await guard(request, action)).principal
      const asked = {
        request,
        principal,
        path: operation.path === undefined ? undefined : parse(operation.path, await context.params, 'path'),
        query: parseQuery(operation, new URL(request.url)),
        body: operation.body === undefined ? undefined : parse(operation.body, await readJson(request), 'body'),
        requestId,
      }
      // The shapes above are this route's own; TypeScript cannot follow a generic key through the table.
      const given = await handler(asked as Asked<K>)
      const answer = principal !== null && precisionOf(principal) === 'network' ? await exposed(given) : given
      if (answer instanceof Response) {
        answer.headers.set('x-request-id', requestId)
        return answer
      }
      if (answer === undefined || operation.answer === null)
        return new Response(null, { status: 204, headers: { 'cache-control': 'no-store', 'x-request-id': requestId } })
      return new Response(JSON.stringify(answer), {
        status: operation.status ?? 200,
        headers: { ...JSON_HEADERS, 'x-request-id': requestId },
      })
    } catch (error) {
      return problemResponse(toProblem(error, requestId), requestId)
    }
  }
}

/** The answer as someone may have it who sees no single hosts. */
async function exposed(answer: unknown): Promise<unknown> {
  if (!(answer instanceof Response)) return withoutHosts(answer)
  if (answer.headers.get('content-type')?.startsWith('application/json') !== true) return answer
  const { status, headers } = answer
  return new Response(JSON.stringify(withoutHosts(await answer.json())), { status, headers })
}

function parseQuery(operation: Operation, url: URL): unknown {
  const valid = operation.query === undefined ? [] : Object.keys(operation.query.shape)
  const given: Record<string, string> = {}
  for (const [name, value] of url.searchParams) {
    if (!valid.includes(name)) {
      throw new Problem(
        400,
        'unknown-parameter',
        `There is no parameter "${name.slice(0, 60)}".`,
        valid.length === 0 ? 'This route takes no parameters.' : `Valid ones are: ${valid.join(', ')}.`,
      )
    }
    if (name in given) throw new Problem(400, 'bad-parameter', `The parameter "${name}" is given twice.`, 'Give it once.')
    given[name] = value
  }
  return operation.query === undefined ? undefined : parse(operation.query, given, 'query')
}

async function readJson(request: Request): Promise<unknown> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') {
    throw new Problem(415, 'bad-body', 'The body is not declared as JSON.', 'Send it with Content-Type: application/json.', {
      title: 'JSON only',
    })
  }
  if (Number(request.headers.get('content-length') ?? 0) > BODY_MAX) throw tooLarge()
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength
    if (size > BODY_MAX) throw tooLarge()
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (cause) {
    throw new Problem(
      400,
      'bad-body',
      `The body is not JSON: ${cause instanceof Error ? cause.message : 'unreadable'}.`,
      'Send one JSON value in UTF-8.',
      { cause },
    )
  }
}
const tooLarge = () => new Problem(413, 'bad-body', 'The body is larger than 1 MiB.', 'Send less at a time.', { title: 'Too large' })

/** Which problem code a parameter's own name asks for. */
const CODES: Record<string, string> = {
  dimension: 'unknown-dimension',
  metric: 'unknown-metric',
  from: 'bad-window',
  to: 'bad-window',
  limit: 'out-of-range',
  points: 'out-of-range',
  nodes: 'out-of-range',
}

function parse(shape: z.ZodType, value: unknown, place: 'path' | 'query' | 'body'): unknown {
  const result = shape.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const where = issue?.path.join('.') ?? ''
  const name = where === '' ? (place === 'body' ? 'The body' : 'A parameter') : `"${where}"`
  const at: unknown = issue?.path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    value,
  )
  if (place === 'path') throw new Problem(404, 'not-found', 'There is nothing at this address.', 'Check the identifier in the path.')
  const code = place === 'query' ? (CODES[where] ?? 'bad-parameter') : 'bad-body'
  const extra = { extra: where === '' ? {} : { parameter: where } }
  if (issue?.code === 'invalid_value' && at !== undefined) {
    throw new Problem(
      400,
      code,
      `${name} is ${JSON.stringify(at).slice(0, 80)}, which is not one of its values.`,
      `Use one of: ${issue.values.join(', ')}.`,
      extra,
    )
  }
  if (issue?.code === 'unrecognized_keys') {
    throw new Problem(
      400,
      code,
      `${name} has no field "${issue.keys.join('", "')}".`,
      'Leave it out; the OpenAPI document lists the fields.',
      extra,
    )
  }
  if (at === undefined && where !== '') throw new Problem(400, code, `${name} is missing.`, missingRemedy(issue), extra)
  throw new Problem(
    400,
    code,
    `${name}: ${issue?.message ?? 'not valid'}.`,
    'Correct it and send again; /api/v1/openapi.json describes every field.',
    extra,
  )
}

function missingRemedy(issue: z.core.$ZodIssue | undefined): string {
  return issue?.code === 'invalid_value'
    ? `Give it one of: ${issue.values.join(', ')}.`
    : 'Add it; /api/v1/openapi.json describes every field.'
}
