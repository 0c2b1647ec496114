import type { OutgoingNotification } from '../anomalies/store.ts'
import { inTransaction } from '../commands/audit.ts'
import type { Pool, PoolClient } from '../connection.ts'
import type { BLOCK_ALERTS, BlockAlert } from '../contracts/blocks.ts'
import { tell } from './store.ts'

/** After this long in one state something is wrong, milliseconds. */
export interface WatchSettings {
  /** On its way to a device, over and not confirmed gone, or with a device that does not answer. */
  patienceMs: number
  /** What was wrong must be right for this long before it counts as over. */
  clearMs: number
}

export const WATCH_DEFAULTS: WatchSettings = { patienceMs: 60_000, clearMs: 20_000 }

/** What people are told of an alert. */
export interface AlertMessage {
  id: number
  kind: (typeof BLOCK_ALERTS)[number]
  phase: 'raised' | 'cleared'
  text: string
  /** The block it is about; null when it is about a device. */
  block: { id: string; sentence: string; src: string | null; dst: string | null } | null
  device: string | null
  raisedAt: Date
}

interface Condition {
  kind: (typeof BLOCK_ALERTS)[number]
  block_id: string | null
  device_id: string | null
  blocks: string[]
  text: string
}

interface OpenRow extends Condition {
  id: string
  raised_at: Date
  gone_since: Date | null
}

const NAMED = 3
const some = (sentences: readonly string[]): string =>
  sentences.length <= NAMED ? sentences.join('; ') : `${sentences.slice(0, NAMED).join('; ')}; and ${sentences.length - NAMED} more`

/** Everything that is wrong with blocks now. */
async function conditions(client: PoolClient, patienceMs: number): Promise<Condition[]> {
  const out: Condition[] = []
  const seconds = patienceMs / 1_000
  const { rows: leaking } = await client.query<{
    id: string
    sentence: string
    note: string | null
    leaks: { exporter: string; interface: string }[]
  }>(`select id, sentence, proof_note as note, leaks from block where state = 'leaking'`)
  for (const { id, sentence, note } of withWhere(leaking))
    out.push({ kind: 'block_leaking', block_id: id, device_id: null, blocks: [id], text: `${sentence}: ${note}` })
  const { rows: doubtful } = await client.query<{ id: string; sentence: string; devices: string[]; errors: string[]; had: number }>(
    `select b.id, b.sentence, array_agg(d.name order by d.name) filter (where o.state <> 'applied') as devices,
       coalesce(array_agg(distinct o.last_error) filter (where o.state <> 'applied' and o.last_error is not null), '{}') as errors,
       count(*) filter (where o.state = 'applied')::int as had
     from block b join block_device o on o.block_id = b.id join device d on d.id = o.device_id
     where b.state = 'applying' and b.state_since < now() - make_interval(secs => $1) and o.state <> 'manual'
     group by b.id, b.sentence having bool_or(o.state in ('waiting', 'applying', 'failed'))`,
    [seconds],
  )
  for (const { id, sentence, devices, errors, had } of doubtful) {
    const where = had > 0 ? `it is on ${had} of its devices but not on` : 'it is not confirmed on'
    const text = `${sentence}: ${where} ${devices.join(', ')}.${errors.length > 0 ? ` ${errors.join(' ')}` : ''}`
    out.push({ kind: 'block_in_doubt', block_id: id, device_id: null, blocks: [id], text })
  }
  const { rows: over } = await client.query<{ device: string; name: string; blocks: string[]; sentences: string[] }>(
    `select o.device_id as device, d.name, array_agg(b.id order by b.id) as blocks, array_agg(b.sentence order by b.id) as sentences
     from block b join block_device o on o.block_id = b.id join device d on d.id = o.device_id
     where b.state = 'withdrawing' and b.state_since < now() - make_interval(secs => $1) and o.removed_at is null and o.state <> 'manual'
     group by 1, 2`,
    [seconds],
  )
  for (const { device, name, blocks, sentences } of over) {
    const text = `${name} may still carry what is over, for its removal was not confirmed: ${some(sentences)}.`
    out.push({ kind: 'block_expiry_unconfirmed', block_id: null, device_id: device, blocks, text })
  }
  const { rows: silent } = await client.query<{ device: string; name: string; error: string | null; blocks: string[]; count: number }>(
    `select d.id as device, d.name, coalesce(d.last_error, max(o.last_error)) as error, array_agg(b.id order by b.id) as blocks, count(*)::int as count
     from block b join block_device o on o.block_id = b.id join device d on d.id = o.device_id
     where b.state in ('applying', 'enforced', 'verified', 'leaking', 'withdrawing') and o.removed_at is null and o.state <> 'manual'
       and d.unreachable_since < now() - make_interval(secs => $1)
     group by 1, 2, d.last_error`,
    [seconds],
  )
  for (const { device, name, error, blocks, count } of silent) {
    const those = count === 1 ? 'a block' : `${count} blocks`
    const text = `${name} does not answer, so that ${those} there can be neither put on, watched nor ended.${error === null ? '' : ` ${error}`}`
    out.push({ kind: 'block_device_unreachable', block_id: null, device_id: device, blocks, text })
  }
  return out
}

