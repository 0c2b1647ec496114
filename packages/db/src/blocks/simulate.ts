import { randomBytes } from 'node:crypto'
import {
  type Alternative,
  alternatives,
  type BlockAction,
  type BlockIntent,
  type BlockMatch,
  describeIntent,
  dialects,
  ENOUGH,
  effectOf,
  freeSlot,
  judge,
  parseIntent,
  stoppedByLimit,
  type TrafficRow,
} from '@weir/mitigation'
import { appendAudit, inTransaction } from '../commands/audit.ts'
import type { Pool, PoolClient } from '../connection.ts'
import type { AuditActor } from '../contracts/audit.ts'
import { actorText } from '../contracts/audit.ts'
import type { CollateralRow, DevicePreview, SimulateBody, Simulation, SimulationAlternative, TrafficSums } from '../contracts/blocks.ts'
import { parseFilter } from '../contracts/filter.ts'
import { QueryError } from '../contracts/query-error.ts'
import { filterSql } from '../queries/filter-sql.ts'
import { Parameters } from '../queries/parameters.ts'
import { asQueryError } from '../queries/session.ts'
import { guardContext, targetOf } from './facts.ts'
import { matchConversationSql, matchSql } from './match-sql.ts'
import { type DeviceRow, devicesNamed, placedOn } from './store.ts'

const DAY_MS = 86_400_000
/** Kinds of flows that the alternatives are chosen from; beyond it the lightest are left out of the choice, never out of the sums. */
const KINDS_MOST = 20_000
const COLLATERAL_MOST = 200
/** Flows that are read one by one for one answer, at about a million a second; normal time beyond is read from sums by the hour. */
const FLOWS_MOST = 3_000_000
const HOUR_MS = 3_600_000
/** Sums by hour for what single flows cannot answer. */
const ROLLUP = 'rollup_conversation_1h'

/** The intent of a request of unknown shape. QueryError `invalid` names the first field that is wrong. */
export function readIntent(input: unknown): BlockIntent {
  const read = parseIntent(input)
  if (read.ok) return read.intent
  const [problem] = read.problems
  throw new QueryError(
    'invalid',
    `${problem?.field ?? 'The request'}: ${problem?.message ?? 'not valid.'}`,
    problem?.remedy ?? 'Correct it.',
  )
}

export const newId = (kind: 'sim' | 'blk'): string => `${kind}-${randomBytes(8).toString('hex')}`

/** Number types come as text: sums of bigint are numeric. */
interface SumRow {
  bad: boolean
  hit: boolean
  bytes: string
  packets: string
  flows: string
}

/**
 * What a rule would have hit of the stored flows of the last days: of the anomalous window and of normal time, who is behind the normal part,
 * when in the week, and narrower ways. Stored, with an audit entry: a request names it. Sums are corrected for sampling.
 *
 * "Bad" is the traffic of the anomaly (its filter) inside its window; with a window and no anomaly, all traffic of the rule's target in it.
 * "Normal" is all traffic outside the window: single flows where they are kept and few enough to be read, sums by the hour before that, which the
 * answer says. QueryError `invalid`, `not-found` (anomaly, device), `bad-window`, `timeout`.
 */
