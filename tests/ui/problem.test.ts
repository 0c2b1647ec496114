import { createServer, type Server } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { rowName } from '../../apps/web/components/row-name.ts'
import { fetchJson, ProblemError, problemFrom } from '../../apps/web/data/fetch-json.ts'

/** A real server: what is tested is what a browser would meet. */
let server: Server
let base = ''
let answer: { status: number; type: string; body: string } = { status: 200, type: 'application/json', body: '{}' }
let asked = ''

beforeEach(async () => {
  server = createServer((request, response) => {
    asked = `${request.method} ${request.url}`
    response.writeHead(answer.status, { 'content-type': answer.type })
    response.end(answer.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  base = typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : ''
})
afterEach(() => new Promise<void>((resolve) => server.close(() => resolve())))

const caught = async (work: Promise<unknown>): Promise<ProblemError> => {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof ProblemError) return error
  throw new Error(`expected a ProblemError, got ${String(error)}`)
}

describe('asking the API', () => {
  test('undefined parameters are left out, others are written', async () => {
    answer = { status: 200, type: 'application/json', body: '{"ok":true}' }
    expect(await fetchJson(`${base}/x`, { params: { filter: 'a = b', limit: 3, cursor: undefined } })).toEqual({ ok: true })
    expect(asked).toBe('GET /x?filter=a+%3D+b&limit=3')
  })

  test('a refusal keeps cause, remedy and the place in the filter', async () => {
    const body = {
      type: 'about:blank',
      title: 'Bad filter',
      status: 400,
      detail: 'No field "dst_prot".',
      remedy: 'Did you mean dst_port?',
      code: 'bad-filter',
      position: 4,
    }
    answer = { status: 400, type: 'application/problem+json', body: JSON.stringify(body) }
    const error = await caught(fetchJson(`${base}/x`))
    expect(error).toMatchObject({
      status: 400,
      title: 'Bad filter',
      remedy: 'Did you mean dst_port?',
      code: 'bad-filter',
      position: 4,
      retryable: false,
    })
  })

  test('an error page of a proxy still becomes a message with a remedy', async () => {
    answer = { status: 502, type: 'text/html', body: '<h1>Bad gateway</h1>' }
    const error = await caught(fetchJson(`${base}/x`))
    expect(error.status).toBe(502)
    expect(error.remedy).toBeTruthy()
    expect(error.retryable).toBe(true)
  })

  test('a success that is no JSON is not taken for data', async () => {
    answer = { status: 200, type: 'text/html', body: '<p>Sign in to the hotel network</p>' }
    expect((await caught(fetchJson(`${base}/x`))).title).toBe('The answer could not be read')
  })

  test('no answer at all says so and may be asked again', async () => {
    const gone = base
    await new Promise<void>((resolve) => server.close(() => resolve()))
    const error = await caught(fetchJson(`${gone}/x`))
    expect(error).toMatchObject({ status: 0, retryable: true, title: 'Weir does not answer' })
    server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })

  test('the caller’s own abort is not an error of the server', async () => {
    const controller = new AbortController()
    controller.abort()
    await expect(fetchJson(`${base}/x`, { signal: controller.signal })).rejects.not.toBeInstanceOf(ProblemError)
  })

  test('every status has words', () => {
    for (const status of [400, 401, 403, 404, 418, 429, 500, 503, 504]) expect(problemFrom(status, null).title.length).toBeGreaterThan(5)
  })
})

test('a name and its key are not said twice', () => {
  expect(rowName('tcp/443 https', 'tcp/443')).toEqual({ name: 'https', beside: 'tcp/443' })
  expect(rowName('TCP', 'tcp')).toEqual({ name: 'TCP', beside: null })
  expect(rowName('AS15169 Google LLC', '15169')).toEqual({ name: 'AS15169 Google LLC', beside: null })
  expect(rowName('core-rtr-1', '192.0.2.1')).toEqual({ name: 'core-rtr-1', beside: '192.0.2.1' })
  expect(rowName('unknown', null)).toEqual({ name: 'unknown', beside: null })
})