/** The sentence of a leak names where it was seen. */
function withWhere<T extends { note: string | null; leaks: { exporter: string; interface: string }[] }>(rows: readonly T[]): T[] {
  return rows.map((row) => {
    const seen = row.leaks.map((leak) => `${leak.exporter} on ${leak.interface}`)
    const note = seen.length > 0 ? `matched traffic still passed, seen by ${some(seen)}.` : (row.note ?? 'it leaks.')
    return { ...row, note }
  })
}

const keyOf = (of: Pick<Condition, 'kind' | 'block_id' | 'device_id'>) => `${of.kind} ${of.block_id ?? ''} ${of.device_id ?? ''}`

/**
 * Compare what is wrong with what people were told: raise what is new, clear what is over, each with its messages in the same transaction, and
 * never twice for one. Gives how many are open.
 */
export async function watchBlocks(
  pool: Pool,
  messages: (alert: AlertMessage) => OutgoingNotification[],
  settings: WatchSettings = WATCH_DEFAULTS,
): Promise<number> {
  return await inTransaction(pool, async (client) => {
    const wrong = new Map((await conditions(client, settings.patienceMs)).map((one) => [keyOf(one), one]))
    const { rows: open } = await client.query<OpenRow>('select * from block_alert where cleared_at is null order by id for update')
    let count = 0
    for (const row of open) {
      const now = wrong.get(keyOf(row))
      wrong.delete(keyOf(row))
      if (now !== undefined) {
        count++
        if (row.gone_since !== null || row.text !== now.text || row.blocks.join() !== now.blocks.join())
          await client.query('update block_alert set gone_since = null, text = $2, blocks = $3 where id = $1', [
            row.id,
            now.text,
            now.blocks,
          ])
        continue
      }
      const { rowCount } = await client.query(
        `update block_alert set cleared_at = now() where id = $1 and gone_since <= now() - make_interval(secs => $2)`,
        [row.id, settings.clearMs / 1_000],
      )
      if (rowCount === 1) await say(client, row, 'cleared', messages)
      else {
        count++
        if (row.gone_since === null) await client.query('update block_alert set gone_since = now() where id = $1', [row.id])
      }
    }
    for (const one of wrong.values()) {
      const { rows } = await client.query<OpenRow>(
        `insert into block_alert (kind, block_id, device_id, blocks, text) values ($1, $2, $3, $4, $5) on conflict do nothing returning *`,
        [one.kind, one.block_id, one.device_id, one.blocks, one.text],
      )
      const [raised] = rows
      if (raised === undefined) continue
      count++
      await say(client, raised, 'raised', messages)
    }
    return count
  })
}

async function say(
  client: PoolClient,
  row: OpenRow,
  phase: AlertMessage['phase'],
  messages: (alert: AlertMessage) => OutgoingNotification[],
): Promise<void> {
  const { rows } = await client.query<{ id: string; sentence: string; src: string | null; dst: string | null }>(
    `select id, sentence, intent #>> '{match,src}' as src, intent #>> '{match,dst}' as dst from block where id = $1`,
    [row.block_id],
  )
  const { rows: names } = await client.query<{ name: string }>('select name from device where id = $1', [row.device_id])
  const alert: AlertMessage = {
    id: Number(row.id),
    kind: row.kind,
    phase,
    text: phase === 'raised' ? row.text : `Over: ${row.text}`,
    block: rows[0] ?? null,
    device: names[0]?.name ?? null,
    raisedAt: row.raised_at,
  }
  for (const message of messages(alert))
    await client.query(
      `insert into notification (alert_id, kind, class, channel, payload) values ($1, $2, $3, $4, $5) on conflict do nothing`,
      [alert.id, message.kind, message.class, message.channel, JSON.stringify(message.payload)],
    )
  for (const id of row.blocks) {
    const more = row.device_id === null ? {} : { device: row.device_id }
    await tell(client, id, phase === 'raised' ? 'alert' : 'alert_cleared', alert.text, more)
  }
}

interface AlertRow {
  id: string
  kind: BlockAlert['kind']
  block_id: string | null
  device_id: string | null
  device: string | null
  blocks: string[]
  text: string
  raised_at: Date
}

/** What is wrong now, newest first. */
export async function openAlerts(client: Pick<Pool, 'query'> | PoolClient): Promise<(BlockAlert & { blocks: string[] })[]> {
  const { rows } = await client.query<AlertRow>(
    `select a.*, d.name as device from block_alert a left join device d on d.id = a.device_id where a.cleared_at is null order by a.id desc`,
  )
  return rows.map((row) => ({
    id: Number(row.id),
    kind: row.kind,
    blockId: row.block_id,
    deviceId: row.device_id,
    device: row.device,
    text: row.text,
    raisedAt: row.raised_at.toISOString(),
    blocks: row.blocks,
  }))
}
