import { hostname } from 'node:os'
import { endsWithin, type Pool } from '@weir/db/connection'
import { type AlertMessage, type PastAlert, readSurroundings, recordAlerts, type Surroundings } from '@weir/db/ingest'
import { setting } from '@weir/db/queries'
import type { Account } from '../account.ts'
import type { Component } from '../component.ts'
import type { DecoderState } from '../decoder-state.ts'
import {
  channelsFor,
  deliver,
  type Message,
  NO_NOTIFICATIONS,
  type NotificationSettings,
  readNotifications,
} from '../detect/notifications.ts'
import type { Exporter, Exporters } from '../exporters.ts'
import type { Ingest } from '../ingest.ts'
import type { CloseReason } from '../listeners/tcp.ts'
import type { Reporter } from '../reporter.ts'
import type { Status } from '../status.ts'
import type { Store } from '../store.ts'
import { type Alert, AlertBook } from './book.ts'
import { type ExporterFacts, type Facts, RULES } from './rules.ts'

const LOOK_MS = 1_000
/** Counts are of the time since the turn before the last: 15 to 30 s. */
const TURN_MS = 15_000
const ASK_MS = 5_000
const RECORD_MS = 5_000
const SETTINGS_MS = 30_000
const HOUR_MS = 3_600_000
/** Silence of exporters is judged once the collector itself has listened for as long. */
const SILENT_MS = 300_000
const STOP_MS = 1_000
/** An answer of the database, or a write to it, says something for as many turns of asking. */
const FRESH_TURNS = 3
const DAY_LEAST = 10_000
const MOST_WAITING = 256
const MOST_PAST = 1_000
const REFUSED: readonly CloseReason[] = ['connections', 'address', 'broken', 'partial', 'handshake']
const REFUSED_LEAST = 3

/** Counters at a turn. */
interface Mark {
  received: number
  unreadable: number
  malformedSets: number
  ioErrors: number
  rows: number
  frames: number
  drops: Map<number, number>
  reasons: Map<string, number>
  closed: Map<CloseReason, number>
}

interface ExporterMark {
  datagrams: number
  duplicates: number
  malformed: number
  limited: number
  templatesLost: number
}

const NONE: ExporterMark = { datagrams: 0, duplicates: 0, malformed: 0, limited: 0, templatesLost: 0 }

function markOf(e: Exporter): ExporterMark {
  return {
    datagrams: e.datagrams,
    duplicates: e.duplicates,
    malformed: e.unreadable + e.malformedSets,
    limited: e.limited,
    templatesLost: e.templatesLost,
  }
}

export interface AlarmParts {
  pool: Pool
  account: Account
  exporters: Exporters
  store: Store
  ingest: Ingest
  status: Status
  templates: DecoderState
  /** Data that waits for a template. */
  setsWaiting: () => number
  closed: () => Readonly<Record<CloseReason, number>>
  reporter: Reporter
  /** For tests: how often things are done, and when an exporter is silent. */
  pace?: { turnMs?: number; silentMs?: number; askMs?: number }
}

/**
 * Evaluates the alerts of the failure matrix once a second, tells them (log, metrics, status report, table `alert`), and sends those of class
 * page to people: by the outbox, or straight away while the database that holds the outbox is away.
 */
export class Alarms implements Component {
  readonly name = 'alerts'
  readonly #parts: AlarmParts
  readonly #book = new AlertBook<Facts>(RULES)
  readonly #startedMs = Date.now()
  readonly #turnMs: number
  readonly #silentMs: number
  readonly #askMs: number
  #older: Mark
  #newer: Mark
  #olderOf = new Map<Exporter, ExporterMark>()
  #newerOf = new Map<Exporter, ExporterMark>()
  #blamed: Map<string, number>[] = [new Map(), new Map()]
  readonly #hours: { hour: number; received: number; bad: number }[] = []
  #turnedMs = Date.now()
  #surroundings: Surroundings = { webConnections: 0, silent: [] }
  #answer: { atMs: number; tookMs: number } | null = null
  #webSeen = false
  #webGoneMs: number | null = null
  #asking: Promise<void> | null = null
  #recording: Promise<void> | null = null
  #changed = true
  #settings: NotificationSettings = NO_NOTIFICATIONS
  #settingsAtMs = 0
  /** Over, and perhaps not written down yet. */
  #past: PastAlert[] = []
  #messages: (AlertMessage & { triedMs: number; attempts: number })[] = []
  #sending: Promise<void> | null = null
  readonly #timers: NodeJS.Timeout[] = []

