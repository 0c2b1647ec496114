import { ALWAYS_PROTECTED, formatPrefix, parsePrefix } from '@weir/mitigation'
import { type AuditRecord, appendAudit, inTransaction } from '../commands/audit.ts'
import type { Pool, PoolClient } from '../connection.ts'
import { type AuditActor, actorText } from '../contracts/audit.ts'
import type { DeviceBody, DeviceShape, DevicesAnswer, ProtectedPrefixesAnswer } from '../contracts/blocks.ts'
import { QueryError } from '../contracts/query-error.ts'
import { asQueryError } from '../queries/session.ts'
import { protectedHere } from './facts.ts'

const COLUMNS = `d.id, d.name, d.dialect, d.transport, d.address, d.config, d.exporter_ids as "exporterIds", d.reachable,
  to_json(d.checked_at) #>> '{}' as "checkedAt", d.last_error as "lastError",
  (select count(*)::int from block_device b where b.device_id = d.id and b.removed_at is null) as live`

/** Devices by name. Throws QueryError. */
export async function devices(pool: Pool): Promise<DevicesAnswer> {
  try {
    const { rows } = await pool.query<DeviceShape>(`select ${COLUMNS} from device d where d.removed_at is null order by d.name, d.id`)
    return { devices: rows }
  } catch (error) {
    throw asQueryError(error)
  }
}

/** What goes with what; a device that could never work is refused when it is written, not when it is needed. */
function checkDevice(device: DeviceBody): void {
  const wrong = (detail: string, remedy: string) => new QueryError('invalid', detail, remedy)
  const { dialect, transport, address } = device
  if ((transport === 'local' || transport === 'ssh') && dialect !== 'nftables')
    throw wrong(`The transport ${transport} speaks nftables only.`, 'Choose nftables, or transport none to carry the text by hand.')
  if (transport === 'gobgp' && dialect !== 'gobgp-flowspec' && dialect !== 'gobgp-rtbh')
    throw wrong('The transport gobgp needs a GoBGP dialect.', 'Choose gobgp-flowspec or gobgp-rtbh.')
  if (transport === 'ssh' && address === null) throw wrong('SSH needs an address.', 'Give the host name or address of the device.')
  if (transport === 'ssh' && device.config.user === undefined) throw wrong('SSH needs a user.', 'Give config.user.')
  if (device.config.netns !== undefined && transport !== 'local')
    throw wrong('A network namespace is only entered on this machine.', 'Leave config.netns out, or choose transport local.')
  if (address !== null && /^[0-9.]+$|:/.test(address) && !parsePrefix(address).ok)
    throw wrong(`'${address}' is no address.`, 'Write it like 192.0.2.7 or 2001:db8::7.')
}

/** What a change in the caller's transaction gives, and what the audit log says of it. */
export interface Written<T> {
  result: T
  record: Omit<AuditRecord, 'actor'>
}

/**
 * Add a device, or change all of one; one that was removed comes back. QueryError `invalid`, `not-found` (exporter), `conflict` (its dialect while it
 * carries rules).
 */
export async function writeDevice(client: PoolClient, device: DeviceBody): Promise<Written<DeviceShape>> {
  checkDevice(device)
  const { rows: known } = await client.query<{ id: number }>('select id from exporter where id = any($1::int[])', [device.exporterIds])
  const missing = device.exporterIds.find((id) => !known.some((row) => row.id === id))
  if (missing !== undefined) throw new QueryError('not-found', `There is no exporter ${missing}.`, 'Choose from the list of exporters.')
  const was = await deviceNow(client, device.id)
  if (was !== undefined && was.live > 0 && (was.dialect !== device.dialect || was.transport !== device.transport))
    throw new QueryError('conflict', 'The device carries rules in its present dialect.', 'Withdraw them first, or add another device.')
  await client.query(
    `insert into device (id, name, dialect, transport, address, config, exporter_ids) values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (id) do update set name = excluded.name, dialect = excluded.dialect, transport = excluded.transport, address = excluded.address,
       config = excluded.config, exporter_ids = excluded.exporter_ids, reachable = null, checked_at = null, last_error = null, removed_at = null`,
    [
      device.id,
      device.name,
      device.dialect,
      device.transport,
      device.address,
      JSON.stringify(device.config),
      [...new Set(device.exporterIds)],
    ],
  )
  const result = await deviceNow(client, device.id)
  if (result === undefined) throw new RangeError('the device that was written is not there')
  const event = was === undefined ? 'device.add' : 'device.change'
  return { result, record: { event, subject: `device:${device.id}`, before: was, after: device } }
}

/** Add or change a device at once, whoever else might have to agree: for programs on the machine itself. Errors as `writeDevice`. */
export async function saveDevice(pool: Pool, device: DeviceBody, by: AuditActor): Promise<DeviceShape> {
  return recorded(pool, by, (client) => writeDevice(client, device))
}

/** Protect a network at once, whoever else might have to agree: for programs on the machine itself. Errors as `writeProtected`. */
export async function protectPrefix(pool: Pool, asked: { prefix: string; reason: string }, by: AuditActor): Promise<{ prefix: string }> {
  return recorded(pool, by, (client) => writeProtected(client, asked, by))
}

