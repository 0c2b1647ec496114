import type { Pool, PoolClient } from '../connection.ts'
import {
  type AnomaliesAnswer,
  type AnomalyCard,
  type AnomalyEvent,
  type AnomalyEventsAnswer,
  type AnomalyState,
  type AnomalySummary,
  anomalyActions,
  type Severity,
  type SuppressionShape,
} from '../contracts/anomalies.ts'
import type { FlowObject } from '../contracts/api.ts'
import { formatAddress, maskAddress, parseAddress } from '../contracts/ip.ts'
import { QueryError } from '../contracts/query-error.ts'
import type { Instant, Precision } from '../contracts/questions.ts'
import { NETWORK_PRECISION } from '../queries/filter-sql.ts'
import { Parameters } from '../queries/parameters.ts'
import { checkCount, checkRange } from '../queries/question.ts'
import { asQueryError, onSnapshot } from '../queries/session.ts'
import { timeseries } from '../queries/timeseries.ts'

export interface AnomaliesQuestion {
  /** By the first finding, [from, to); absent: without a bound. */
  from?: Instant | undefined
  to?: Instant | undefined
  states?: readonly AnomalyState[] | undefined
  severities?: readonly Severity[] | undefined
  detectors?: readonly string[] | undefined
  /** Actor or target, exactly. */
  address?: string | undefined
  /** Only these that still go on, or only those that have ended. */
  active?: boolean | undefined
  /** Anomalies folded under another are left out unless asked for. */
  folded?: boolean | undefined
  /** One row per group: its newest anomaly. */
  grouped?: boolean | undefined
  cursor?: string | undefined
  /** 1–1,000, default 100. */
  limit?: number | undefined
  precision?: Precision | undefined
}

interface Row {
  id: string
  detector: string
  severity: Severity
  state: AnomalyState
  first_seen: Date
  last_seen: Date
  ended_at: Date | null
  actor: string | null
  target: string | null
  paged: boolean
  sentence: string
  group_key: string
  members: number
  parent: string | null
  children: number
  suppressed_by: string | null
  trust: 'ok' | 'low' | 'hold'
  changed_by: string | null
  changed_at: Date | null
  reason: string | null
}

const COLUMNS = `a.id, a.detector, a.severity, a.state, a.first_seen, a.last_seen, a.ended_at, a.actor, a.target, a.paged, a.sentence, a.group_key,
  a.parent, a.suppressed_by::text as suppressed_by, a.trust, weir_actor_name(a.changed_by) as changed_by, a.changed_at, a.reason,
  (select count(*)::int from anomaly c where c.parent = a.id) as children`

/** Addresses and prefixes in running text, canonical or not. */
const ADDRESS_IN_TEXT =
  /(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|(?=[0-9a-fA-F:]*:[0-9a-fA-F:]*:)[0-9a-fA-F:]{2,39}(?:\d{1,3}(?:\.\d{1,3}){3})?)(?:\/\d{1,3})?(?![\w])/g

/** The network that stands for an address where single hosts may not be seen; what is wider already stays. */
export function networkText(text: string): string {
  const [host = '', length] = text.split('/')
  const parsed = parseAddress(host)
  if (parsed === null) return text
  const bits = Math.min(length === undefined ? 128 : Number(length), NETWORK_PRECISION[parsed.family])
  return `${formatAddress(maskAddress(parsed, bits))}/${bits}`
}

/** Every address in a sentence as its network. A trailing dot or colon of the sentence stays outside. */
export function pseudonymised(sentence: string): string {
  return sentence.replace(ADDRESS_IN_TEXT, (found) => {
    const address = found.replace(/:+$/, (tail) => (parseAddress(found) === null ? '' : tail))
    return networkText(address) + found.slice(address.length)
  })
}