  constructor(parts: AlarmParts) {
    this.#parts = parts
    this.#turnMs = parts.pace?.turnMs ?? TURN_MS
    this.#silentMs = parts.pace?.silentMs ?? SILENT_MS
    this.#askMs = parts.pace?.askMs ?? ASK_MS
    this.#older = this.#mark()
    this.#newer = this.#older
    const { reporter, exporters } = parts
    reporter.gauge('alert', 'Alerts that are on.', ['name', 'severity'], () => {
      const counts = new Map<string, [Record<string, string>, number]>()
      for (const { name, severity } of this.active) {
        const key = `${name} ${severity}`
        const known = counts.get(key)
        if (known === undefined) counts.set(key, [{ name, severity }, 1])
        else known[1]++
      }
      // What is off is there too, as 0: a rule over a series that vanishes cannot tell well from unknown.
      const on = new Set(this.active.map(({ name }) => name))
      return [
        ...counts.values(),
        ...RULES.filter(({ name }) => !on.has(name)).map(({ name }): [Record<string, string>, number] => [{ name, severity: 'none' }, 0]),
      ]
    })
    reporter.counter('alerts_raised_total', 'Alerts raised since the start.', [], () => [[{}, this.#book.raised]])
    reporter.gauge('web_connected', 'Connections of web processes to the database.', [], () => [[{}, this.#surroundings.webConnections]])
    reporter.counter('template_pressure_total', 'Templates given up or refused for want of room.', [], () => [
      [{}, [...exporters.all()].reduce((sum, e) => sum + e.templatesLost, 0)],
    ])
    reporter.gauge('template_contested', 'Exporters with a template that changes its meaning again and again.', [], () => [
      [{}, [...exporters.all()].filter((e) => Date.now() - e.contestedAtMs < 2 * this.#turnMs).length],
    ])
  }

  /** What is on. */
  get active(): Alert[] {
    return this.#book.active
  }

  async start(): Promise<void> {
    this.#timers.push(
      setInterval(() => this.#look(), LOOK_MS),
      setInterval(() => void this.#ask(), this.#askMs),
      setInterval(() => void this.#record(), RECORD_MS),
    )
    void this.#ask()
  }

  #mark(): Mark {
    const { account, store, status, closed } = this.#parts
    const { row_refused, day_sealed, ...frames } = account.quarantined
    return {
      received: account.received,
      unreadable: account.unreadableTotal,
      malformedSets: account.malformedSets,
      ioErrors: store.spool?.ioErrors ?? 0,
      rows: row_refused + day_sealed,
      frames: Object.values(frames).reduce((sum, n) => sum + n, 0),
      drops: new Map(status.dropsByPort()),
      reasons: new Map([...account.unreadable, ['malformed-set', account.malformedSets]]),
      closed: new Map(REFUSED.map((reason) => [reason, closed()[reason]])),
    }
  }

  #turn(now: number): void {
    this.#turnedMs = now
    const next = this.#mark()
    const bad = (mark: Mark) => mark.unreadable + mark.malformedSets
    const hour = Math.floor(now / HOUR_MS)
    const last = this.#hours.at(-1)
    const part = { received: next.received - this.#newer.received, bad: bad(next) - bad(this.#newer) }
    if (last?.hour === hour) {
      last.received += part.received
      last.bad += part.bad
    } else this.#hours.push({ hour, ...part })
    while ((this.#hours[0]?.hour ?? hour) <= hour - 24) this.#hours.shift()
    this.#older = this.#newer
    this.#newer = next
    this.#olderOf = this.#newerOf
    this.#newerOf = new Map([...this.#parts.exporters.all()].map((exporter) => [exporter, markOf(exporter)]))
    this.#blamed = [this.#blamed[1] ?? new Map(), new Map()]
  }

  /** What the rules look at, as it is now. */
  #facts(now: number): Facts {
    const { store, exporters, ingest, status, templates, setsWaiting } = this.#parts
    const mark = this.#mark()
    const older = this.#older
    for (const [sender, count] of ingest.takeBlamed()) this.#blamed[1]?.set(sender, (this.#blamed[1]?.get(sender) ?? 0) + count)
    const spool = status.spoolNow()
    const queues = [
      { name: 'spool', share: store.share },
      { name: 'inbox', share: ingest.inboxShare },
      { name: 'memory before the spool', share: store.stagedShare },
    ].sort((a, b) => b.share - a.share)
    const gaps = Object.entries(status.openSums())
    const upMs = now - this.#startedMs
    return {
      nowMs: now,
      upMs,
      database: {
        downSinceMs: store.downSinceMs,
        reason: store.downReason,
        sqlstate: store.downState,
        slowestWriteMs: store.slowestWriteMs(FRESH_TURNS * this.#askMs),
        roundTripMs: this.#answer !== null && now - this.#answer.atMs < FRESH_TURNS * this.#askMs ? this.#answer.tookMs : null,
      },
      spool: {
        refusing: store.spool === null ? null : store.refusal,
        refusingSinceMs: store.spool?.refusingSinceMs ?? null,
        share: store.share,
        flows: store.spooled,
        holdsMinutes: spool?.holdsMinutes ?? null,
        ioErrors: mark.ioErrors - older.ioErrors,
        tailDiscarded: store.spool?.discardedBytes ?? 0,
      },
      lagSeconds: spool?.ageSeconds ?? 0,
      queue: queues[0] ?? { name: 'spool', share: 0 },
      received: mark.received - older.received,
      kernelDrops: [...mark.drops].map(([port, drops]) => ({ port, drops: drops - (older.drops.get(port) ?? 0) })),
      unreadable: mark.unreadable - older.unreadable,
      malformedSets: mark.malformedSets - older.malformedSets,
      badReasons: [...mark.reasons]
        .map(([reason, n]): [string, number] => [reason, n - (older.reasons.get(reason) ?? 0)])
        .filter(([, n]) => n > 0)
        .sort((a, b) => b[1] - a[1]),
      worstSender: this.#worst(),
      badShareOfDay: this.#badShareOfDay(),
      exporters: [...exporters.all()].map((exporter) => this.#exporterFacts(exporter, now)),
      silent: upMs < this.#silentMs ? this.#silent(now).filter(({ heard }) => heard) : this.#silent(now),
      gap: {
        sum: gaps.reduce((sum, [, n]) => sum + Math.abs(n), 0),
        parts: gaps.map(([name, n]) => `${name} ${n}`).join(', '),
      },
      quarantined: { rows: mark.rows - older.rows, frames: mark.frames - older.frames },
      templatesLost: templates.lost !== null && (upMs < 2 * this.#turnMs || setsWaiting() > 0) ? templates.lost : null,
      webGoneMs: this.#webGoneMs,
      tlsRefused: REFUSED.map((reason) => ({ reason, count: (mark.closed.get(reason) ?? 0) - (older.closed.get(reason) ?? 0) })).filter(
        ({ count }) => count >= REFUSED_LEAST,
      ),
      replayed: this.#parts.account.batchesReplayed,
    }
  }

  #exporterFacts(exporter: Exporter, now: number): ExporterFacts {
    const mark = markOf(exporter)
    const older = this.#olderOf.get(exporter) ?? NONE
    return {
      address: exporter.address,
      skewSeconds: exporter.skew.skewMs === null ? null : exporter.skew.skewMs / 1000,
      datagrams: mark.datagrams - older.datagrams,
      duplicates: mark.duplicates - older.duplicates,
      malformed: mark.malformed - older.malformed,
      limited: mark.limited - older.limited,
      templatesLost: mark.templatesLost - older.templatesLost,
      contested: now - exporter.contestedAtMs < 2 * this.#turnMs,
    }
  }

  #worst(): string | null {
    let worst: string | null = null
    let most = 0
    for (const [sender, count] of this.#blamed[1] ?? []) {
      const all = count + (this.#blamed[0]?.get(sender) ?? 0)
      if (all > most) {
        most = all
        worst = sender
      }
    }
    return worst ?? [...(this.#blamed[0] ?? [])].sort((a, b) => b[1] - a[1])[0]?.[0] ?? null
  }

  #badShareOfDay(): number | null {
    let received = 0
    let bad = 0
    for (const hour of this.#hours) {
      received += hour.received
      bad += hour.bad
    }
    return received < DAY_LEAST ? null : bad / received
  }

  /** The inventory is written every few seconds: what was heard here since then is not silent. `heard`: by this process at all. */
  #silent(now: number): (Surroundings['silent'][number] & { heard: boolean })[] {
    return this.#surroundings.silent.flatMap((one) => {
      const lastSeenMs = this.#parts.exporters.get(one.address)?.lastSeenMs ?? 0
      if (now - lastSeenMs < this.#silentMs) return []
      return [{ ...one, heard: lastSeenMs > 0 }]
    })
  }

  #look(): void {
    const now = Date.now()
    const { raised, cleared } = this.#book.evaluate(this.#facts(now), now)
    if (now - this.#turnedMs >= this.#turnMs) this.#turn(now)
    const { log } = this.#parts.reporter
    for (const alert of raised) {
      log[alert.severity === 'page' ? 'error' : 'warn'](
        { alert: alert.name, subject: alert.subject, severity: alert.severity },
        alert.sentence,
      )
      if (alert.severity === 'page') this.#queue(alert)
    }
    for (const alert of cleared) {
      log.info({ alert: alert.name, subject: alert.subject, since: alert.since }, 'an alert is over')
      if (this.#past.length < MOST_PAST) this.#past.push({ ...alert, endedAt: new Date(now).toISOString() })
    }
    if (raised.length + cleared.length > 0) {
      this.#changed = true
      void this.#record()
    }
    if (this.#messages.length > 0 && this.#parts.store.downSinceMs !== null) this.#sendDirectly()
  }

  #queue(alert: Alert): void {
    const payload: Message = {
      id: `${alert.name}${alert.subject === '' ? '' : `:${alert.subject}`}`,
      kind: 'alert',
      class: 'page',
      detector: alert.name,
      severity: alert.severity,
      actor: null,
      target: alert.subject === '' ? null : alert.subject,
      first_seen: alert.since,
      sentence: alert.sentence,
      url: this.#settings.publicUrl,
    }
    for (const channel of channelsFor('page', this.#settings)) {
      if (this.#messages.length >= MOST_WAITING) this.#messages.shift()
      this.#messages.push({
        name: alert.name,
        subject: alert.subject,
        class: 'page',
        channel,
        payload,
        sent: false,
        triedMs: 0,
        attempts: 0,
      })
    }
  }

  /** The outbox is in the database. A page that says that the database is away cannot wait for it. */
  #sendDirectly(): void {
    if (this.#sending !== null) return
    const now = Date.now()
    const due = this.#messages.filter(({ sent, triedMs, attempts }) => !sent && now - triedMs > Math.min(600_000, 5_000 * 2 ** attempts))
    if (due.length === 0) return
    this.#sending = (async () => {
      for (const message of due) {
        message.triedMs = now
        const outcome = await deliver(
          {
            id: Math.floor(now / 1000),
            about: `alert-${message.name}`,
            kind: 'alert',
            class: message.class,
            channel: message.channel,
            payload: message.payload,
            attempts: message.attempts++,
          },
          this.#settings,
          now,
        )
        message.sent = outcome.sent
        if (!outcome.sent)
          this.#parts.reporter.limited(
            'warn',
            'alert-send',
            { channel: message.channel, error: outcome.error },
            'an alert could not be sent',
          )
      }
    })().finally(() => {
      this.#sending = null
    })
  }

  /** How the surroundings are, and how long a question takes. */
  #ask(): Promise<void> {
    const { pool, store, reporter } = this.#parts
    if (store.engine === null || store.downSinceMs !== null) return Promise.resolve()
    this.#asking ??= (async () => {
      try {
        const began = performance.now()
        await pool.query('select 1')
        this.#answer = { atMs: Date.now(), tookMs: performance.now() - began }
        this.#surroundings = await readSurroundings(pool)
        if (this.#surroundings.webConnections > 0) {
          this.#webSeen = true
          this.#webGoneMs = null
        } else if (this.#webSeen) this.#webGoneMs ??= Date.now()
        if (Date.now() - this.#settingsAtMs >= SETTINGS_MS) {
          this.#settings = readNotifications(await setting(pool, 'notifications'))
          this.#settingsAtMs = Date.now()
        }
      } catch (error) {
        reporter.limited('warn', 'alerts-ask', { err: error }, 'what the alerts need from the database could not be read; tried again')
      } finally {
        this.#asking = null
      }
    })()
    return this.#asking
  }

  #record(): Promise<void> {
    const { pool, store, reporter } = this.#parts
    if (store.engine === null || store.downSinceMs !== null) return Promise.resolve()
    const active = this.active
    if (this.#recording !== null || (!this.#changed && active.length === 0)) return this.#recording ?? Promise.resolve()
    this.#changed = false
    const messages = this.#messages.splice(0)
    const past = this.#past.splice(0)
    this.#recording = recordAlerts(pool, hostname(), active, past, messages)
      .catch((error: unknown) => {
        this.#messages.unshift(...messages)
        this.#past.unshift(...past)
        this.#changed = true
        reporter.limited('warn', 'alerts-record', { err: error }, 'the alerts could not be written; tried again')
      })
      .finally(() => {
        this.#recording = null
      })
    return this.#recording
  }

  /** A receiver of messages that does not answer is not waited for: what it did not take is sent after the next start. */
  async stop(leftMs = Number.POSITIVE_INFINITY): Promise<void> {
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
    await endsWithin(Math.min(STOP_MS, leftMs / 2), Promise.all([this.#asking, this.#recording, this.#sending]))
  }
}
