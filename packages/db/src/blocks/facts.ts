import { networkInterfaces } from 'node:os'
import type { BlockIntent, GuardContext, Person, ProtectedPrefix, TargetFacts } from '@weir/mitigation'
import type { Pool, PoolClient } from '../connection.ts'
import type { Role } from '../contracts/api.ts'
import { QueryError } from '../contracts/query-error.ts'
import type { BlockRow } from './store.ts'

type Asking = Pick<Pool, 'query'> | PoolClient

/** What is protected here beside what is protected everywhere: the site's list, and what Weir knows it needs. */
export async function protectedHere(client: Asking): Promise<(ProtectedPrefix & { source: 'gathered' | 'site' })[]> {
  const { rows } = await client.query<{ prefix: string; reason: string; source: 'gathered' | 'site' }>(
    `select prefix::text as prefix, reason, 'site' as source from protected_prefix
     union all select host(address), 'the exporter ' || coalesce(name, host(address)), 'gathered' from exporter where retired is null
     union all select address, 'the device ' || name, 'gathered' from device where removed_at is null and (address ~ '^[0-9.]+$' or address ~ ':')
     union all select host(inet_server_addr()), 'the database of Weir', 'gathered' where inet_server_addr() is not null
     union all select distinct s.ip_address, 'an admin who is signed in', 'gathered' from auth_session s join auth_user u on u.id = s.user_id
       where u.role = 'admin' and not u.banned and s.expires_at > now() and (s.ip_address ~ '^[0-9.]+$' or s.ip_address ~ ':')`,
  )
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map(({ address }) => ({
      prefix: address.replace(/%.*$/, ''),
      reason: 'an address of the machine that runs Weir',
      source: 'gathered' as const,
    }))
  return [...rows, ...own]
}

/** Destination when there is one, else source: what the blast radius is about. */
export const targetOf = (intent: Pick<BlockIntent, 'match'>): string | null => intent.match.dst ?? intent.match.src

/** The target's part of all octets of 24 hours, its inside peers of an hour, and whether a service is said to live there. */
export async function targetFacts(client: Asking, target: string): Promise<TargetFacts> {
  const { rows } = await client.query<{ share: number | null; peers: number; service: boolean }>(
    `select
       (select case when sum(scaled_bytes) > 0 then
          ((coalesce(sum(scaled_bytes) filter (where dst_addr <<= $1::inet), 0)
            + (select coalesce(sum(scaled_bytes), 0) from rollup_src_1h where bucket > now() - interval '25 hours' and src_addr <<= $1::inet))
           / sum(scaled_bytes))::float8 else 0 end
        from rollup_dst_1h where bucket > now() - interval '25 hours') as share,
       (select count(distinct peer)::int from (
          select src_addr as peer from rollup_conversation_1m where bucket > now() - interval '1 hour' and dst_addr <<= $1::inet
          union select dst_addr from rollup_conversation_1m where bucket > now() - interval '1 hour' and src_addr <<= $1::inet) p
        where exists (select from home_network h where p.peer <<= h.prefix)) as peers,
       exists (select from service_rule where prefix && $1::inet) as service`,
    [target],
  )
  const [row] = rows
  if (row === undefined) return { shareOfBytes: null, insidePeers: null, knownService: null }
  return { shareOfBytes: row.share === null ? null : Math.min(1, row.share), insidePeers: row.peers, knownService: row.service }
}

/** The person and role behind an actor text now. QueryError `conflict` for one who is gone or disabled. */
export async function personNow(client: Asking, actor: string): Promise<Person> {
  const id = actor.startsWith('person:') ? actor.slice(7) : null
  const { rows } = await client.query<{ role: Role }>('select role from auth_user where id = $1 and not banned', [id])
  const [row] = rows
  if (row === undefined)
    throw new QueryError('conflict', 'Who asked for it has no account here any more.', 'Let someone else ask for it again.')
  return { id: actor, role: row.role }
}

/** Everything the guard rails ask, as it is now. `block` is left out of the counts: a request does not count against itself. */
export async function guardContext(
  client: Asking,
  intent: BlockIntent,
  asked: { requester: Person; stepUpAtMs: number | null; collateralShare: number | null; block: string | null; at: Date },
): Promise<GuardContext> {
  const target = targetOf(intent)
  const { rows } = await client.query<{ by_requester: number; total: number; live: Record<string, number>; ceiling: number }>(
    `select
       (select count(*)::int from block where requester = $1 and requested_at > $4::timestamptz - interval '1 minute' and requested_at <= $4 and id is distinct from $2)
         as by_requester,
       (select count(*)::int from block where requested_at > $4::timestamptz - interval '1 minute' and requested_at <= $4 and id is distinct from $2) as total,
       (select coalesce(jsonb_object_agg(d.id, (select count(*) from block_device b where b.device_id = d.id and b.removed_at is null
          and b.block_id is distinct from $2)), '{}') from device d where d.id = any($3::text[])) as live,
       coalesce((select (value #>> '{}')::float8 from setting where key = 'collateral_ceiling'), 0.01) as ceiling`,
    [asked.requester.id, asked.block, [...intent.devices], asked.at],
  )
  const [row] = rows
  if (row === undefined) throw new RangeError('a select without from gives one row')
  return {
    requester: asked.requester,
    stepUpAtMs: asked.stepUpAtMs,
    protected: await protectedHere(client),
    target: target === null ? { shareOfBytes: null, insidePeers: null, knownService: null } : await targetFacts(client, target),
    collateralShare: asked.collateralShare,
    collateralCeiling: row.ceiling,
    load: { byRequester: row.by_requester, total: row.total, live: row.live },
  }
}

/** The same of a block that was asked for: as things are now, with what was true when it was asked for. */
export const standingContext = (client: Asking, block: BlockRow, requester: Person): Promise<GuardContext> =>
  guardContext(client, block.intent, {
    requester,
    stepUpAtMs: block.requester_step_up_at.getTime(),
    collateralShare: block.collateral_share,
    block: block.id,
    at: block.requested_at,
  })
