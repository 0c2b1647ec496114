import { asc, eq, max, sql } from 'drizzle-orm'
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import type { Pool } from 'pg'
import type { AuditActor } from '../contracts/audit.ts'
import { canonicalNetwork, formatAddress, maskAddress, parseAddress } from '../contracts/ip.ts'
import { QueryError } from '../contracts/query-error.ts'
import type { ServiceRuleRow } from '../queries/settings.ts'
import { homeNetwork, serviceRule } from '../schema/relational.ts'
import { rulesSummary } from './rules-summary.ts'
import { changing, lockOne } from './transaction.ts'

/** A rule as a person writes it. Null fits anything; `portHigh` null means only `portLow`. */
export interface ServiceRuleChange {
  name: string
  prefix: string | null
  proto: number | null
  portLow: number | null
  portHigh: number | null
}

const RULES_MOST = 5_000
const NETWORKS_MOST = 1_000

/** Canonical network text. A single address is its own network; host bits set are refused. Throws QueryError `invalid`. */
function checkNetwork(text: string): string {
  const canonical = canonicalNetwork(text.trim())
  if (canonical !== null) return canonical
  const [host = '', length = ''] = text.trim().split('/')
  const address = parseAddress(host)
  const bits = address?.family === 4 ? 32 : 128
  const shown = text.trim().slice(0, 60)
  if (address !== null && /^\d{1,3}$/.test(length) && Number(length) <= bits) {
    const network = `${formatAddress(maskAddress(address, Number(length)))}/${Number(length)}`
    throw new QueryError(
      'invalid',
      `${shown} has bits set beyond its prefix.`,
      `Write ${network} for the network or ${formatAddress(address)} for the host.`,
    )
  }
  throw new QueryError('invalid', `'${shown}' is not a network.`, 'Write one such as 10.0.0.0/8 or 2001:db8::/32.')
}

/** A rule ready to store. Throws QueryError `invalid`, which names the rule. */
function checkRule(rule: ServiceRuleChange): {
  name: string
  prefix: string | null
  proto: number | null
  portLow: number | null
  portHigh: number | null
} {
  const name = rule.name.trim()
  if (name === '' || name.length > 100)
    throw new QueryError('invalid', 'A service needs a name of 1 to 100 characters.', 'Name it as people call it.')
  const within = (value: number | null, most: number): boolean => value === null || (Number.isInteger(value) && value >= 0 && value <= most)
  if (!within(rule.proto, 255)) throw new QueryError('invalid', `${name}: ${rule.proto} is not a protocol.`, 'Give a number from 0 to 255.')
  if (!within(rule.portLow, 65_535) || !within(rule.portHigh, 65_535)) {
    throw new QueryError('invalid', `${name}: a port is out of range.`, 'Give numbers from 0 to 65535.')
  }
  const { portLow } = rule
  const portHigh = rule.portHigh ?? portLow
  if (portLow === null && portHigh !== null)
    throw new QueryError('invalid', `${name}: a last port needs a first port.`, 'Give both, or none.')
  if (portLow !== null && portHigh !== null && portLow > portHigh) {
    throw new QueryError('invalid', `${name}: the first port is above the last.`, `Write ${portHigh} to ${portLow}.`)
  }
  const prefix = rule.prefix === null || rule.prefix.trim() === '' ? null : checkNetwork(rule.prefix)
  if (prefix === null && rule.proto === null && portLow === null) {
    throw new QueryError('invalid', `${name}: the rule fits everything.`, 'Give at least a network, a protocol or a port.')
  }
  return { name, prefix, proto: rule.proto, portLow, portHigh }
}

/** One writer at a time, so that positions stay in order. */
const lockRules = (tx: NodePgDatabase): Promise<void> => lockOne(tx, 'weir service rules')

async function nextPosition(tx: NodePgDatabase): Promise<{ position: number; count: number }> {
  const [found] = await tx.select({ last: max(serviceRule.position), count: sql<number>`count(*)::int` }).from(serviceRule)
  return { position: (found?.last ?? -1) + 1, count: found?.count ?? 0 }
}

const tooMany = (): QueryError =>
  new QueryError('invalid', `There can be at most ${RULES_MOST} rules.`, 'Remove rules that are not needed, or use wider networks.')

/** Add a rule at the end. QueryError `invalid`. */
export async function addServiceRule(pool: Pool, actor: AuditActor, rule: ServiceRuleChange): Promise<ServiceRuleRow> {
  const checked = checkRule(rule)
  return changing(pool, 'settings', async (tx) => {
    await lockRules(tx)
    const { position, count } = await nextPosition(tx)
    if (count >= RULES_MOST) throw tooMany()
    const [added] = await tx
      .insert(serviceRule)
      .values({ ...checked, position })
      .returning()
    if (added === undefined) throw new RangeError('insert … returning gives the row')
    return { result: added, record: { event: 'service-rule.add', actor, subject: `service-rule:${added.id}`, after: checked } }
  })
}

