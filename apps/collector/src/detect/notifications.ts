import { createHmac } from 'node:crypto'
import { lookup as resolveName } from 'node:dns/promises'
import http from 'node:http'
import https from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import type { AlertMessage } from '@weir/db/commands'
import type { NotificationSettings } from '@weir/db/contracts'
import type { DeliveryOutcome, DueNotification, OutgoingNotification } from '@weir/db/ingest'
import type { Change } from '@weir/detection'
import { createTransport } from 'nodemailer'

export type { NotificationSettings }

export const NO_NOTIFICATIONS: NotificationSettings = {
  publicUrl: null,
  allowedHosts: [],
  allowPrivate: false,
  allowHttp: false,
  webhooks: [],
  email: null,
}

/** A setting `notifications` that cannot be used; names the key. */
export class NotificationError extends Error {
  override readonly name = 'NotificationError'
}

const object = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : [])

/** Read the setting. Throws NotificationError naming the key that cannot be used. */
export function readNotifications(value: unknown): NotificationSettings {
  if (value === null || value === undefined) return NO_NOTIFICATIONS
  if (!object(value)) throw new NotificationError('notifications is no object')
  const webhooks = Array.isArray(value['webhooks']) ? value['webhooks'] : []
  return {
    publicUrl: typeof value['publicUrl'] === 'string' ? value['publicUrl'].replace(/\/+$/, '') : null,
    allowedHosts: texts(value['allowedHosts']).map((host) => host.toLowerCase()),
    allowPrivate: value['allowPrivate'] === true,
    allowHttp: value['allowHttp'] === true,
    webhooks: webhooks.map((hook: unknown, i: number) => {
      if (!object(hook) || typeof hook['name'] !== 'string' || !/^[\w.-]{1,40}$/.test(hook['name']))
        throw new NotificationError(`notifications.webhooks[${i}].name is no plain name`)
      if (typeof hook['url'] !== 'string' || !URL.canParse(hook['url']))
        throw new NotificationError(`notifications.webhooks[${i}].url is no URL`)
      if (typeof hook['secret'] !== 'string' || hook['secret'].length < 16)
        throw new NotificationError(`notifications.webhooks[${i}].secret has fewer than 16 characters`)
      const classes = texts(hook['classes']).filter((c): c is 'page' | 'ticket' => c === 'page' || c === 'ticket')
      return { name: hook['name'], url: hook['url'], secret: hook['secret'], classes: classes.length > 0 ? classes : ['page', 'ticket'] }
    }),
    email: readEmail(value['email']),
  }
}

function readEmail(value: unknown): NotificationSettings['email'] {
  if (value === null || value === undefined) return null
  if (!object(value) || typeof value['host'] !== 'string' || typeof value['from'] !== 'string')
    throw new NotificationError('notifications.email needs host and from')
  const port = typeof value['port'] === 'number' ? value['port'] : 587
  return {
    host: value['host'],
    port,
    secure: typeof value['secure'] === 'boolean' ? value['secure'] : port === 465,
    user: typeof value['user'] === 'string' ? value['user'] : null,
    password: typeof value['password'] === 'string' ? value['password'] : null,
    from: value['from'],
    page: texts(value['page']),
    ticket: texts(value['ticket']),
  }
}

/** What a message tells: the same for every channel. `detector` of a block's alert is the alert's kind. */
export interface Message {
  id: string
  /** For an anomaly what happened to it, or `paged`; for a block's alert `raised` or `cleared`. */
  kind: string
  class: 'page' | 'ticket'
  detector: string
  severity: string
  actor: string | null
  target: string | null
  first_seen: string
  sentence: string
  url: string | null
}

/** The messages that a change asks for: one per channel that wants its class. Page once, however often the anomaly changes. */
export function messagesFor(change: Change, settings: NotificationSettings): OutgoingNotification[] {
  if (!change.notify) return []
  const { anomaly } = change
  const kind = anomaly.paged ? 'paged' : change.kind
  const klass = anomaly.paged ? 'page' : 'ticket'
  const payload: Message = {
    id: anomaly.id,
    kind,
    class: klass,
    detector: anomaly.detector,
    severity: anomaly.severity,
    actor: anomaly.actor,
    target: anomaly.target,
    first_seen: new Date(anomaly.firstMs).toISOString(),
    sentence: anomaly.finding.why,
    url: settings.publicUrl === null ? null : `${settings.publicUrl}/anomalies/${encodeURIComponent(anomaly.id)}`,
  }
  return channelsFor(klass, settings).map((channel) => ({ kind, class: klass, channel, payload }))
}

