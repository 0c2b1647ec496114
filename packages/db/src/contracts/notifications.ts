import { z } from 'zod'

// Where messages go. What is secret (a webhook's key and everything after its host, the mail password) goes in and never comes out.

export const MESSAGE_CLASSES = ['page', 'ticket'] as const
type MessageClass = (typeof MESSAGE_CLASSES)[number]

/** The setting `notifications` as it is stored, secrets included: for who sends, never for an answer. Without channels only the screens tell. */
export interface NotificationSettings {
  /** Where Weir is opened, for links in messages. */
  publicUrl: string | null
  /** Hosts that webhooks may reach, exactly or as `*.example.org`; a webhook to any other is refused. */
  allowedHosts: string[]
  /** Addresses of private and local networks are refused unless this is set. */
  allowPrivate: boolean
  /** Plain http is refused unless this is set. */
  allowHttp: boolean
  webhooks: { name: string; url: string; secret: string; classes: MessageClass[] }[]
  email: {
    host: string
    port: number
    secure: boolean
    user: string | null
    password: string | null
    from: string
    page: string[]
    ticket: string[]
  } | null
}

const classes = z.array(z.enum(MESSAGE_CLASSES)).min(1, 'must name page, ticket or both').max(2)
const webhookName = z.string().regex(/^[\w.-]{1,40}$/, 'must be 1 to 40 letters, digits, dots, hyphens or underscores')
const hostName = z
  .string()
  .trim()
  .toLowerCase()
  .regex(
    /^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$|^[0-9a-f:]{2,45}$/,
    'must be a host name or *.domain',
  )
  .max(253)
const address = z
  .string()
  .trim()
  .max(254)
  .regex(/^[^\s@<>,;"]+@[^\s@<>,;"]+$/, 'must be an e-mail address')
const recipients = z.array(address).max(50, 'must be at most 50 addresses')

/** Body of PUT /notifications: all of it. A secret that is left out stays as it is. */
export const NotificationBody = z
  .strictObject({
    publicUrl: z
      .url({ protocol: /^https?$/ })
      .max(200)
      .nullable()
      .meta({ description: 'Where Weir is opened, for links in messages; null: none.' }),
    allowedHosts: z.array(hostName).max(100).meta({ description: 'Hosts that webhooks may reach, exactly or as *.example.org.' }),
    allowPrivate: z.boolean().meta({ description: 'Webhooks may reach private addresses; link-local ones never.' }),
    allowHttp: z.boolean().meta({ description: 'Webhooks may go without TLS.' }),
    webhooks: z
      .array(
        z.strictObject({
          name: webhookName,
          url: z.string().max(2_000).optional().meta({ description: 'Left out: as stored under this name.' }),
          secret: z
            .string()
            .min(16, 'must have at least 16 characters')
            .max(200)
            .optional()
            .meta({ description: 'Signs each message. Left out: as stored under this name.' }),
          classes,
        }),
      )
      .max(20, 'must be at most 20 webhooks'),
    email: z
      .strictObject({
        host: z.string().trim().min(1).max(253),
        port: z.number().int().min(1).max(65_535),
        secure: z
          .boolean()
          .meta({ description: 'TLS from the first octet (usually port 465); otherwise STARTTLS where the server offers it.' }),
        user: z.string().max(200).nullable(),
        password: z
          .string()
          .max(500)
          .nullable()
          .optional()
          .meta({ description: 'Left out: as stored, if the server stays the same; null: none.' }),
        from: address,
        page: recipients,
        ticket: recipients,
      })
      .nullable(),
  })
  .meta({ id: 'NotificationBody' })
export type NotificationBody = z.output<typeof NotificationBody>

/** Answer of GET and PUT /notifications: no secret in it. */
export const NotificationAnswer = z
  .object({
    publicUrl: z.string().nullable(),
    allowedHosts: z.array(z.string()),
    allowPrivate: z.boolean(),
    allowHttp: z.boolean(),
    webhooks: z.array(
      z.object({
        name: z.string(),
        origin: z.string().meta({ description: 'Scheme, host and port. What follows may be a key, and is not told.' }),
        classes: z.array(z.enum(MESSAGE_CLASSES)),
      }),
    ),
    email: z
      .object({
        host: z.string(),
        port: z.number(),
        secure: z.boolean(),
        user: z.string().nullable(),
        passwordSet: z.boolean(),
        from: z.string(),
        page: z.array(z.string()),
        ticket: z.array(z.string()),
      })
      .nullable(),
    /** Messages of the last seven days, of anomalies, blocks and Weir itself. */
    messages: z.object({
      sent: z.number(),
      waiting: z.number(),
      failed: z.number(),
      lastError: z.object({ channel: z.string(), error: z.string(), at: z.string() }).nullable(),
    }),
  })
  .meta({ id: 'NotificationAnswer' })
export type NotificationAnswer = z.infer<typeof NotificationAnswer>

export const TestMessageBody = z.strictObject({
  channel: z
    .string()
    .regex(/^(email|webhook:[\w.-]{1,40})$/, 'must be email or webhook:NAME')
    .meta({ examples: ['webhook:soc', 'email'] }),
  class: z.enum(MESSAGE_CLASSES),
})
/** What became of a test message. `answer`: what the receiver said; `error`: why it could not be sent. */
export const TestMessage = z
  .object({
    id: z.number(),
    channel: z.string(),
    state: z.enum(['waiting', 'sent', 'failed']),
    answer: z.string().nullable(),
    error: z.string().nullable(),
  })
  .meta({ id: 'TestMessage' })
export type TestMessage = z.infer<typeof TestMessage>