function summary(row: Row, precision: Precision): AnomalySummary {
  const cut = (text: string | null) => (text === null || precision === 'host' ? text : networkText(text))
  return {
    id: row.id,
    detector: row.detector,
    severity: row.severity,
    state: row.state,
    first_seen_ns: (BigInt(row.first_seen.getTime()) * 1_000_000n).toString(),
    first_seen: row.first_seen.toISOString(),
    last_seen: row.last_seen.toISOString(),
    ended: row.ended_at?.toISOString() ?? null,
    actor: cut(row.actor),
    target: cut(row.target),
    paged: row.paged,
    sentence: precision === 'host' ? row.sentence : pseudonymised(row.sentence),
    group: precision === 'host' ? row.group_key : pseudonymised(row.group_key.replaceAll('|', ' ')),
    members: row.members,
    parent: row.parent,
    children: row.children,
    suppressed_by: row.suppressed_by === null ? null : Number(row.suppressed_by),
    trust: row.trust,
    changed_by: row.changed_by,
    changed_at: row.changed_at?.toISOString() ?? null,
    reason: row.reason === null || precision === 'host' ? row.reason : pseudonymised(row.reason),
    actions: anomalyActions(row.state),
  }
}

/**
 * Anomalies, newest first, a page at a time. Throws QueryError `bad-window`, `out-of-range`, `bad-cursor`; `precision` when an address is
 * asked for by someone who may not see single hosts.
 */
export async function anomalies(pool: Pool, question: AnomaliesQuestion): Promise<AnomaliesAnswer> {
  const precision = question.precision ?? 'host'
  const limit = checkCount(question.limit, 'limit', 1, 1_000, 100)
  const cursor = question.cursor === undefined || question.cursor === '' ? null : readCursor(question.cursor)
  const { from, to } = checkRange(question.from ?? 0, question.to ?? new Date(Date.now() + 86_400_000))
  if (question.address !== undefined && precision === 'network') {
    throw new QueryError('precision', 'Your role sees networks, not single hosts.', 'Ask without an address.')
  }
  return onSnapshot(pool, async (client) => {
    const p = new Parameters()
    const where = [`a.first_seen >= ${p.addTime(from)}`, `a.first_seen < ${p.addTime(to)}`]
    const among = (column: string, values: readonly string[] | undefined) => {
      if (values !== undefined && values.length > 0) where.push(`${column} = any(${p.add(values, 'text[]')})`)
    }
    among('a.state', question.states)
    among('a.severity', question.severities)
    among('a.detector', question.detectors)
    if (question.address !== undefined) {
      const address = p.add(question.address, 'text')
      where.push(`(a.actor = ${address} or a.target = ${address})`)
    }
    if (question.active !== undefined) where.push(`a.ended_at is ${question.active ? '' : 'not '}null`)
    if (question.folded !== true) where.push('a.parent is null')
    const all = `from anomaly a where ${where.join(' and ')}`
    const after = cursor === null ? '' : `where (a.first_seen, a.id) < (${p.add(cursor[0], 'timestamptz')}, ${p.add(cursor[1], 'text')})`
    // Members are counted over everything that fits, not over the page.
    const source = `(select ${COLUMNS}, count(*) over (partition by a.group_key)::int as members,
      row_number() over (partition by a.group_key order by a.first_seen desc, a.id desc) as place ${all}) a`
    const condition = question.grouped === true ? `${after === '' ? 'where' : `${after} and`} a.place = 1` : after
    const { rows } = await client.query<Row & { moment: string }>(
      `select a.*, to_char(a.first_seen at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as moment
       from ${source} ${condition} order by a.first_seen desc, a.id desc limit ${p.add(limit + 1, 'bigint')}`,
      p.values,
    )
    const page = rows.slice(0, limit)
    const last = page.at(-1)
    const { rows: counts } = await client.query<{ state: AnomalyState; n: number }>(
      'select state, count(*)::int as n from anomaly where parent is null group by state',
    )
    const states: AnomaliesAnswer['states'] = { new: 0, acknowledged: 0, confirmed: 0, dismissed: 0, closed: 0 }
    for (const { state, n } of counts) states[state] = n
    return {
      anomalies: page.map((row) => summary(row, precision)),
      nextCursor: rows.length > limit && last !== undefined ? writeCursor(last.moment, last.id) : null,
      states,
      lastEvent: await lastEvent(client),
    }
  })
}

async function lastEvent(client: PoolClient): Promise<number> {
  const { rows } = await client.query<{ last: string }>('select coalesce(max(id), 0) as last from anomaly_event')
  return Number(rows[0]?.last ?? 0)
}

const writeCursor = (moment: string, id: string) => Buffer.from(JSON.stringify([1, moment, id])).toString('base64url')

