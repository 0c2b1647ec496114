import { createHash } from 'node:crypto'
import type pg from 'pg'
import type { FlowObject, FlowsAnswer } from '../contracts/api.ts'
import { FIELDS } from '../contracts/fields.ts'
import { canonicalNetwork, formatAddress, maskAddress, parseAddress } from '../contracts/ip.ts'
import { QueryError } from '../contracts/query-error.ts'
import type { FlowsQuestion, Precision } from '../contracts/questions.ts'
import { flowTypeText } from '../contracts/services.ts'
import { filterSql, NETWORK_PRECISION } from './filter-sql.ts'
import { Parameters } from './parameters.ts'
import { checkCount, checkFilter, checkRange } from './question.ts'
import { onSnapshot } from './session.ts'

const LIMIT = { least: 1, most: 1_000, otherwise: 100 } as const

/** Columns that are read as they are, in record order; addresses and times are written out below. */
const PLAIN = FIELDS.filter(
  (field) => field.record && field.columns.length === 1 && field.columns[0] === field.name && field.name !== 'type',
).map((field) => field.name)

/** Total order of rows within one batch and moment, so that an offset means the same on every page. Rows equal in all of it are alike. */
const TIES = [
  'exporter_id',
  'src_addr',
  'dst_addr',
  'src_port',
  'dst_port',
  'proto',
  'bytes',
  'packets',
  'sequence_num',
  'in_if',
  'out_if',
  'time_flow_start_ns',
]

/**
 * The place after a row: rows of one batch and moment never change once they are stored, so (time, batch, how many of them were given)
 * is exact while newer flows arrive.
 */
interface Cursor {
  /** RFC 3339 with microseconds. */
  time: string
  batch: number
  given: number
}

interface FlowRow extends Record<string, unknown> {
  time: string
  batch: number
}

/**
 * Flow records of a window, newest first (by the end of the flow on our clock), a page at a time. Event records are not flows and not here.
 *
 * Records are in the interchange vocabulary: absent fields are omitted, integers beyond 2^53 and all times are decimal text. Throws
 * QueryError: `bad-cursor` when the cursor is of another question.
 */