/** The channels that want messages of a class. */
export function channelsFor(klass: 'page' | 'ticket', settings: NotificationSettings): string[] {
  const channels = settings.webhooks.filter((hook) => hook.classes.includes(klass)).map((hook) => `webhook:${hook.name}`)
  if (settings.email !== null && settings.email[klass].length > 0) channels.push('email')
  return channels
}

/** The messages about a block that goes wrong, or is right again: pages, to whoever gets pages. */
export function alertMessages(alert: AlertMessage, settings: NotificationSettings): OutgoingNotification[] {
  const payload: Message = {
    id: `block-alert-${alert.id}`,
    kind: alert.phase,
    class: 'page',
    detector: alert.kind,
    severity: alert.phase === 'raised' ? 'critical' : 'info',
    actor: alert.block?.src ?? null,
    target: alert.block?.dst ?? alert.device ?? alert.block?.src ?? null,
    first_seen: alert.raisedAt.toISOString(),
    sentence: alert.text,
    url:
      settings.publicUrl === null
        ? null
        : `${settings.publicUrl}/blocks${alert.block === null ? '' : `/${encodeURIComponent(alert.block.id)}`}`,
  }
  return channelsFor('page', settings).map((channel) => ({ kind: alert.phase, class: 'page', channel, payload }))
}

const ATTEMPTS = 10
const RETRY_FIRST_MS = 10_000
const RETRY_MOST_MS = 3_600_000

/** Try to send one message. Never throws: what went wrong is the outcome. A page is tried again sooner than a ticket. */
export async function deliver(due: DueNotification, settings: NotificationSettings, now = Date.now()): Promise<DeliveryOutcome> {
  try {
    if (due.channel === 'email') return { sent: true, answer: await sendMail(due, settings) }
    if (due.channel.startsWith('webhook:')) return { sent: true, answer: await sendWebhook(due, settings, now) }
    throw new Refused(`there is no channel ${due.channel}`)
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    if (error instanceof Refused || due.attempts + 1 >= ATTEMPTS) return { sent: false, error: text, retryAt: null }
    const wait = Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** due.attempts) * (due.class === 'page' ? 0.5 : 1)
    return { sent: false, error: text, retryAt: new Date(now + wait * (0.75 + Math.random() / 2)) }
  }
}

/** Not worth another try until somebody changes the settings. */
class Refused extends Error {}