export async function simulateBlock(
  pool: Pool,
  asked: SimulateBody,
  by: AuditActor,
  now = new Date(),
  { flowsMost = FLOWS_MOST, kindsMost = KINDS_MOST } = {},
): Promise<Simulation> {
  const id = newId('sim')
  const intent = readIntent({
    id,
    match: asked.match,
    action: asked.action,
    ttlSeconds: asked.ttlSeconds,
    devices: asked.devices,
    anomalyId: asked.anomalyId,
    reason: 'simulation',
  })
  if (targetOf(intent) === null)
    throw new QueryError(
      'invalid',
      'The rule has neither a source nor a destination.',
      'Give the address of the attacker, the victim, or both.',
    )
  try {
    return await inTransaction(pool, async (client) => {
      await client.query(`set local statement_timeout = 30000; set local jit = off; set local work_mem = '64MB'`)
      const devices = await devicesNamed(client, intent.devices)
      const anomaly = await anomalyOf(client, intent.anomalyId)
      const window = windowOf(asked, anomaly, now)
      const history = { from: new Date(Math.min(now.getTime() - asked.days * DAY_MS, window?.from.getTime() ?? Infinity)), to: now }
      const cut = await rawBegins(client, history, window, flowsMost)
      const single = { from: cut ?? history.from, to: history.to }
      const measured = await measure(client, intent, single, window, anomaly, kindsMost)
      const raw = { normal: { ...measured.normal.total } }
      if (cut !== null) await addRollup(client, intent, { from: history.from, to: cut }, measured)
      const seconds = {
        bad: window === null ? 0 : (window.to.getTime() - window.from.getTime()) / 1000,
        all: (history.to.getTime() - Math.max((cut ?? history.from).getTime(), measured.rawFrom?.getTime() ?? history.to.getTime())) / 1000,
      }
      const spans = { badSeconds: seconds.bad, normalSeconds: Math.max(0, seconds.all - seconds.bad) }
      const found = alternatives({ rows: measured.rows, ...spans, victim: anomaly?.target ?? null })
      const reaches =
        measured.rows.length < kindsMost
          ? found.map(({ matches }) => effectOf(matches, measured.rows))
          : await reachesOf(client, parts(intent, single, window, anomaly), found)
      const normalShare = share(measured.normal.hit.bytes, measured.normal.total.bytes)
      const requester = { id: actorText(by), role: by.role ?? ('viewer' as const) }
      // Without any stored normal traffic nothing can be said of the collateral.
      const collateralShare = measured.normal.total.flows === 0 ? null : normalShare
      const context = await guardContext(client, intent, { requester, stepUpAtMs: now.getTime(), collateralShare, block: null, at: now })
      const verdict = judge(intent, context, now.getTime())
      const simulation: Simulation = {
        id,
        createdAt: now.toISOString(),
        by: null,
        sentence: describeIntent(intent),
        match: shapeOf(intent.match),
        action: intent.action,
        ttlSeconds: intent.ttlSeconds,
        devices: [...intent.devices],
        anomalyId: intent.anomalyId,
        history: { from: history.from.toISOString(), to: history.to.toISOString() },
        window: window === null ? null : { from: window.from.toISOString(), to: window.to.toISOString() },
        precision: cut === null ? 'raw' : 'rollup',
        rollup: cut === null ? null : { name: ROLLUP, from: history.from.toISOString(), to: cut.toISOString() },
        rawFrom: measured.rawFrom?.toISOString() ?? null,
        bad: { ...measured.bad, share: share(measured.bad.hit.bytes, measured.bad.total.bytes) },
        normal: { ...measured.normal, share: normalShare, pairs: measured.pairs },
        collateral: measured.collateral,
        strip: measured.strip,
        alternatives: choices(intent, measured, raw.normal, found, reaches, spans),
        verdict,
        previews: await previews(client, intent, devices),
      }
      await client.query('insert into simulation (id, created_at, requester, intent, result) values ($1, $2, $3, $4, $5)', [
        id,
        now,
        actorText(by),
        JSON.stringify(intent),
        JSON.stringify(simulation),
      ])
      const { rows } = await client.query<{ name: string | null }>('select weir_actor_name($1) as name', [actorText(by)])
      await appendAudit(client, {
        event: 'block.simulate',
        actor: by,
        subject: `simulation:${id}`,
        after: { sentence: simulation.sentence, bad: simulation.bad, normal: simulation.normal, decision: verdict.decision },
      })
      return { ...simulation, by: rows[0]?.name ?? null }
    })
  } catch (error) {
    throw asQueryError(error)
  }
}

interface AnomalyFacts {
  filter: string
  target: string | null
  from: Date
  to: Date
}

async function anomalyOf(client: PoolClient, id: string | null): Promise<AnomalyFacts | null> {
  if (id === null) return null
  // A minute before: what led up to it is no normal time, and a finding begins where its first full window does.
  const { rows } = await client.query<AnomalyFacts>(
    `select filter, target, least(first_seen, window_from, finding_first) - interval '1 minute' as from, coalesce(ended_at, now()) as to
     from anomaly where id = $1`,
    [id],
  )
  const [row] = rows
  if (row === undefined)
    throw new QueryError('not-found', 'There is no such anomaly.', 'Leave the anomaly out, or reload the list of anomalies.')
  return row
}

