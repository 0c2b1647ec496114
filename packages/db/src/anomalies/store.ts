import { appendAudit } from '../commands/audit.ts'
import type { Pool, PoolClient } from '../connection.ts'
import type { AnomalyState, Severity } from '../contracts/anomalies.ts'
import { flows } from '../queries/flows.ts'

// What the role `detect` writes. The shapes are structural copies of the detection package's: this room imports no other.

export interface DetectedFinding {
  firstMs: number
  window: readonly [number, number]
  statistic: string
  unit: string
  value: number
  expected: number | null
  threshold: number
  why: string
  parts: { dimension: string; value: string; share: number }[]
  fresh: string[]
  filter: string
  trust: 'ok' | 'low' | 'hold'
  windows: number
}

export interface DetectedAnomaly {
  id: string
  detector: string
  entity: string
  severity: Severity
  actor: string | null
  target: string | null
  firstMs: number
  lastMs: number
  /** 0 while findings keep coming. */
  endedMs: number
  findings: number
  parent: string | null
  group: string
  paged: boolean
  suppressedBy: string | null
  finding: DetectedFinding
}

export interface DetectedChange {
  kind: 'opened' | 'updated' | 'escalated' | 'restarted' | 'folded' | 'ended'
  anomaly: DetectedAnomaly
  /** People should now be told. */
  notify: boolean
}

/** A message that is put into the outbox with the change that it tells. */
export interface OutgoingNotification {
  kind: string
  class: 'page' | 'ticket'
  channel: string
  payload: unknown
}

export interface StoredChange {
  /** False when the database knew all of it already: nothing was written, nobody is told. */
  fresh: boolean
  state: AnomalyState
  /** Copied evidence is still missing. */
  wantsEvidence: boolean
}

const at = (ms: number) => new Date(ms)

/**
 * Store one change of an anomaly: its row, its event and the messages about it in one transaction.
 *
 * Conditional on news: a row that already counts as many findings (a restart that replays the last minute) stays as it is and makes neither
 * event nor message. A closed anomaly that starts again, and a dismissed one that gets worse, are new again.
 */
export async function storeChange(pool: Pool, change: DetectedChange, messages: readonly OutgoingNotification[]): Promise<StoredChange> {
  return await inTransaction(pool, async (client) => {
    const { anomaly: a, kind } = change
    const f = a.finding
    // A statement of its own: within one, what it locks is what it has just written.
    const { rows: before } = await client.query<{ state: AnomalyState }>('select state from anomaly where id = $1 for update', [a.id])
    const was = before[0]?.state ?? null
    const { rows } = await client.query<{ state: AnomalyState; wants: boolean }>(
      `insert into anomaly as o (id, detector, entity, severity, actor, target, first_seen, last_seen, ended_at, findings, parent, group_key,
           paged, suppressed_by, trust, window_from, window_to, finding_first, statistic, unit, value, expected, threshold, sentence, parts,
           fresh, filter, windows)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28)
         on conflict (id) do update set
           severity = excluded.severity, actor = excluded.actor, target = excluded.target, last_seen = excluded.last_seen,
           ended_at = excluded.ended_at, findings = excluded.findings, parent = coalesce(o.parent, excluded.parent),
           group_key = excluded.group_key, paged = o.paged or excluded.paged, suppressed_by = excluded.suppressed_by, trust = excluded.trust,
           window_from = excluded.window_from, window_to = excluded.window_to, statistic = excluded.statistic, unit = excluded.unit,
           value = excluded.value, expected = excluded.expected, threshold = excluded.threshold, sentence = excluded.sentence,
           parts = excluded.parts, fresh = excluded.fresh, filter = excluded.filter, windows = excluded.windows,
           state = case when o.state = 'closed' and $29 in ('restarted', 'escalated') then 'new'
             when o.state = 'dismissed' and $29 = 'escalated' then 'new' else o.state end
         where excluded.findings > o.findings or (excluded.ended_at is not null and o.ended_at is null)
         returning state, evidence is null as wants`,
      [
        a.id,
        a.detector,
        a.entity,
        a.severity,
        a.actor,
        a.target,
        at(a.firstMs),
        at(a.lastMs),
        a.endedMs > 0 ? at(a.endedMs) : null,
        a.findings,
        a.parent,
        a.group,
        a.paged,
        a.suppressedBy === null ? null : Number(a.suppressedBy),
        f.trust,
        at(f.window[0]),
        at(f.window[1]),
        at(f.firstMs),
        f.statistic,
        f.unit,
        f.value,
        f.expected,
        f.threshold,
        f.why,
        JSON.stringify(f.parts),
        JSON.stringify(f.fresh),
        f.filter,
        f.windows,
        kind,
      ],
    )
    const row = rows[0]
    if (row === undefined) return { fresh: false, state: was ?? 'new', wantsEvidence: false }
    const moment = at(kind === 'ended' ? a.endedMs : a.lastMs)
    // An opening that the database has seen is news of another kind: a process without its state found the same anomaly once more.
    const told = kind === 'opened' && was !== null ? 'updated' : kind
    if (told !== 'updated') await event(client, a.id, told, moment, null, null)
    if (a.suppressedBy !== null && told === 'opened')
      await client.query('update suppression set hidden = hidden + 1 where id = $1', [Number(a.suppressedBy)])
    if (row.state !== 'dismissed') {
      for (const message of messages) {
        await client.query(
          `insert into notification (anomaly_id, kind, class, channel, payload) values ($1, $2, $3, $4, $5)
           on conflict (anomaly_id, kind, channel) do nothing`,
          [a.id, message.kind, message.class, message.channel, JSON.stringify(message.payload)],
        )
      }
    }
    if (was !== null && was !== row.state) {
      const reason = kind === 'escalated' ? 'it got worse' : 'it started again'
      await event(client, a.id, 'reopened', moment, null, reason)
      await appendAudit(client, {
        event: 'anomaly.reopen',
        actor: { kind: 'system', id: 'detect' },
        subject: `anomaly:${a.id}`,
        reason,
        before: { state: was },
        after: { state: row.state },
      })
    }
    return { fresh: true, state: row.state, wantsEvidence: row.wants }
  })
}