const PRIVATE = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv4')
for (const [network, bits] of [
  ['::', 127],
  ['64:ff9b::', 96],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv6')

/** Whether an address belongs to a private, local or special network, in any spelling of IPv4 inside IPv6. */
export function isPrivate(address: string): boolean {
  if (isIP(address) === 4) return PRIVATE.check(address, 'ipv4')
  const mapped = /^(?:::ffff:|::)(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped?.[1] !== undefined) return PRIVATE.check(mapped[1], 'ipv4')
  // The mapped form in hexadecimal: BlockList compares it with IPv4 rules by itself, and IPv6 rules cover the rest.
  return PRIVATE.check(address, 'ipv6') || PRIVATE.check(address.split('%')[0] ?? address, 'ipv6')
}

const LINK_LOCAL = new BlockList()
LINK_LOCAL.addSubnet('169.254.0.0', 16, 'ipv4')
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6')
function isLinkLocal(address: string): boolean {
  const bare = address.split('%')[0] ?? address
  return LINK_LOCAL.check(bare, isIP(bare) === 4 ? 'ipv4' : 'ipv6')
}

function hostAllowed(host: string, allowed: readonly string[]): boolean {
  return allowed.some((rule) => rule === host || (rule.startsWith('*.') && host.endsWith(rule.slice(1))))
}

const WEBHOOK_MS = 5_000
const ANSWER_MOST = 65_536

/** Gives what the receiver said: '204 in 38 ms'. */
async function sendWebhook(due: DueNotification, settings: NotificationSettings, now: number): Promise<string> {
  const hook = settings.webhooks.find(({ name }) => `webhook:${name}` === due.channel)
  if (hook === undefined) throw new Refused('the webhook is not configured any more')
  const url = new URL(hook.url)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && settings.allowHttp))
    throw new Refused(`${url.protocol} is not allowed, use https`)
  const host = url.hostname.toLowerCase().replace(/^\[|\]$/g, '')
  if (!hostAllowed(host, settings.allowedHosts)) throw new Refused(`the host ${host} is not among notifications.allowedHosts`)
  // Resolved once and pinned: a name that changes between the check and the connection leads nowhere else.
  const answers = isIP(host) > 0 ? [{ address: host, family: isIP(host) }] : await resolveName(host, { all: true })
  // Link-local addresses are where machines in a cloud find their credentials: no setting opens them.
  const usable = answers.filter(({ address }) => !isLinkLocal(address) && (settings.allowPrivate || !isPrivate(address)))
  const [pinned] = usable
  if (pinned === undefined) throw new Refused(`${host} is a private or local address; notifications.allowPrivate would allow it`)
  const body = JSON.stringify(due.payload)
  const moment = Math.floor(now / 1000)
  const signature = createHmac('sha256', hook.secret).update(`${moment}.${body}`).digest('hex')
  const pin: LookupFunction = (_name, options, done) =>
    options.all === true ? done(null, [pinned]) : done(null, pinned.address, pinned.family)
  const from = performance.now()
  return await new Promise<string>((resolve, reject) => {
    const request = (url.protocol === 'https:' ? https : http).request(url, {
      method: 'POST',
      lookup: pin,
      timeout: WEBHOOK_MS,
      signal: AbortSignal.timeout(WEBHOOK_MS),
      agent: false,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'user-agent': 'Weir',
        'x-weir-delivery': String(due.id),
        'x-weir-signature': `t=${moment},v1=${signature}`,
      },
    })
    request.on('error', reject)
    request.on('response', (response) => {
      let octets = 0
      response.on('data', (piece: Buffer) => {
        octets += piece.length
        if (octets > ANSWER_MOST) request.destroy(new Error(`the answer of ${host} is larger than 64 KiB`))
      })
      response.on('error', reject)
      response.on('end', () => {
        const status = response.statusCode ?? 0
        // A redirect is not followed: it would lead past the list of allowed hosts.
        if (status >= 200 && status < 300) resolve(`${status} in ${Math.round(performance.now() - from)} ms`)
        else reject(new Error(`${host} answered ${status}`))
      })
    })
    request.end(body)
  })
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g
const plain = (text: string) => text.replace(CONTROLS, ' ')

/** Gives what the mail server said to the mail. */
async function sendMail(due: DueNotification, settings: NotificationSettings): Promise<string> {
  const { email } = settings
  if (email === null) throw new Refused('e-mail is not configured any more')
  const to = email[due.class]
  if (to.length === 0) throw new Refused(`nobody takes mail of class ${due.class}`)
  const message = readMessage(due.payload)
  const transport = createTransport({
    host: email.host,
    port: email.port,
    secure: email.secure,
    ...(email.user !== null && email.password !== null ? { auth: { user: email.user, pass: email.password } } : {}),
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 20_000,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  try {
    const sent = await transport.sendMail({
      from: email.from,
      to,
      subject: plain(
        `[Weir ${due.class}] ${message.kind === 'cleared' ? 'over:' : message.severity} ${message.detector}${message.target === null ? '' : ` at ${message.target}`}`,
      ),
      text: [
        plain(message.sentence),
        '',
        `First seen ${message.first_seen}${message.actor === null ? '' : `, from ${plain(message.actor)}`}.`,
        ...(message.url === null ? [] : [message.url]),
      ].join('\n'),
      // The same message once, whatever the transport repeats.
      messageId: `<weir-${due.id}-${encodeURIComponent(due.about)}@weir.invalid>`,
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Weir-About': plain(due.about) },
    })
    return plain(String(sent.response)).slice(0, 200)
  } catch (error) {
    // Some servers repeat what they were told, and this text is stored and shown.
    if (error instanceof Error && 'code' in error && error.code === 'EAUTH') {
      const status = 'responseCode' in error ? ` (${String(error.responseCode)})` : ''
      throw new Error(`${email.host} refuses the user or the password${status}`)
    }
    throw error
  } finally {
    transport.close()
  }
}

function readMessage(payload: unknown): Message {
  const of = (name: string) => (object(payload) && typeof payload[name] === 'string' ? payload[name] : null)
  return {
    id: of('id') ?? '',
    kind: of('kind') ?? '',
    class: of('class') === 'page' ? 'page' : 'ticket',
    detector: of('detector') ?? '',
    severity: of('severity') ?? '',
    actor: of('actor'),
    target: of('target'),
    first_seen: of('first_seen') ?? '',
    sentence: of('sentence') ?? '',
    url: of('url'),
  }
}