/**
 * Store many rules, all or none: in place of all present ones (`replace`), or at the end. `source` names where they are from, 'file' by
 * default. Answers all rules in the order they are tried. QueryError `invalid`, with the number of the rule at fault.
 */
export async function importServiceRules(
  pool: Pool,
  actor: AuditActor,
  rules: readonly ServiceRuleChange[],
  options: { replace?: boolean | undefined; source?: string | undefined } = {},
): Promise<ServiceRuleRow[]> {
  const checked = rules.map((rule, index) => {
    try {
      return checkRule(rule)
    } catch (error) {
      if (!(error instanceof QueryError)) throw error
      throw new QueryError(error.code, `Rule ${index + 1}: ${error.detail}`, error.remedy, { cause: error })
    }
  })
  return changing(pool, 'settings', async (tx) => {
    await lockRules(tx)
    const before = rulesSummary(await allRules(tx))
    if (options.replace === true) await tx.delete(serviceRule)
    const { position, count } = await nextPosition(tx)
    if (count + checked.length > RULES_MOST) throw tooMany()
    const rows = checked.map((rule, index) => ({ ...rule, source: options.source ?? 'file', position: position + index }))
    // A statement takes at most 65,535 parameters.
    for (let at = 0; at < rows.length; at += 1_000) await tx.insert(serviceRule).values(rows.slice(at, at + 1_000))
    const result = await allRules(tx)
    const event = options.replace === true ? 'service-rules.replace' : 'service-rules.import'
    return { result, record: { event, actor, subject: 'service-rules', before, after: rulesSummary(result) } }
  })
}

const allRules = (tx: NodePgDatabase): Promise<ServiceRuleRow[]> =>
  tx.select().from(serviceRule).orderBy(asc(serviceRule.position), asc(serviceRule.id))

/** The content of a rule, as a person wrote it. */
const written = (rule: ServiceRuleRow) => ({
  name: rule.name,
  prefix: rule.prefix,
  proto: rule.proto,
  portLow: rule.portLow,
  portHigh: rule.portHigh,
})

const noRule = (id: number): QueryError => new QueryError('not-found', `There is no service rule ${id}.`, 'Reload the list of rules.')

/** Change a rule in its place. QueryError `invalid`, `not-found`. */
export async function changeServiceRule(pool: Pool, actor: AuditActor, id: number, rule: ServiceRuleChange): Promise<ServiceRuleRow> {
  const checked = checkRule(rule)
  return changing(pool, 'settings', async (tx) => {
    const [before] = await tx.select().from(serviceRule).where(eq(serviceRule.id, id)).for('update')
    const [changed] = await tx.update(serviceRule).set(checked).where(eq(serviceRule.id, id)).returning()
    if (before === undefined || changed === undefined) throw noRule(id)
    const record = { event: 'service-rule.change', actor, subject: `service-rule:${id}`, before: written(before), after: written(changed) }
    return { result: changed, record }
  })
}

/** Remove a rule. QueryError `not-found`. */
export async function removeServiceRule(pool: Pool, actor: AuditActor, id: number): Promise<void> {
  await changing(pool, 'settings', async (tx) => {
    const [removed] = await tx.delete(serviceRule).where(eq(serviceRule.id, id)).returning()
    if (removed === undefined) throw noRule(id)
    return { result: undefined, record: { event: 'service-rule.remove', actor, subject: `service-rule:${id}`, before: written(removed) } }
  })
}

/** Set the networks that count as inside, in place of the present ones. Answers them as stored. QueryError `invalid`. */
export async function setHomeNetworks(pool: Pool, actor: AuditActor, networks: readonly string[]): Promise<string[]> {
  const prefixes = [...new Set(networks.map(checkNetwork))]
  if (prefixes.length > NETWORKS_MOST) {
    throw new QueryError('invalid', `There can be at most ${NETWORKS_MOST} home networks.`, 'Join neighbouring networks into wider ones.')
  }
  return changing(pool, 'settings', async (tx) => {
    await lockOne(tx, 'weir home networks')
    const present = async () => (await tx.select().from(homeNetwork).orderBy(asc(homeNetwork.prefix))).map((row) => row.prefix)
    const before = { networks: await present() }
    await tx.delete(homeNetwork)
    if (prefixes.length > 0) await tx.insert(homeNetwork).values(prefixes.map((prefix) => ({ prefix })))
    const result = await present()
    return { result, record: { event: 'home-networks.set', actor, subject: 'home-networks', before, after: { networks: result } } }
  })
}
