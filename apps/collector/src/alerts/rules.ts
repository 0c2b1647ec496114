import type { Rule, Severity, Sighting } from './book.ts'

/** What is known of one exporter. Counts are of the last 15 to 30 seconds. */
export interface ExporterFacts {
  address: string
  /** Exporter's clock minus ours, seconds; null not measurable. */
  skewSeconds: number | null
  datagrams: number
  duplicates: number
  malformed: number
  /** Datagrams whose records were cut off at a limit. */
  limited: number
  /** Templates that were forgotten or refused for want of room. */
  templatesLost: number
  /** A template changed its meaning for the third time within ten minutes. */
  contested: boolean
}

/** Everything that the rules look at. Times are epoch milliseconds; counts are of the last 15 to 30 seconds unless they say otherwise. */
export interface Facts {
  nowMs: number
  /** How long the collector runs, milliseconds. */
  upMs: number
  database: {
    downSinceMs: number | null
    reason: string
    /** SQLSTATE of the last refusal, null without. */
    sqlstate: string | null
    /** Duration of the longest write under way or ended in the last 15 s. */
    slowestWriteMs: number
    /** How long a question as small as can be takes; null when none was answered lately. */
    roundTripMs: number | null
  }
  spool: {
    refusing: string | null
    refusingSinceMs: number | null
    share: number
    flows: number
    holdsMinutes: number | null
    ioErrors: number
    /** Octets cut off at the start because they were never synced. */
    tailDiscarded: number
  }
  /** Age of the oldest flow that is accepted and not stored, seconds. */
  lagSeconds: number
  /** 0–1: the fullest of inbox, staging and spool, and which. */
  queue: { share: number; name: string }
  received: number
  kernelDrops: { port: number; drops: number }[]
  unreadable: number
  malformedSets: number
  /** Bad datagrams by reason, and the sender of most of them. */
  badReasons: [reason: string, count: number][]
  worstSender: string | null
  /** Shares of the last 24 hours; null with too little traffic to say. */
  badShareOfDay: number | null
  exporters: ExporterFacts[]
  /** Exporters that the inventory knows and that sent nothing for five minutes. */
  silent: { address: string; name: string | null; seconds: number }[]
  gap: { sum: number; parts: string }
  quarantined: { rows: number; frames: number }
  templatesLost: string | null
  /** Since when no web process is connected, though one was; null when one is, or never was. */
  webGoneMs: number | null
  tlsRefused: { reason: string; count: number }[]
  replayed: number
}

const one = (severity: Severity, value: number, sentence: string, subject = ''): Sighting[] => [{ subject, severity, value, sentence }]
const percent = (share: number): string => `${share < 0.1 ? (share * 100).toFixed(1) : Math.round(share * 100)} %`
const ago = (now: number, then: number): string => `${Math.max(0, Math.round((now - then) / 1000))} s`

const DISK_FULL = '53100'
const SLOW_WRITE_MS = 2_000
const SLOW_TRIP_MS = 250
const SKEW_SECONDS = 60
const DUPLICATE_SHARE = 0.01
const DUPLICATES_LEAST = 5
const BAD_SHARE = 0.05
const BAD_LEAST = 10
const BAD_SHARE_OF_DAY = 0.001
const LAG_WARN_SECONDS = 5
const LAG_PAGE_SECONDS = 60
const QUEUE_WARN = 0.1
const QUEUE_PAGE = 0.7
const DROPS_PAGE = 0.01
const TAIL_SHOWN_MS = 300_000

