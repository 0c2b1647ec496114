import type { NotificationAnswer, NotificationBody } from '@weir/db/contracts'

/** What a person types about messages, and what the server takes. Pure. */
export interface WebhookForm {
  /** For lists of fields; new ones count down. */
  key: number
  name: string
  /** Empty: as stored. */
  url: string
  /** What is stored; null for a new one. */
  origin: string | null
  secret: string
  page: boolean
  ticket: boolean
}
export interface NotificationForm {
  publicUrl: string
  allowedHosts: string
  allowPrivate: boolean
  allowHttp: boolean
  webhooks: readonly WebhookForm[]
  email: {
    on: boolean
    host: string
    port: string
    secure: boolean
    user: string
    password: string
    passwordSet: boolean
    from: string
    page: string
    ticket: string
  }
}

export function formOf(stored: NotificationAnswer): NotificationForm {
  const { email } = stored
  return {
    publicUrl: stored.publicUrl ?? '',
    allowedHosts: stored.allowedHosts.join('\n'),
    allowPrivate: stored.allowPrivate,
    allowHttp: stored.allowHttp,
    webhooks: stored.webhooks.map(({ name, origin, classes }, key) => ({
      key,
      name,
      origin,
      url: '',
      secret: '',
      page: classes.includes('page'),
      ticket: classes.includes('ticket'),
    })),
    email: {
      on: email !== null,
      host: email?.host ?? '',
      port: String(email?.port ?? 587),
      secure: email?.secure ?? false,
      user: email?.user ?? '',
      password: '',
      passwordSet: email?.passwordSet ?? false,
      from: email?.from ?? '',
      page: email?.page.join('\n') ?? '',
      ticket: email?.ticket.join('\n') ?? '',
    },
  }
}

export const lines = (text: string): string[] => [...new Set(text.split(/[\s,;]+/).filter((one) => one !== ''))]

/** The host of a web address; null while it is none. */
export function hostOf(url: string): string | null {
  const text = url.trim()
  return /^https?:\/\/./i.test(text) && URL.canParse(text) ? new URL(text).hostname.toLowerCase().replace(/^\[|\]$/g, '') : null
}

/** Whether a rule of the list lets webhooks reach `host`. */
export const allows = (rules: readonly string[], host: string): boolean =>
  rules.some((rule) => rule.toLowerCase() === host || (rule.startsWith('*.') && host.endsWith(rule.slice(1).toLowerCase())))

export function bodyOf(form: NotificationForm): NotificationBody {
  const { email } = form
  return {
    publicUrl: form.publicUrl.trim().replace(/\/+$/, '') || null,
    allowedHosts: lines(form.allowedHosts),
    allowPrivate: form.allowPrivate,
    allowHttp: form.allowHttp,
    webhooks: form.webhooks.map(({ name, url, secret, page, ticket }) => ({
      name: name.trim(),
      ...(url.trim() === '' ? {} : { url: url.trim() }),
      ...(secret === '' ? {} : { secret }),
      classes: [...(page ? (['page'] as const) : []), ...(ticket ? (['ticket'] as const) : [])],
    })),
    email: email.on
      ? {
          host: email.host.trim(),
          port: Number(email.port),
          secure: email.secure,
          user: email.user.trim() || null,
          ...(email.password === '' ? (email.user.trim() === '' ? { password: null } : {}) : { password: email.password }),
          from: email.from.trim(),
          page: lines(email.page),
          ticket: lines(email.ticket),
        }
      : null,
  }
}

/** Random octets as base64url, for a secret that nobody has to think of. */
export function newSecret(): string {
  const octets = crypto.getRandomValues(new Uint8Array(24))
  return btoa(String.fromCharCode(...octets))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
}