/** Fold: an effect that was stored before its cause goes under it. */
export async function storeParent(pool: Pool, id: string, parent: string, now: Date): Promise<void> {
  await inTransaction(pool, async (client) => {
    const { rowCount } = await client.query('update anomaly set parent = $2 where id = $1 and parent is null and id <> $2', [id, parent])
    if (rowCount === 1) await event(client, id, 'folded', now, null, null)
  })
}

/** Write one event of an anomaly; its number is given out in the order of commits. */
export async function event(
  client: PoolClient,
  anomalyId: string,
  kind: string,
  moment: Date,
  actor: string | null,
  reason: string | null,
): Promise<number> {
  const { rows } = await client.query<{ id: string }>('select weir_anomaly_event($1, $2, $3, $4, $5) as id', [
    anomalyId,
    kind,
    moment,
    actor,
    reason,
  ])
  return Number(rows[0]?.id ?? 0)
}

export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let sound = false
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    sound = true
    return result
  } catch (error) {
    sound = await client.query('rollback').then(
      () => true,
      () => false,
    )
    throw error
  } finally {
    client.release(!sound)
  }
}

const EVIDENCE_MOST = 50
const EVIDENCE_WINDOW_MS = 24 * 3_600_000

/**
 * Copy up to 50 of the flow rows behind an anomaly into it, once; and what the telemetry was worth at that time. Returns how many rows, 0
 * when none is stored yet: ask again.
 */