function windowOf(asked: SimulateBody, anomaly: AnomalyFacts | null, now: Date): { from: Date; to: Date } | null {
  const given = asked.window === undefined ? null : { from: new Date(asked.window.from), to: new Date(asked.window.to) }
  const window = given ?? (anomaly === null ? null : { from: anomaly.from, to: anomaly.to })
  if (window === null) return null
  const to = new Date(Math.min(window.to.getTime(), now.getTime()))
  if (!(window.from < to) && given !== null)
    throw new QueryError('bad-window', 'The anomalous window ends before it begins.', 'Give from before to, both in the past.')
  if (now.getTime() - window.from.getTime() > 30 * DAY_MS)
    throw new QueryError('bad-window', 'The anomalous window began more than 30 days ago.', 'Choose a window of the last 30 days.')
  // A window of no length still holds the flow it was opened for.
  return { from: window.from, to: window.from < to ? to : new Date(window.from.getTime() + 1) }
}

interface Measured {
  rawFrom: Date | null
  bad: { total: TrafficSums; hit: TrafficSums }
  normal: { total: TrafficSums; hit: TrafficSums }
  pairs: number
  collateral: CollateralRow[]
  strip: number[]
  rows: TrafficRow[]
}

/** The parts of the questions below, with their values: each statement has places of its own. */
function parts(
  intent: BlockIntent,
  history: { from: Date; to: Date },
  window: { from: Date; to: Date } | null,
  anomaly: AnomalyFacts | null,
) {
  const p = new Parameters()
  const time = (at: Date) => p.addTime(at.getTime())
  return {
    p,
    within: () =>
      `time >= ${time(history.from)} and time < ${time(history.to)} and event_kind is null and slice is null and witness is not true`,
    inWindow: () => (window === null ? 'false' : `(time >= ${time(window.from)} and time < ${time(window.to)})`),
    rule: () => matchSql(intent.match, p),
    scope: () => {
      if (anomaly !== null) return `coalesce(${filterSql(parseFilter(anomaly.filter), p)}, false)`
      const target = p.add(targetOf(intent), 'inet')
      return `coalesce(dst_addr <<= ${target} or src_addr <<= ${target}, false)`
    },
  }
}

async function measure(
  client: PoolClient,
  intent: BlockIntent,
  history: { from: Date; to: Date },
  window: { from: Date; to: Date } | null,
  anomaly: AnomalyFacts | null,
  kindsMost: number,
): Promise<Measured> {
  const all = parts(intent, history, window, anomaly)
  const { rows: totals } = await client.query<SumRow & { first: Date }>(
    `select ${all.inWindow()} as bad, ${all.rule()} as hit, coalesce(sum(weir_scaled(bytes, sampling_rate)), 0)::text as bytes,
       coalesce(sum(weir_scaled(packets, sampling_rate)), 0)::text as packets, count(*)::text as flows, min(time) as first
     from flow where ${all.within()} and (not ${all.inWindow()} or ${all.scope()}) group by 1, 2`,
    all.p.values,
  )
  const sum = (bad: boolean, hit: boolean | null): TrafficSums => {
    const of = totals.filter((row) => row.bad === bad && (hit === null || row.hit === hit))
    const add = (pick: (row: SumRow) => string) => of.reduce((total, row) => total + Number(pick(row)), 0)
    return { bytes: add((row) => row.bytes), packets: add((row) => row.packets), flows: add((row) => row.flows) }
  }
  const firsts = totals.map((row) => row.first.getTime())
  return {
    rawFrom: firsts.length === 0 ? null : new Date(Math.min(...firsts)),
    bad: { total: sum(true, null), hit: sum(true, true) },
    normal: { total: sum(false, null), hit: sum(false, true) },
    ...(await gather(client, parts(intent, history, window, anomaly), intent)),
    rows: window === null ? [] : await sample(client, parts(intent, history, window, anomaly), kindsMost),
  }
}

/** Put the normal flows that the rule would hit aside, and say who is behind them. */
async function gather(client: PoolClient, part: ReturnType<typeof parts>, intent: BlockIntent): Promise<Collateral> {
  await client.query(
    `create temporary table weir_collateral (at timestamptz, src inet, dst inet, src_country text, dst_country text, proto int, port int,
       bytes numeric, packets numeric, flows bigint) on commit drop`,
  )
  await client.query(
    `insert into weir_collateral select time, src_addr, dst_addr, src_country, dst_country, proto, service_port,
       weir_scaled(bytes, sampling_rate), weir_scaled(packets, sampling_rate), 1
     from flow where ${part.within()} and not ${part.inWindow()} and ${part.rule()}`,
    part.p.values,
  )
  return await collateralOf(client, intent)
}

