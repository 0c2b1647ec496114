import { ALWAYS_PROTECTED, formatPrefix, parsePrefix } from '@weir/mitigation'
import { appendAudit, inTransaction } from '../commands/audit.ts'
import type { Pool } from '../connection.ts'
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
    const { rows } = await pool.query<DeviceShape>(`select ${COLUMNS} from device d order by d.name, d.id`)
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

/** Add a device, or change all of one. QueryError `invalid`, `not-found` (exporter), `conflict` (its dialect while it carries rules). */
export async function saveDevice(pool: Pool, device: DeviceBody, by: AuditActor): Promise<DeviceShape> {
  checkDevice(device)
  try {
    return await inTransaction(pool, async (client) => {
      const { rows: known } = await client.query<{ id: number }>('select id from exporter where id = any($1::int[])', [device.exporterIds])
      const missing = device.exporterIds.find((id) => !known.some((row) => row.id === id))
      if (missing !== undefined) throw new QueryError('not-found', `There is no exporter ${missing}.`, 'Choose from the list of exporters.')
      const { rows: before } = await client.query<DeviceShape>(`select ${COLUMNS} from device d where d.id = $1 for update`, [device.id])
      const [was] = before
      if (was !== undefined && was.live > 0 && (was.dialect !== device.dialect || was.transport !== device.transport))
        throw new QueryError('conflict', 'The device carries rules in its present dialect.', 'Withdraw them first, or add another device.')
      await client.query(
        `insert into device (id, name, dialect, transport, address, config, exporter_ids) values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (id) do update set name = excluded.name, dialect = excluded.dialect, transport = excluded.transport, address = excluded.address,
           config = excluded.config, exporter_ids = excluded.exporter_ids, reachable = null, checked_at = null, last_error = null`,
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
      const { rows } = await client.query<DeviceShape>(`select ${COLUMNS} from device d where d.id = $1`, [device.id])
      const [saved] = rows
      if (saved === undefined) throw new RangeError('the device that was written is not there')
      await appendAudit(client, {
        event: was === undefined ? 'device.add' : 'device.change',
        actor: by,
        subject: `device:${device.id}`,
        before: was,
        after: device,
      })
      return saved
    })
  } catch (error) {
    throw asQueryError(error)
  }
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

/** Protect a network of the site, or say anew why. Only ever adds protection. QueryError `invalid`. */
export async function protectPrefix(pool: Pool, asked: { prefix: string; reason: string }, by: AuditActor): Promise<{ prefix: string }> {
  const read = parsePrefix(asked.prefix)
  if (!read.ok) throw new QueryError('invalid', read.message, read.remedy)
  const prefix = formatPrefix(read.prefix)
  try {
    return await inTransaction(pool, async (client) => {
      await client.query(
        `insert into protected_prefix (prefix, reason, created_by) values ($1, $2, $3)
         on conflict (prefix) do update set reason = excluded.reason, created_by = excluded.created_by, created_at = now()`,
        [prefix, asked.reason, actorText(by)],
      )
      await appendAudit(client, { event: 'protected.add', actor: by, subject: `prefix:${prefix}`, reason: asked.reason })
      return { prefix }
    })
  } catch (error) {
    throw asQueryError(error)
  }
}
