import { createHmac } from 'node:crypto'
import { createServer as createHttp, type IncomingMessage } from 'node:http'
import { type AddressInfo, createServer as createTcp } from 'node:net'
import type { DueNotification } from '@weir/db/ingest'
import type { Anomaly, Change } from '@weir/detection'
import { afterEach, describe, expect, it } from 'vitest'
import {
  deliver,
  isPrivate,
  type Message,
  messagesFor,
  NO_NOTIFICATIONS,
  type NotificationSettings,
  readNotifications,
} from './notifications.ts'

const SECRET = 'a secret of twenty-four c'
let clean: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const work of clean) await work()
  clean = []
})

/** A local receiver: answers with `status`, keeps what came. */
async function receiver(
  status: number | ((request: IncomingMessage) => { status: number; headers?: Record<string, string>; body?: string }),
) {
  const got: { headers: IncomingMessage['headers']; body: string }[] = []
  const server = createHttp((request, response) => {
    let body = ''
    request.on('data', (piece) => {
      body += piece
    })
    request.on('end', () => {
      got.push({ headers: request.headers, body })
      const answer = typeof status === 'number' ? { status } : status(request)
      response.writeHead(answer.status, 'headers' in answer ? answer.headers : {}).end('body' in answer ? answer.body : '')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  clean.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  )
  return { port: (server.address() as AddressInfo).port, got }
}

/** Just enough of SMTP (RFC 5321) to take a mail. */
async function mailbox(refuse = false) {
  const mails: string[] = []
  const server = createTcp((socket) => {
    let data: string | null = null
    socket.write('220 stub\r\n')
    let rest = ''
    socket.on('data', (piece) => {
      rest += piece.toString('utf8')
      const lines = rest.split('\r\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (data !== null) {
          if (line === '.') {
            mails.push(data)
            data = null
            socket.write('250 taken\r\n')
          } else data += `${line}\n`
        } else if (/^EHLO/i.test(line)) socket.write('250 stub\r\n')
        else if (/^DATA/i.test(line)) {
          data = ''
          socket.write('354 go on\r\n')
        } else if (/^RCPT/i.test(line) && refuse) socket.write('451 later\r\n')
        else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n')
        else socket.write('250 ok\r\n')
      }
    })
    socket.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  clean.push(() => new Promise((resolve) => server.close(() => resolve())))
  return { port: (server.address() as AddressInfo).port, mails }
}

const payload: Message = {
  id: 'ddos-abc-1',
  kind: 'paged',
  class: 'page',
  detector: 'ddos',
  severity: 'critical',
  actor: null,
  target: '203.0.113.10\r\nBcc: everyone@example.org',
  first_seen: '2026-03-03T12:00:00.000Z',
  sentence: 'A flood.\r\nSubject: forged',
  url: 'https://weir.example.org/anomalies/ddos-abc-1',
}
const due = (channel: string, over: Partial<DueNotification> = {}): DueNotification => ({
  id: 7,
  about: payload.id,
  kind: 'paged',
  class: 'page',
  channel,
  payload,
  attempts: 0,
  ...over,
})
const webhook = (url: string, over: Partial<NotificationSettings> = {}): NotificationSettings => ({
  ...NO_NOTIFICATIONS,
  allowedHosts: ['127.0.0.1', 'localhost', 'hooks.example.org', '*.example.net', '10.0.0.1', '169.254.169.254', '::1', '::ffff:7f00:1'],
  webhooks: [{ name: 'soc', url, secret: SECRET, classes: ['page'] }],
  ...over,
})
const local = { allowHttp: true, allowPrivate: true }

describe('a webhook', () => {
  it('carries the message, its number, and a signature over time and body', async () => {
    const { port, got } = await receiver(200)
    expect(await deliver(due('webhook:soc'), webhook(`http://127.0.0.1:${port}/x`, local), 1_700_000_000_000)).toEqual({
      sent: true,
      answer: expect.stringMatching(/^2\d\d/),
    })
    const [request] = got
    expect(JSON.parse(request?.body ?? '')).toEqual(payload)
    const expected = createHmac('sha256', SECRET).update(`1700000000.${request?.body}`).digest('hex')
    expect(request?.headers['x-weir-signature']).toBe(`t=1700000000,v1=${expected}`)
    expect(request?.headers['x-weir-delivery']).toBe('7')
  })
  it('is tried again later after an error, later and later, and given up in the end', async () => {
    const { port } = await receiver(503)
    const settings = webhook(`http://127.0.0.1:${port}/`, local)
    const now = 1_700_000_000_000
    const waits: number[] = []
    for (const attempts of [0, 3, 6]) {
      const outcome = await deliver(due('webhook:soc', { attempts }), settings, now)
      expect(outcome).toMatchObject({ sent: false, error: '127.0.0.1 answered 503' })
      if (!outcome.sent) waits.push((outcome.retryAt?.getTime() ?? 0) - now)
    }
    expect(waits[0]).toBeGreaterThan(3_000)
    expect(waits[1]).toBeGreaterThan(2 * (waits[0] ?? 0))
    expect(waits[2]).toBeGreaterThan(2 * (waits[1] ?? 0))
    expect(await deliver(due('webhook:soc', { attempts: 9 }), settings, now)).toMatchObject({ sent: false, retryAt: null })
  })
  it('a redirect is not followed, an endless answer is cut', async () => {
    const target = await receiver(200)
    const { port } = await receiver(({ url }) =>
      url === '/long'
        ? { status: 200, body: 'x'.repeat(200_000) }
        : { status: 302, headers: { location: `http://127.0.0.1:${target.port}/` } },
    )
    expect(await deliver(due('webhook:soc'), webhook(`http://127.0.0.1:${port}/`, local))).toMatchObject({
      error: '127.0.0.1 answered 302',
    })
    expect(await deliver(due('webhook:soc'), webhook(`http://127.0.0.1:${port}/long`, local))).toMatchObject({
      sent: false,
      error: expect.stringMatching(/64 KiB|aborted/),
    })
    expect(target.got).toEqual([])
  })
  it.each([
    ['http://127.0.0.1:PORT/', { allowPrivate: true }, /http: is not allowed/],
    ['https://elsewhere.example.com/', {}, /not among notifications.allowedHosts/],
    ['https://example.net/', {}, /not among notifications.allowedHosts/],
    ['http://127.0.0.1:PORT/', { allowHttp: true }, /private or local/],
    ['http://localhost:PORT/', { allowHttp: true }, /private or local/],
    ['http://0x7f000001:PORT/', { allowHttp: true }, /private or local/],
    ['http://2130706433:PORT/', { allowHttp: true }, /private or local/],
    ['http://127.1:PORT/', { allowHttp: true }, /private or local/],
    ['http://[::1]:PORT/', { allowHttp: true }, /private or local/],
    ['http://[::ffff:127.0.0.1]:PORT/', { allowHttp: true }, /private or local/],
    ['http://10.0.0.1:PORT/', { allowHttp: true }, /private or local/],
    ['http://169.254.169.254:PORT/latest/meta-data', { allowHttp: true }, /private or local/],
    ['file:///etc/passwd', { allowHttp: true }, /file: is not allowed/],
    ['gopher://127.0.0.1:PORT/', { allowHttp: true, allowPrivate: true }, /gopher: is not allowed/],
  ])('%s is refused for good with %o, without a connection', async (url, over, cause) => {
    const canary = await receiver(200)
    const outcome = await deliver(due('webhook:soc'), webhook(url.replace('PORT', String(canary.port)), over))
    expect(outcome).toMatchObject({ sent: false, retryAt: null, error: expect.stringMatching(cause) })
    expect(canary.got).toEqual([])
  })
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '100.64.0.1',
    '172.31.0.1',
    '192.168.1.1',
    '169.254.1.1',
    '0.0.0.0',
    '224.0.0.1',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    '::ffff:10.0.0.1',
    '::ffff:a00:1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
  ])('%s is private', (address) => expect(isPrivate(address)).toBe(true))
  it.each(['192.0.2.1', '8.8.8.8', '172.32.0.1', '2606:4700::1'])('%s is public', (address) => expect(isPrivate(address)).toBe(false))
})

describe('a mail', () => {
  const settings = (port: number): NotificationSettings => ({
    ...NO_NOTIFICATIONS,
    email: {
      host: '127.0.0.1',
      port,
      secure: false,
      user: null,
      password: null,
      from: 'weir@example.org',
      page: ['oncall@example.org'],
      ticket: [],
    },
  })
  it('tells the sentence and the link; nothing in it forges a header', async () => {
    const { port, mails } = await mailbox()
    expect(await deliver(due('email'), settings(port))).toEqual({ sent: true, answer: expect.stringMatching(/^2\d\d/) })
    const [mail = ''] = mails
    const [head = '', body = ''] = mail.split(/\n\n(.*)/s)
    expect(head).toMatch(/^Subject: \[Weir page\] critical ddos at 203\.0\.113\.10/m)
    expect(head).toMatch(/^To: oncall@example\.org$/m)
    expect(head).not.toMatch(/^Bcc|forged/m)
    expect(body).toContain('A flood.')
    expect(body).toContain('https://weir.example.org/anomalies/ddos-abc-1')
  })
  it('refused for now is tried again; a class without readers is given up', async () => {
    const { port } = await mailbox(true)
    expect(await deliver(due('email'), settings(port))).toMatchObject({ sent: false, retryAt: expect.any(Date) })
    expect(await deliver(due('email', { class: 'ticket' }), settings(port))).toMatchObject({ sent: false, retryAt: null })
  })
})

describe('who is told', () => {
  const anomaly = {
    id: 'a',
    severity: 'critical',
    detector: 'ddos',
    actor: null,
    target: 't',
    paged: true,
    firstMs: 0,
    finding: { why: 'x' },
  } as Anomaly
  const change = (over: Partial<Change>, of: Partial<Anomaly> = {}): Change => ({
    kind: 'opened',
    notify: true,
    adopted: [],
    anomaly: { ...anomaly, ...of },
    ...over,
  })
  const settings = readNotifications({
    webhooks: [
      { name: 'pager', url: 'https://a.example.org', secret: SECRET, classes: ['page'] },
      { name: 'all', url: 'https://b.example.org', secret: SECRET },
    ],
    email: { host: 'mail.example.org', from: 'weir@example.org', ticket: ['team@example.org'] },
  })
  it('a page goes where pages go, once whatever changes; a ticket where tickets go', () => {
    const kinds = (c: Change) => messagesFor(c, settings).map((m) => `${m.channel} ${m.kind}`)
    expect(kinds(change({}))).toEqual(['webhook:pager paged', 'webhook:all paged'])
    expect(kinds(change({ kind: 'escalated' }))).toEqual(kinds(change({})))
    expect(kinds(change({}, { paged: false }))).toEqual(['webhook:all opened', 'email opened'])
    expect(kinds(change({ notify: false }))).toEqual([])
  })
  it.each([
    [{ webhooks: [{ name: 'a b', url: 'https://x', secret: SECRET }] }, /webhooks\[0\].name/],
    [{ webhooks: [{ name: 'a', url: 'nowhere', secret: SECRET }] }, /webhooks\[0\].url/],
    [{ webhooks: [{ name: 'a', url: 'https://x', secret: 'short' }] }, /webhooks\[0\].secret/],
    [{ email: { host: 'x' } }, /email needs/],
  ])('a setting that cannot be used is named: %j', (value, cause) => expect(() => readNotifications(value)).toThrow(cause))
})