/**
 * From when on single flows are read, a whole hour; null: all of the history. What is older than they are kept, and normal time that holds more
 * than can be read one by one, comes from sums by the hour. The anomalous window is always read flow by flow.
 */
async function rawBegins(
  client: PoolClient,
  history: { from: Date; to: Date },
  window: { from: Date } | null,
  flowsMost: number,
): Promise<Date | null> {
  const { rows } = await client.query<{ oldest: Date | null; summed: Date | null; cut: Date | null }>(
    `select (select min(time) from flow where time >= $1 and time < $2) as oldest, min(bucket) as summed,
       (select max(bucket) + interval '1 hour' from (
          select bucket, sum(sum(flows)) over (order by bucket desc) as so_far from rollup_interface_1h
          where bucket >= $1 and bucket < $2 group by bucket) hours where so_far > $3) as cut
     from rollup_interface_1h where bucket >= $1 and bucket < $2`,
    [history.from, history.to, flowsMost],
  )
  const { oldest = null, summed = null, cut = null } = rows[0] ?? {}
  const floor = (at: number) => Math.floor(at / HOUR_MS) * HOUR_MS
  // Hours that are whole in the sums and not whole in the flows: they begin before the oldest flow that is kept.
  const missing =
    summed !== null && (oldest === null || floor(oldest.getTime()) > summed.getTime())
      ? floor(oldest?.getTime() ?? history.to.getTime())
      : 0
  const wanted = Math.max(missing === 0 ? 0 : missing + (oldest === null ? 0 : HOUR_MS), cut?.getTime() ?? 0)
  const latest = Math.min(floor(history.to.getTime()), window === null ? Number.POSITIVE_INFINITY : floor(window.from.getTime()))
  const begins = Math.min(wanted, latest)
  return begins <= history.from.getTime() ? null : new Date(begins)
}

/** Normal time before `part.to` from sums by the hour, added to what the flows said. */
async function addRollup(client: PoolClient, intent: BlockIntent, part: { from: Date; to: Date }, measured: Measured): Promise<void> {
  const p = new Parameters()
  const hit = matchConversationSql(intent.match, p)
  const within = `bucket >= ${p.addTime(part.from.getTime())} and bucket < ${p.addTime(part.to.getTime())}`
  const { rows } = await client.query<SumRow>(
    `select false as bad, ${hit} as hit, coalesce(sum(scaled_bytes), 0)::text as bytes, coalesce(sum(scaled_packets), 0)::text as packets,
       coalesce(sum(flows), 0)::text as flows from ${ROLLUP} where ${within} group by 2`,
    p.values,
  )
  for (const row of rows)
    for (const sums of row.hit ? [measured.normal.total, measured.normal.hit] : [measured.normal.total]) {
      sums.bytes += Number(row.bytes)
      sums.packets += Number(row.packets)
      sums.flows += Number(row.flows)
    }
  const q = new Parameters()
  await client.query(
    `insert into weir_collateral select bucket, src_addr, dst_addr, null, null, proto, service_port, scaled_bytes, scaled_packets, flows
     from ${ROLLUP} where bucket >= ${q.addTime(part.from.getTime())} and bucket < ${q.addTime(part.to.getTime())}
       and ${matchConversationSql(intent.match, q)}`,
    q.values,
  )
  Object.assign(measured, await collateralOf(client, intent))
}

interface Collateral {
  collateral: CollateralRow[]
  strip: number[]
  pairs: number
}