export async function flows(pool: pg.Pool, question: FlowsQuestion): Promise<FlowsAnswer> {
  const { from, to } = checkRange(question.from, question.to)
  const precision = question.precision ?? 'host'
  const { filter, filterText } = checkFilter(question.filter, precision)
  const limit = checkCount(question.limit, 'limit', LIMIT.least, LIMIT.most, LIMIT.otherwise)
  const cursor =
    question.cursor === undefined || question.cursor === null || question.cursor === '' ? null : readCursor(question.cursor, filterText)
  return onSnapshot(pool, async (client) => {
    const parameters = new Parameters()
    const conditions = [
      `time >= ${parameters.addTime(from)}`,
      `time < ${parameters.addTime(to)}`,
      'event_kind is null',
      'slice is null',
      filterSql(filter, parameters),
    ]
    if (cursor !== null) {
      const time = parameters.add(cursor.time, 'timestamptz')
      conditions.push(`time <= ${time}`, `(time < ${time} or batch <= ${parameters.add(cursor.batch, 'int')})`)
    }
    const { rows } = await client.query<FlowRow>(
      `select ${[
        `to_char(time, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time`,
        'batch',
        'type',
        'exporter_id',
        ...PLAIN.map((name) => (ADDRESSES.has(name) ? `host(${name}) as ${name}` : name)),
        'witness',
        'extra::text as extra',
      ].join(', ')}
       from flow where ${conditions.join(' and ')}
       order by flow.time desc, batch desc, ${TIES.map((column) => `flow.${column}`).join(', ')}
       limit ${parameters.add(limit + 1, 'bigint')} offset ${parameters.add(cursor?.given ?? 0, 'bigint')}`,
      parameters.values,
    )
    const page = rows.slice(0, limit)
    const exporters = await readExporters(client, page)
    return {
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      filter: filterText,
      flows: page.map((row) => flowObject(row, exporters, precision)),
      nextCursor: rows.length > limit ? writeCursor(page, cursor, filterText) : null,
    }
  })
}

const ADDRESSES = new Set(FIELDS.filter((field) => field.type === 'address').map((field) => field.name))
const MACS = new Set(FIELDS.filter((field) => field.type === 'mac').map((field) => field.name))

interface ExporterName {
  address: string
  name: string | null
}

async function readExporters(client: pg.PoolClient, rows: readonly FlowRow[]): Promise<Map<number, ExporterName>> {
  const ids = [...new Set(rows.map((row) => Number(row['exporter_id'])))]
  if (ids.length === 0) return new Map()
  const known = await client.query<ExporterName & { id: number }>(
    'select id, host(address) as address, name from exporter where id = any($1::int[])',
    [ids],
  )
  return new Map(known.rows.map((row) => [row.id, row]))
}

/** One record in the interchange vocabulary. With precision 'network' addresses are networks, and what else names a host is left out. */
function flowObject(row: FlowRow, exporters: ReadonlyMap<number, ExporterName>, precision: Precision): FlowObject {
  const flow: FlowObject = {}
  const type = flowTypeText(Number(row['type']))
  if (type !== null) flow['type'] = type
  const exporter = exporters.get(Number(row['exporter_id']))
  if (exporter !== undefined) {
    flow['sampler_address'] = exporter.address
    if (exporter.name !== null) flow['exporter'] = exporter.name
  }
  for (const name of PLAIN) {
    const value = row[name]
    if (value === null || value === undefined) continue
    if (precision === 'network' && MACS.has(name)) continue
    if (name.startsWith('time_')) flow[name] = String(value)
    else if (ADDRESSES.has(name)) flow[name] = precision === 'network' ? networkOf(String(value)) : String(value)
    else flow[name] = typeof value === 'number' ? value : numberOrText(String(value))
  }
  for (const end of ['src', 'dst'] as const) {
    const net = routeNetwork(row[`${end}_addr`], row[`${end}_mask`])
    if (net !== null && precision === 'host') flow[`${end}_net`] = net
  }
  if (row['witness'] === true) flow['witness'] = true
  if (precision === 'host') addExtra(flow, row['extra'])
  return flow
}

/** A safe integer as a number, another integer with all its digits as text, text as text. */
function numberOrText(text: string): number | string {
  const number = Number(text)
  return /^-?\d+$/.test(text) && Number.isSafeInteger(number) ? number : text
}

function networkOf(address: string): string {
  const parsed = parseAddress(address)
  if (parsed === null) return address
  const length = NETWORK_PRECISION[parsed.family]
  return `${formatAddress(maskAddress(parsed, length))}/${length}`
}

function routeNetwork(address: unknown, mask: unknown): string | null {
  const parsed = typeof address === 'string' ? parseAddress(address) : null
  if (parsed === null || typeof mask !== 'number' || mask === 0 || mask > (parsed.family === 4 ? 32 : 128)) return null
  return canonicalNetwork(`${formatAddress(maskAddress(parsed, mask))}/${mask}`)
}

/** What the record carried beyond the vocabulary, under its own names; a name of the vocabulary is never overwritten. */
function addExtra(flow: FlowObject, extra: unknown): void {
  if (typeof extra !== 'string') return
  const parsed: unknown = JSON.parse(extra, exactInteger)
  if (typeof parsed !== 'object' || parsed === null) return
  for (const [name, value] of Object.entries(parsed)) {
    if (Object.hasOwn(flow, name)) continue
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') flow[name] = value
  }
}

/** Integers that a double cannot hold become text with all their digits. */
function exactInteger(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || context?.source === undefined || !/^-?\d+$/.test(context.source))
    return value
  return context.source
}

/** Ties a cursor to the filter it was given for. */
function stamp(filterText: string): string {
  return createHash('sha256').update(filterText).digest('base64url').slice(0, 12)
}

function writeCursor(page: readonly FlowRow[], before: Cursor | null, filterText: string): string | null {
  const last = page.at(-1)
  if (last === undefined) return null
  const same = page.filter((row) => row.time === last.time && row.batch === last.batch).length
  const continued = before !== null && before.time === last.time && before.batch === last.batch ? before.given : 0
  return Buffer.from(JSON.stringify([1, last.time, last.batch, continued + same, stamp(filterText)])).toString('base64url')
}

function readCursor(text: string, filterText: string): Cursor {
  const remedy = 'Start again without a cursor, and change only the cursor from page to page.'
  let parts: unknown
  try {
    parts = JSON.parse(Buffer.from(text.slice(0, 500), 'base64url').toString('utf8'))
  } catch (error) {
    throw new QueryError('bad-cursor', 'The cursor is not one this interface gave.', remedy, { cause: error })
  }
  const [version, time, batch, given, filter] = Array.isArray(parts) ? parts : []
  const valid =
    version === 1 &&
    typeof time === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(time) &&
    Number.isFinite(Date.parse(time)) &&
    Number.isInteger(batch) &&
    Math.abs(batch) <= 2_147_483_647 &&
    Number.isSafeInteger(given) &&
    given >= 0
  if (!valid) throw new QueryError('bad-cursor', 'The cursor is not one this interface gave.', remedy)
  if (filter !== stamp(filterText)) throw new QueryError('bad-cursor', 'The cursor was given for another filter.', remedy)
  return { time, batch, given }
}