export async function freezeEvidence(
  pool: Pool,
  anomaly: { id: string; filter: string; window: readonly [number, number] },
  now: Date,
): Promise<number> {
  const from = Math.max(anomaly.window[0], anomaly.window[1] - EVIDENCE_WINDOW_MS)
  // Flows are stored by their end: one that was cut off by the window may end later.
  const to = Math.max(anomaly.window[1] + 1, Math.min(now.getTime() + 1, anomaly.window[1] + 120_000))
  const found = await flows(pool, { from, to, filter: anomaly.filter, limit: EVIDENCE_MOST })
  if (found.flows.length === 0) return 0
  const samplers = [
    ...new Set(found.flows.flatMap((flow) => (typeof flow['sampler_address'] === 'string' ? [flow['sampler_address']] : []))),
  ]
  const { rows } = await pool.query<{ rate: number | null; lost: number | null; skew: number | null }>(
    `select max(sampling_rate) as rate, max(lost::float8 / nullif(announced, 0)) as lost, max(abs(skew_ms)) as skew
     from exporter where address = any($1::inet[])`,
    [samplers],
  )
  const quality = {
    exporters: samplers,
    samplingRate: rows[0]?.rate ?? null,
    lostShare: rows[0]?.lost ?? null,
    skewMs: rows[0]?.skew ?? null,
  }
  await pool.query('update anomaly set evidence = $2, quality = $3 where id = $1 and evidence is null', [
    anomaly.id,
    JSON.stringify(found.flows),
    JSON.stringify(quality),
  ])
  return found.flows.length
}

const TRACKED_MS = 3_600_000

/** The anomalies that are active or ended within the last hour: what a tracker starts from. */
export async function trackedAnomalies(pool: Pool, now: Date): Promise<DetectedAnomaly[]> {
  const { rows } = await pool.query<TrackedRow>(
    `select id, detector, entity, severity, actor, target, first_seen, last_seen, ended_at, findings, parent, group_key, paged,
       suppressed_by::text as suppressed_by, trust, window_from, window_to, finding_first, statistic, unit, value, expected, threshold,
       sentence, parts, fresh, filter, windows
     from anomaly where ended_at is null or ended_at > $1 order by first_seen`,
    [new Date(now.getTime() - TRACKED_MS)],
  )
  return rows.map((r) => ({
    id: r.id,
    detector: r.detector,
    entity: r.entity,
    severity: r.severity,
    actor: r.actor,
    target: r.target,
    firstMs: r.first_seen.getTime(),
    lastMs: r.last_seen.getTime(),
    endedMs: r.ended_at?.getTime() ?? 0,
    findings: r.findings,
    parent: r.parent,
    group: r.group_key,
    paged: r.paged,
    suppressedBy: r.suppressed_by,
    finding: {
      firstMs: r.finding_first.getTime(),
      window: [r.window_from.getTime(), r.window_to.getTime()],
      statistic: r.statistic,
      unit: r.unit,
      value: r.value,
      expected: r.expected,
      threshold: r.threshold,
      why: r.sentence,
      parts: r.parts,
      fresh: r.fresh,
      filter: r.filter,
      trust: r.trust,
      windows: r.windows,
    },
  }))
}

/** Ids of those among them whose flow rows are not copied yet: they lay in a spool when the collector stopped. */
export async function anomaliesWithoutEvidence(pool: Pool, now: Date): Promise<Set<string>> {
  const { rows } = await pool.query<{ id: string }>(
    'select id from anomaly where evidence is null and (ended_at is null or ended_at > $1)',
    [new Date(now.getTime() - TRACKED_MS)],
  )
  return new Set(rows.map(({ id }) => id))
}

interface TrackedRow {
  id: string
  detector: string
  entity: string
  severity: Severity
  actor: string | null
  target: string | null
  first_seen: Date
  last_seen: Date
  ended_at: Date | null
  findings: number
  parent: string | null
  group_key: string
  paged: boolean
  suppressed_by: string | null
  trust: 'ok' | 'low' | 'hold'
  window_from: Date
  window_to: Date
  finding_first: Date
  statistic: string
  unit: string
  value: number
  expected: number | null
  threshold: number
  sentence: string
  parts: { dimension: string; value: string; share: number }[]
  fresh: string[]
  filter: string
  windows: number
}

/** Suppressions in force, as the tracker takes them. */
export async function activeSuppressions(
  pool: Pool,
  now: Date,
): Promise<{ id: string; detector: string | null; address: string | null; untilMs: number }[]> {
  const { rows } = await pool.query<{ id: string; detector: string | null; address: string | null; until: Date }>(
    'select id::text as id, detector, address, until from suppression where until > $1 and ended_at is null',
    [now],
  )
  return rows.map((r) => ({ id: r.id, detector: r.detector, address: r.address, untilMs: r.until.getTime() }))
}