/** Who is behind the normal traffic that the rule would hit, by what people know: services, inside networks, hosts, countries. */
async function collateralOf(client: PoolClient, intent: BlockIntent): Promise<Collateral> {
  const sums = 'sum(bytes)::float8 as bytes, sum(packets)::float8 as packets, sum(flows)::float8 as flows'
  // A host that the rule itself names is no news; the other end is.
  const hosts = [intent.match.src?.match(/\/(32|128)$/) ? null : 'src', intent.match.dst?.match(/\/(32|128)$/) ? null : 'dst']
    .filter((side) => side !== null)
    .map((side) => `select host(${side}) as label, bytes, packets, flows from weir_collateral where ${side} is not null`)
  const either = (label: (side: string) => string, where: (side: string) => string) =>
    `(select distinct on (c.ctid, label) label, bytes, packets, flows from weir_collateral c, lateral (values (${label('src')}, ${where('src')}),
       (${label('dst')}, ${where('dst')})) e (label, ok) where ok and label is not null) x`
  const kinds: [CollateralRow['kind'], string][] = [
    [
      'service',
      `(select case when c.port is null then case c.proto when 6 then 'TCP' when 17 then 'UDP' when 1 then 'ICMP' when 58 then 'ICMPv6'
          else 'protocol ' || coalesce(c.proto::text, 'unknown') end
        else case c.proto when 6 then 'tcp/' when 17 then 'udp/' else c.proto || '/' end || c.port end as label, bytes, packets, flows from weir_collateral c) x`,
    ],
    [
      'tenant',
      either(
        (side) => `(select h.prefix::text from home_network h where c.${side} <<= h.prefix order by masklen(h.prefix) desc limit 1)`,
        () => 'true',
      ),
    ],
    [
      'country',
      either(
        (side) => `${side}_country`,
        () => 'true',
      ),
    ],
    ...(hosts.length === 0 ? [] : [['address', `(${hosts.join(' union all ')}) x`] satisfies [CollateralRow['kind'], string]]),
  ]
  const collateral: CollateralRow[] = []
  for (const [kind, from] of kinds) {
    const { rows } = await client.query<Omit<CollateralRow, 'kind'>>(
      `select label, ${sums} from ${from} group by label order by 2 desc, 1 limit ${COLLATERAL_MOST}`,
    )
    collateral.push(...rows.map((row) => ({ kind, ...row })))
  }
  const { rows: hours } = await client.query<{ hour: number; bytes: number }>(
    `select ((extract(isodow from at)::int - 1) * 24 + extract(hour from at)::int) as hour, sum(bytes)::float8 as bytes from weir_collateral group by 1`,
  )
  const strip = new Array<number>(168).fill(0)
  for (const { hour, bytes } of hours) strip[hour] = bytes
  const { rows: pairs } = await client.query<{ pairs: number }>(
    'select count(*)::int as pairs from (select distinct src, dst from weir_collateral) x',
  )
  return { collateral, strip, pairs: pairs[0]?.pairs ?? 0 }
}

/** Kinds of traffic to choose alternatives from: all that was bad, and the normal traffic of the same networks, which is all a choice can hit. */
async function sample(client: PoolClient, part: ReturnType<typeof parts>, kindsMost: number): Promise<TrafficRow[]> {
  const net = (side: string) => `network(set_masklen(${side}, case family(${side}) when 4 then 24 else 48 end))`
  const [within, inWindow, scope] = [part.within(), part.inWindow(), part.scope()]
  const sum = (column: string, bad: string) => `coalesce(sum(weir_scaled(${column}, sampling_rate)) filter (where ${bad}), 0)::float8`
  const { rows } = await client.query<TrafficRow>(
    `with bad as materialized (select distinct ${net('src_addr')} as src_net, ${net('dst_addr')} as dst_net
       from flow where ${within} and ${inWindow} and ${scope} and src_addr is not null and dst_addr is not null)
     select host(src_addr) as src, host(dst_addr) as dst, max(src_as)::float8 as "srcAs", proto::int as proto, src_port as "srcPort", dst_port as "dstPort",
       ${sum('bytes', inWindow)} as "badBytes", ${sum('packets', inWindow)} as "badPackets",
       ${sum('bytes', `not ${inWindow}`)} as "normalBytes", ${sum('packets', `not ${inWindow}`)} as "normalPackets"
     from flow where ${within} and src_addr is not null and dst_addr is not null and ((${inWindow} and ${scope})
       or (not ${inWindow} and (${net('src_addr')} in (select src_net from bad) or ${net('dst_addr')} in (select dst_net from bad))))
     group by src_addr, dst_addr, proto, src_port, dst_port order by 7 desc, 9 desc limit ${kindsMost}`,
    part.p.values,
  )
  return rows
}

const share = (part: number, whole: number): number => (whole > 0 ? part / whole : 0)

/** A match as the contracts spell it: lists that may be changed. */
export function shapeOf(match: BlockMatch): Simulation['match'] {
  return {
    src: match.src,
    dst: match.dst,
    proto: match.proto,
    srcPorts: match.srcPorts.map((range) => ({ ...range })),
    dstPorts: match.dstPorts.map((range) => ({ ...range })),
    tcpFlags: match.tcpFlags === null ? null : { set: [...match.tcpFlags.set], unset: [...match.tcpFlags.unset] },
  }
}