/** The failure matrix as rules, in the order of its rows. */
export const RULES: readonly Rule<Facts>[] = [
  {
    name: 'db_unreachable',
    counter: 'weir_database_unreachable',
    afterMs: 5_000,
    clearMs: 5_000,
    look({ nowMs, database, spool }) {
      if (database.downSinceMs === null || database.sqlstate === DISK_FULL) return []
      const room = spool.holdsMinutes === null ? '' : `; there is room for ${Math.floor(spool.holdsMinutes)} min more`
      return one(
        'page',
        (nowMs - database.downSinceMs) / 1000,
        `The database takes no flows for ${ago(nowMs, database.downSinceMs)} (${database.reason}). They wait in the spool${room}: shown data is late, not lost. Start the database, or correct DATABASE_URL.`,
      )
    },
  },
  {
    name: 'db_slow',
    counter: 'weir_write_seconds',
    afterMs: 5_000,
    clearMs: 10_000,
    look({ database }) {
      if (database.downSinceMs !== null) return []
      const { slowestWriteMs, roundTripMs } = database
      if (slowestWriteMs >= SLOW_WRITE_MS) {
        return one(
          'warn',
          slowestWriteMs / 1000,
          `Storing one batch takes ${(slowestWriteMs / 1000).toFixed(1)} s. Look for locks on the table flow, a busy disk, or a slow way to the database.`,
        )
      }
      if (roundTripMs === null || roundTripMs < SLOW_TRIP_MS) return []
      return one(
        'warn',
        roundTripMs / 1000,
        `The database answers the smallest question after ${Math.round(roundTripMs)} ms. Look at the network between and at its load.`,
      )
    },
  },
  {
    name: 'spool_full',
    counter: 'weir_spool_refusing',
    afterMs: 0,
    clearMs: 5_000,
    look({ nowMs, spool }) {
      if (spool.refusing !== 'spool_full') return []
      const since = spool.refusingSinceMs ?? nowMs
      return one(
        'page',
        (nowMs - since) / 1000,
        `The spool is full: nothing is accepted for ${ago(nowMs, since)}, and the newest flows are shed. Bring the database back, free disk space, or raise WEIR_SPOOL_MIB.`,
      )
    },
  },
  {
    name: 'db_no_space',
    counter: 'weir_database_unreachable',
    afterMs: 0,
    clearMs: 5_000,
    look({ nowMs, database }) {
      if (database.downSinceMs === null || database.sqlstate !== DISK_FULL) return []
      return one(
        'page',
        (nowMs - database.downSinceMs) / 1000,
        `The database has no space left for ${ago(nowMs, database.downSinceMs)}. Flows wait in the spool. Free or add disk on its server; a shorter retention frees some later.`,
      )
    },
  },
  {
    name: 'spool_io_error',
    counter: 'weir_spool_io_errors_total',
    afterMs: 0,
    clearMs: 5_000,
    look({ spool }) {
      if (spool.refusing !== 'spool_io_error' && spool.ioErrors === 0) return []
      return one(
        'page',
        spool.ioErrors,
        'The disk of the spool fails: what it does not confirm is not accepted. Look at the disk that holds WEIR_SPOOL_DIR, or move the spool.',
      )
    },
  },
  {
    name: 'spool_tail_discarded',
    counter: 'weir_spool_tail_discarded_octets_total',
    afterMs: 0,
    clearMs: 0,
    look({ spool, upMs }) {
      if (spool.tailDiscarded === 0 || upMs > TAIL_SHOWN_MS) return []
      return one(
        'ticket',
        spool.tailDiscarded,
        `${spool.tailDiscarded} octets at the end of the spool were cut off at the start: they were never synced, so never accepted. The machine lost power or its disk was full.`,
      )
    },
  },
  {
    name: 'templates_lost',
    counter: 'weir_sets_total',
    afterMs: 0,
    clearMs: 5_000,
    look({ templatesLost }) {
      if (templatesLost === null) return []
      return one('warn', 1, `The saved templates could not be used: ${templatesLost}. Data waits until the exporters send theirs again.`)
    },
  },
  {
    name: 'kernel_drops',
    counter: 'weir_kernel_dropped_datagrams_total',
    afterMs: 0,
    clearMs: 5_000,
    look({ kernelDrops, received }) {
      const all = kernelDrops.reduce((sum, { drops }) => sum + drops, 0)
      return kernelDrops
        .filter(({ drops }) => drops > 0)
        .map(({ port, drops }) => ({
          subject: `port ${port}`,
          severity: drops / (received + all) > DROPS_PAGE ? ('page' as const) : ('warn' as const),
          value: drops,
          sentence: `The kernel dropped ${drops} datagrams of port ${port} in the last half minute (${percent(drops / (received + all))} of all): its receive buffer was full. As root: sysctl -w net.core.rmem_max=33554432, then restart; or spread the exporters over more collectors.`,
        }))
    },
  },
  {
    name: 'exporter_clock_skew',
    counter: 'weir_exporter_skew_seconds',
    afterMs: 0,
    clearMs: 5_000,
    look({ exporters }) {
      return exporters
        .filter(({ skewSeconds, datagrams }) => datagrams > 0 && skewSeconds !== null && Math.abs(skewSeconds) > SKEW_SECONDS)
        .map(({ address, skewSeconds }) => {
          const seconds = Math.round(skewSeconds ?? 0)
          return {
            subject: address,
            severity: 'warn' as const,
            value: seconds,
            sentence: `The clock of ${address} is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead' : 'behind'}. Times are corrected and the stamps kept; set up NTP there.`,
          }
        })
    },
  },
  {
    name: 'duplicate_exporter',
    counter: 'weir_exporter_duplicates_total',
    afterMs: 0,
    clearMs: 5_000,
    look({ exporters }) {
      return exporters
        .filter(({ datagrams, duplicates }) => duplicates >= DUPLICATES_LEAST && duplicates / (datagrams + duplicates) > DUPLICATE_SHARE)
        .map(({ address, datagrams, duplicates }) => ({
          subject: address,
          severity: 'warn' as const,
          value: duplicates / (datagrams + duplicates),
          sentence: `${percent(duplicates / (datagrams + duplicates))} of the datagrams of ${address} arrive twice; they are stored once. Look for a mirrored port, ECMP or a second export destination that leads here.`,
        }))
    },
  },
  {
    name: 'malformed',
    counter: 'weir_datagrams_unreadable_total',
    afterMs: 0,
    clearMs: 5_000,
    look({ unreadable, malformedSets, received, badReasons, worstSender, badShareOfDay }) {
      const bad = unreadable + malformedSets
      const reasons = badReasons
        .slice(0, 3)
        .map(([reason, n]) => `${reason} ${n}`)
        .join(', ')
      const from = worstSender === null ? '' : `, most from ${worstSender}`
      if (bad >= BAD_LEAST && bad / Math.max(1, received) > BAD_SHARE) {
        return one(
          'warn',
          bad / received,
          `${percent(Math.min(1, bad / received))} of what arrives cannot be read (${reasons}${from}). Something else sends to a Weir port, or an exporter sends broken sets: look at that sender.`,
        )
      }
      if (badShareOfDay === null || badShareOfDay <= BAD_SHARE_OF_DAY) return []
      return one(
        'ticket',
        badShareOfDay,
        `${percent(badShareOfDay)} of what arrived in the last day could not be read. weir_problems_total names the reasons.`,
      )
    },
  },
  {
    name: 'malformed_lasting',
    counter: 'weir_datagrams_unreadable_total',
    afterMs: 300_000,
    clearMs: 5_000,
    look({ unreadable, malformedSets, received, worstSender }) {
      const bad = unreadable + malformedSets
      if (bad < BAD_LEAST || bad / Math.max(1, received) <= BAD_SHARE) return []
      const from = worstSender === null ? '' : `, most of it from ${worstSender}`
      return one(
        'page',
        bad / received,
        `For five minutes ${percent(Math.min(1, bad / received))} of what arrives cannot be read${from}. Stop that sender, or correct its export.`,
      )
    },
  },
  {
    name: 'template_pressure',
    counter: 'weir_template_pressure_total',
    afterMs: 0,
    clearMs: 5_000,
    look({ exporters }) {
      return exporters
        .filter(({ templatesLost }) => templatesLost > 0)
        .map(({ address, templatesLost }) => ({
          subject: address,
          severity: 'warn' as const,
          value: templatesLost,
          sentence: `${address} announces more templates than are kept for one exporter: ${templatesLost} were given up in the last half minute, its oldest first. Other exporters keep theirs. Look at its export settings, or whether somebody speaks in its name.`,
        }))
    },
  },
  {
    name: 'template_contested',
    counter: 'weir_template_contested',
    afterMs: 0,
    clearMs: 5_000,
    look({ exporters }) {
      return exporters
        .filter(({ contested }) => contested)
        .map(({ address }) => ({
          subject: address,
          severity: 'page' as const,
          value: 1,
          sentence: `A template of ${address} changed its meaning three times within ten minutes: two processes share its address and number, or somebody speaks in its name. Give each its own observation domain, or use IPFIX over TLS.`,
        }))
    },
  },
  {
    name: 'output_limit',
    counter: 'weir_problems_total',
    afterMs: 0,
    clearMs: 5_000,
    look({ exporters }) {
      return exporters
        .filter(({ limited }) => limited > 0)
        .map(({ address, limited }) => ({
          subject: address,
          severity: 'warn' as const,
          value: limited,
          sentence: `${limited} datagrams of ${address} held more records than one datagram may give; the rest of them was cut off and counted. No exporter does that by itself: look at what sends in its name.`,
        }))
    },
  },
  {
    name: 'tls_refused',
    counter: 'weir_stream_closed_total',
    afterMs: 0,
    clearMs: 5_000,
    look({ tlsRefused }) {
      return tlsRefused
        .filter(({ count }) => count > 0)
        .map(({ reason, count }) => ({
          subject: reason,
          severity: 'warn' as const,
          value: count,
          sentence: `${count} connections were refused or closed in the last half minute (${reason}). Look at the certificates and at who connects; sessions that are open go on.`,
        }))
    },
  },
  {
    name: 'quarantined',
    counter: 'weir_flows_quarantined_total',
    afterMs: 0,
    clearMs: 5_000,
    look({ quarantined }) {
      if (quarantined.rows === 0) return []
      return one(
        'ticket',
        quarantined.rows,
        `${quarantined.rows} flows were set aside in the last half minute because the database refused them. "weir quarantine list" shows them with the reason.`,
      )
    },
  },
  {
    name: 'frame_isolated',
    counter: 'weir_flows_quarantined_total',
    afterMs: 0,
    clearMs: 5_000,
    look({ quarantined }) {
      if (quarantined.frames === 0) return []
      return one(
        'ticket',
        quarantined.frames,
        `${quarantined.frames} flows were set aside as whole frames in the last half minute. "weir quarantine list" names the files, "weir quarantine retry" stores them again.`,
      )
    },
  },
  {
    name: 'web_down',
    counter: 'weir_web_connected',
    afterMs: 5_000,
    clearMs: 0,
    look({ nowMs, webGoneMs, database }) {
      if (webGoneMs === null || database.downSinceMs !== null) return []
      return one(
        'page',
        (nowMs - webGoneMs) / 1000,
        `No web process is connected to the database for ${ago(nowMs, webGoneMs)}; nobody sees anything, while collecting goes on. Start it again; its log tells why it ended.`,
      )
    },
  },
  {
    name: 'exporter_silent',
    counter: 'weir_exporters_live',
    afterMs: 0,
    clearMs: 0,
    look({ silent }) {
      return silent.map(({ address, name, seconds }) => ({
        subject: address,
        severity: 'page' as const,
        value: seconds,
        sentence: `${name === null ? address : `${name} (${address})`} has sent nothing for ${Math.round(seconds / 60)} min: what passes it is not seen. Check it, its export settings and the way here; or retire it.`,
      }))
    },
  },
  {
    name: 'ingest_lag',
    counter: 'weir_spool_age_seconds',
    afterMs: 20_000,
    clearMs: 5_000,
    look({ lagSeconds }) {
      if (lagSeconds <= LAG_WARN_SECONDS) return []
      return one(
        lagSeconds > LAG_PAGE_SECONDS ? 'page' : 'warn',
        lagSeconds,
        `The oldest flow that is not stored arrived ${lagSeconds.toFixed(0)} s ago. The database is slower than the traffic or was away: see db_slow, db_unreachable.`,
      )
    },
  },
  {
    name: 'queue',
    counter: 'weir_queue_share',
    afterMs: 2_000,
    clearMs: 5_000,
    look({ queue, spool }) {
      if (queue.share <= QUEUE_WARN) return []
      const left = spool.holdsMinutes === null ? '' : ` It has room for ${Math.floor(spool.holdsMinutes)} min more at this rate.`
      return one(
        queue.share > QUEUE_PAGE ? 'page' : 'warn',
        queue.share,
        `The ${queue.name} is ${percent(queue.share)} full.${queue.name === 'spool' ? left : ''} What comes after does not keep up: look at the database first, then at the load of this machine.`,
        queue.name,
      )
    },
  },
  {
    name: 'accounting_gap',
    counter: 'weir_accounting_gap',
    afterMs: 0,
    clearMs: 10_000,
    look({ gap }) {
      if (gap.sum === 0) return []
      return one(
        'page',
        gap.sum,
        `The books are off by ${gap.sum} (${gap.parts}). This is a defect in Weir: report it with the page /metrics.`,
      )
    },
  },
]