async function recorded<T>(pool: Pool, actor: AuditActor, work: (client: PoolClient) => Promise<Written<T>>): Promise<T> {
  try {
    return await inTransaction(pool, async (client) => {
      const { result, record } = await work(client)
      await appendAudit(client, { ...record, actor })
      return result
    })
  } catch (error) {
    throw asQueryError(error)
  }
}

async function deviceNow(client: PoolClient, id: string): Promise<DeviceShape | undefined> {
  // Locked first: what is counted in the same statement would be as it was before the lock was had.
  await client.query('select from device where id = $1 for update', [id])
  const { rows } = await client.query<DeviceShape>(`select ${COLUMNS} from device d where d.id = $1 and d.removed_at is null`, [id])
  return rows[0]
}

const SOME = 3

/**
 * Take a device out: nothing new goes to it, and its past blocks keep its name. QueryError `not-found`; `conflict` while it carries a rule or one
 * waits to go there, naming the blocks.
 */
export async function removeDevice(client: PoolClient, asked: { id: string; reason: string }): Promise<Written<null>> {
  const was = await deviceNow(client, asked.id)
  if (was === undefined) throw new QueryError('not-found', `There is no device ${asked.id.slice(0, 63)}.`, 'Reload the list of devices.')
  const { rows: held } = await client.query<{ sentence: string }>(
    `select b.sentence from block_device d join block b on b.id = d.block_id where d.device_id = $1 and d.removed_at is null order by b.requested_at`,
    [asked.id],
  )
  if (held.length > 0) {
    const named = held.slice(0, SOME).map(({ sentence }) => `“${sentence}”`)
    const more = held.length > SOME ? ` and ${held.length - SOME} more` : ''
    throw new QueryError(
      'conflict',
      `${was.name} holds ${held.length === 1 ? 'a live block' : `${held.length} live blocks`}: ${named.join(', ')}${more}.`,
      'Withdraw them, or wait until they have ended, and see that the device has confirmed it.',
    )
  }
  await client.query('update device set removed_at = now() where id = $1', [asked.id])
  return { result: null, record: { event: 'device.remove', subject: `device:${asked.id}`, before: was, reason: asked.reason } }
}

/** Everything that no rule may touch, with who says so. Throws QueryError. */
export async function protectedPrefixes(pool: Pool): Promise<ProtectedPrefixesAnswer> {
  try {
    const { rows: site } = await pool.query<{ prefix: string; reason: string; by: string | null; createdAt: string }>(
      `select prefix::text as prefix, reason, weir_actor_name(created_by) as by, to_json(created_at) #>> '{}' as "createdAt" from protected_prefix order by prefix`,
    )
    const gathered = (await protectedHere(pool)).filter(({ source }) => source === 'gathered')
    return {
      prefixes: [
        ...site.map((one) => ({ ...one, source: 'site' as const })),
        ...gathered.map(({ prefix, reason }) => ({ prefix, reason, source: 'gathered' as const, by: null, createdAt: null })),
        ...ALWAYS_PROTECTED.map(({ prefix, reason }) => ({ prefix, reason, source: 'always' as const, by: null, createdAt: null })),
      ],
    }
  } catch (error) {
    throw asQueryError(error)
  }
}

/** Protect a network of the site, or say anew why. QueryError `invalid`. */
export async function writeProtected(
  client: PoolClient,
  asked: { prefix: string; reason: string },
  by: AuditActor,
): Promise<Written<{ prefix: string }>> {
  const prefix = canonical(asked.prefix)
  const { rows: before } = await client.query<{ reason: string }>('select reason from protected_prefix where prefix = $1 for update', [
    prefix,
  ])
  await client.query(
    `insert into protected_prefix (prefix, reason, created_by) values ($1, $2, $3)
     on conflict (prefix) do update set reason = excluded.reason, created_by = excluded.created_by, created_at = now()`,
    [prefix, asked.reason, actorText(by)],
  )
  return { result: { prefix }, record: { event: 'protected.add', subject: `prefix:${prefix}`, reason: asked.reason, before: before[0] } }
}

/** Take a network of the site's list off it. QueryError `invalid`, `not-found`: what is built in or gathered is none of the site's. */
export async function removeProtected(client: PoolClient, asked: { prefix: string; reason: string }): Promise<Written<null>> {
  const prefix = canonical(asked.prefix)
  const { rows } = await client.query<{ reason: string }>('delete from protected_prefix where prefix = $1 returning reason', [prefix])
  const [was] = rows
  if (was === undefined) {
    throw new QueryError(
      'not-found',
      `${prefix} is not on the site's list.`,
      'Only networks that were written here can be removed; reload the list.',
    )
  }
  return { result: null, record: { event: 'protected.remove', subject: `prefix:${prefix}`, reason: asked.reason, before: was } }
}

/** Canonical text of a prefix. QueryError `invalid`. */
export function canonical(text: string): string {
  const read = parsePrefix(text)
  if (!read.ok) throw new QueryError('invalid', read.message, read.remedy)
  return formatPrefix(read.prefix)
}