/** Octets that rules with these matches hit together. */
interface Reach {
  badBytes: number
  normalBytes: number
}

/** What each choice hits of all flows: where there were more kinds of traffic than a choice is made from, those left out count here. */
async function reachesOf(client: PoolClient, part: ReturnType<typeof parts>, found: readonly Alternative[]): Promise<Reach[]> {
  if (found.length === 0) return []
  const [within, inWindow, scope] = [part.within(), part.inWindow(), part.scope()]
  const sums = found.map(({ matches }, i) => {
    const hit = `(${matches.map((match) => matchSql(match, part.p)).join(' or ')})`
    const sum = (when: string) => `coalesce(sum(octets) filter (where ${when}), 0)::float8`
    return `${sum(`bad and ${hit}`)} as bad_${i}, ${sum(`not bad and ${hit}`)} as normal_${i}`
  })
  const { rows } = await client.query<Record<string, number>>(
    `select ${sums.join(', ')} from (select *, ${inWindow} as bad, weir_scaled(bytes, sampling_rate) as octets
       from flow where ${within} and (not ${inWindow} or ${scope})) f`,
    part.p.values,
  )
  return found.map((_, i) => ({ badBytes: rows[0]?.[`bad_${i}`] ?? 0, normalBytes: rows[0]?.[`normal_${i}`] ?? 0 }))
}

/**
 * What was asked for, and every other way; shares are of all bad and all normal traffic, not of the kinds they were chosen from. Those of the
 * others are of the part of normal time that was read flow by flow (`rawNormal`): what rules with ports would hit is known there exactly.
 */
function choices(
  intent: BlockIntent,
  { bad, normal }: Measured,
  rawNormal: TrafficSums,
  found: readonly Alternative[],
  reaches: readonly Reach[],
  spans: { badSeconds: number; normalSeconds: number },
): SimulationAlternative[] {
  const of = (action: BlockAction, matches: readonly BlockMatch[]) => ({ matches: matches.map(shapeOf), action })
  const asked: SimulationAlternative = {
    kind: 'asked',
    title: 'What you asked for',
    ...of(intent.action, [intent.match]),
    badShare: share(bad.hit.bytes, bad.total.bytes),
    normalShare: share(normal.hit.bytes, normal.total.bytes),
    sufficient: bad.total.bytes > 0 && bad.hit.bytes >= ENOUGH * bad.total.bytes,
  }
  const others = found.map((one, i): SimulationAlternative => {
    const reach = reaches[i] ?? { badBytes: 0, normalBytes: 0 }
    const stopped = one.action.kind === 'drop' ? 1 : stoppedByLimit(one.action.bitsPerSecond, reach, spans)
    const badShare = Math.min(1, share(reach.badBytes, bad.total.bytes) * stopped)
    return {
      kind: one.kind,
      title: one.title,
      ...of(one.action, one.matches),
      badShare,
      // A limit hits a part of what it matches; what it matches is what people must know.
      normalShare: Math.min(1, share(reach.normalBytes, rawNormal.bytes)),
      sufficient: badShare >= ENOUGH,
    }
  })
  return [asked, ...others]
}

/** The exact text for each device as it stands now; the slot may differ when it is asked for. */
async function previews(client: PoolClient, intent: BlockIntent, devices: readonly DeviceRow[]): Promise<DevicePreview[]> {
  const known = dialects()
  const out: DevicePreview[] = []
  for (const device of devices) {
    const base = { deviceId: device.id, name: device.name, dialect: device.dialect, transport: device.transport }
    const dialect = known.get(device.dialect)
    const support = dialect?.supports(intent) ?? { ok: false as const, reason: `There is no dialect ${device.dialect}.` }
    const slot = freeSlot(intent, await placedOn(client, device.id))
    if (dialect === undefined || !support.ok || slot === null) {
      const problem = support.ok ? 'Rules that nest as deep as the device can hold them are in force already.' : support.reason
      out.push({ ...base, supported: false, problem, apply: null, undo: null })
      continue
    }
    const { apply, undo } = dialect.render(intent, slot)
    out.push({ ...base, supported: true, problem: null, apply, undo })
  }
  return out
}