function readCursor(text: string): [moment: string, id: string] {
  let parts: unknown
  try {
    parts = JSON.parse(Buffer.from(text.slice(0, 500), 'base64url').toString('utf8'))
  } catch {
    parts = null
  }
  const [version, moment, id] = Array.isArray(parts) ? parts : []
  if (version === 1 && typeof moment === 'string' && Number.isFinite(Date.parse(moment)) && typeof id === 'string') return [moment, id]
  throw new QueryError('bad-cursor', 'The cursor is not one this interface gave.', 'Start again without a cursor.')
}

const EVENTS_PAGE = 500

/** Events after number `after`, oldest first: what a browser missed. `limit` 1–500. */
export async function anomalyEvents(
  pool: Pool,
  question: { after: number; limit?: number | undefined; precision?: Precision | undefined },
): Promise<AnomalyEventsAnswer> {
  const limit = checkCount(question.limit, 'limit', 1, EVENTS_PAGE, EVENTS_PAGE)
  return onSnapshot(pool, async (client) => {
    const { rows } = await client.query<EventRow>(`select ${EVENT_COLUMNS} from anomaly_event where id > $1 order by id limit $2`, [
      question.after,
      limit + 1,
    ])
    return {
      events: rows.slice(0, limit).map((row) => eventShape(row, question.precision ?? 'host')),
      more: rows.length > limit,
      lastEvent: await lastEvent(client),
    }
  })
}

const EVENT_COLUMNS = 'id, anomaly_id, kind, at, weir_actor_name(actor) as actor, reason, state, severity'
interface EventRow {
  id: string
  anomaly_id: string
  kind: string
  at: Date
  actor: string | null
  reason: string | null
  state: AnomalyState
  severity: Severity
}
const eventShape = (row: EventRow, precision: Precision): AnomalyEvent => ({
  ...row,
  id: Number(row.id),
  at: row.at.toISOString(),
  reason: row.reason === null || precision === 'host' ? row.reason : pseudonymised(row.reason),
})

interface CardRow extends Row {
  statistic: string
  unit: string
  value: number
  expected: number | null
  threshold: number
  window_from: Date
  window_to: Date
  parts: AnomalyCard['parts']
  fresh: string[]
  filter: string
  findings: number
  quality: Partial<Omit<AnomalyCard['quality'], 'trust'>>
  evidence: FlowObject[] | null
}

/** Everything about one anomaly. QueryError `not-found`. */
export async function anomalyCard(pool: Pool, id: string, precision: Precision): Promise<AnomalyCard> {
  const { row, children, timeline } = await onSnapshot(pool, async (client) => {
    const { rows } = await client.query<CardRow>(
      `select ${COLUMNS}, (select count(*)::int from anomaly m where m.group_key = a.group_key) as members, a.statistic, a.unit, a.value,
         a.expected, a.threshold, a.window_from, a.window_to, a.parts, a.fresh, a.filter, a.findings, a.quality, a.evidence
       from anomaly a where a.id = $1`,
      [id],
    )
    const [row] = rows
    if (row === undefined) throw new QueryError('not-found', 'There is no such anomaly.', 'Reload the list of anomalies.')
    const { rows: children } = await client.query<Row>(
      `select ${COLUMNS}, 1 as members from anomaly a where a.parent = $1 order by a.first_seen limit 100`,
      [id],
    )
    const { rows: timeline } = await client.query<EventRow>(
      `select ${EVENT_COLUMNS} from anomaly_event where anomaly_id = $1 order by id limit 1000`,
      [id],
    )
    return { row, children, timeline }
  })
  const host = precision === 'host'
  return {
    ...summary(row, precision),
    statistic: row.statistic,
    unit: row.unit,
    value: row.value,
    expected: row.expected,
    threshold: row.threshold,
    window: { from: row.window_from.toISOString(), to: row.window_to.toISOString() },
    parts: host ? row.parts : row.parts.map((part) => ({ ...part, value: networkText(part.value) })),
    fresh: row.fresh,
    findings: row.findings,
    quality: {
      trust: row.trust,
      exporters: row.quality.exporters ?? [],
      samplingRate: row.quality.samplingRate ?? null,
      lostShare: row.quality.lostShare ?? null,
      skewMs: row.quality.skewMs ?? null,
    },
    evidence: host ? (row.evidence ?? []) : null,
    childAnomalies: children.map((child) => summary(child, precision)),
    timeline: timeline.map((event) => eventShape(event, precision)),
    baseline: host ? await baselineOf(pool, row) : null,
    explorer: host ? { filter: row.filter, from: row.window_from.toISOString(), to: row.window_to.toISOString() } : null,
  }
}

const AROUND_MS = 6 * 3_600_000
/** Which stored sum draws a unit, and what of it makes one of the unit. */
const DRAWN: Readonly<Record<string, { metric: 'bytes' | 'packets' | 'flows'; times: number; unit: string }>> = {
  'bit/s': { metric: 'bytes', times: 8, unit: 'bit/s' },
  B: { metric: 'bytes', times: 8, unit: 'bit/s' },
  'packets/s': { metric: 'packets', times: 1, unit: 'packets/s' },
  'SYN/s': { metric: 'packets', times: 1, unit: 'packets/s' },
}
const FLOWS_DRAWN = { metric: 'flows', times: 1, unit: 'flows/s' } as const

/**
 * The traffic around an anomaly from six hours before it. Stored sums answer by address; a filter that needs raw records over so long is
 * widened to the addresses in it, and the answer says which filter was drawn. null where nothing can answer (raw is gone, no address).
 */
async function baselineOf(pool: Pool, row: CardRow): Promise<AnomalyCard['baseline']> {
  const { metric, times, unit } = DRAWN[row.unit] ?? FLOWS_DRAWN
  const from = row.first_seen.getTime() - AROUND_MS
  const to = Math.max(row.last_seen.getTime(), row.window_to.getTime()) + 1_800_000
  const end = (name: string, value: string | null) => (value !== null && /^[0-9a-fA-F.:/]+$/.test(value) ? [`${name} = ${value}`] : [])
  const wider = [...end('src_addr', row.actor), ...end('dst_addr', row.target)].join(' and ')
  for (const filter of new Set([row.filter, wider].filter((text) => text !== ''))) {
    try {
      const answer = await timeseries(pool, { from, to, filter, metric, points: 240 })
      const [series] = answer.series
      const comparable = unit === row.unit && filter === row.filter
      return {
        unit,
        filter,
        bucketSeconds: answer.bucketSeconds,
        times: answer.times,
        values: (series?.values ?? answer.times.map(() => 0)).map((value) =>
          value === null ? null : (value * times) / answer.bucketSeconds,
        ),
        // A line of another unit or of other flows would not belong into the picture.
        expected: comparable ? row.expected : null,
        threshold: comparable ? row.threshold : null,
      }
    } catch (error) {
      // Too much to read, or a filter that this version does not know any more: the card is worth more than its picture.
      if (!(error instanceof QueryError) || (error.code !== 'window-too-large' && error.code !== 'bad-filter' && error.code !== 'timeout'))
        throw error
    }
  }
  return null
}

/** All suppressions, newest first; with network precision, addresses are networks. */
export async function suppressions(pool: Pool, precision: Precision): Promise<SuppressionShape[]> {
  try {
    const { rows } = await pool.query<SuppressionRow>(
      `select ${SUPPRESSION_COLUMNS}
       from suppression order by created_at desc, id desc limit 1000`,
    )
    return rows.map((row) => suppressionShape(row, precision))
  } catch (error) {
    throw asQueryError(error)
  }
}

export const SUPPRESSION_COLUMNS =
  'id::text as id, detector, address, until, reason, weir_actor_name(owner) as owner, created_at, ended_at, hidden::text as hidden, until > now() and ended_at is null as active'
export interface SuppressionRow {
  id: string
  detector: string | null
  address: string | null
  until: Date
  reason: string
  owner: string
  created_at: Date
  ended_at: Date | null
  hidden: string
  active: boolean
}

export function suppressionShape(row: SuppressionRow, precision: Precision): SuppressionShape {
  return {
    id: Number(row.id),
    detector: row.detector,
    address: row.address === null || precision === 'host' ? row.address : networkText(row.address),
    until: row.until.toISOString(),
    reason: precision === 'host' ? row.reason : pseudonymised(row.reason),
    owner: row.owner,
    created_at: row.created_at.toISOString(),
    ended_at: row.ended_at?.toISOString() ?? null,
    active: row.active,
    hidden: Number(row.hidden),
  }
}
