import { type Config as DetectionConfig, Networks } from '@weir/detection'

/** What counts as ours until somebody says what does (RFC 1918, RFC 6598, RFC 4193). */
export const PRIVATE_NETWORKS = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'] as const

/** A detection setting or rule file that cannot be used: what is wrong with which key. */
export class RuleError extends Error {
  readonly code = 'RULE_INVALID'
  readonly remedy: string
  constructor(problem: string, remedy: string) {
    super(problem)
    this.name = 'RuleError'
    this.remedy = remedy
  }
}

const ROLES = ['admin', 'scanner', 'resolver', 'monitor', 'backup'] as const
type Role = (typeof ROLES)[number]

/**
 * Read the setting `detection` (or a rule file of the same shape) over `base`:
 * `{homeNetworks, billingDay, billingOffsetMinutes, allowedCountries, roles: {ADDRESS: [ROLE…]}}`, every key optional.
 * Throws RuleError naming the key.
 */
export function readRules(value: unknown, base: DetectionConfig): DetectionConfig {
  if (value === null || value === undefined) return base
  if (typeof value !== 'object' || Array.isArray(value)) throw new RuleError('the rules are not an object', 'Write {"billingDay": 1, …}.')
  const config = { ...base }
  for (const [key, v] of Object.entries(value)) {
    switch (key) {
      case 'homeNetworks':
        config.homeNetworks = readNetworks(texts(key, v))
        break
      case 'billingDay':
        config.billingDay = whole(key, v, 1, 31)
        break
      case 'billingOffsetMinutes':
        config.billingOffsetMinutes = whole(key, v, -840, 840)
        break
      case 'allowedCountries': {
        const countries = texts(key, v)
        const wrong = countries.find((c) => !/^[A-Z]{2}$/.test(c))
        if (wrong !== undefined)
          throw new RuleError(`${key}: "${wrong}" is no country`, 'Write two capital letters (ISO 3166-1), such as DE.')
        config.allowedCountries = countries
        break
      }
      case 'roles':
        config.roles = readRoles(v)
        break
      // Owned by the notifier, in the same setting.
      case 'notifications':
        break
      default:
        throw new RuleError(
          `there is no rule "${key}"`,
          'Known ones: homeNetworks, billingDay, billingOffsetMinutes, allowedCountries, roles, notifications.',
        )
    }
  }
  return config
}

/** Check prefixes; throws RuleError naming the one that is none. */
export function readNetworks(networks: readonly string[]): string[] {
  for (const network of networks) {
    try {
      new Networks([network])
    } catch {
      throw new RuleError(`"${network}" is not a network`, 'Write one such as 10.0.0.0/8 or 2001:db8::/32.')
    }
  }
  return [...networks]
}

export const defaultRules = (homeNetworks: readonly string[]): DetectionConfig => ({
  homeNetworks: homeNetworks.length > 0 ? homeNetworks : PRIVATE_NETWORKS,
  billingDay: 1,
  billingOffsetMinutes: 0,
  allowedCountries: [],
  roles: {},
})

function texts(key: string, v: unknown): string[] {
  if (Array.isArray(v) && v.every((t) => typeof t === 'string')) return v
  throw new RuleError(`${key} is no list of texts`, 'Write ["…", "…"].')
}

function whole(key: string, v: unknown, low: number, high: number): number {
  if (typeof v === 'number' && Number.isInteger(v) && v >= low && v <= high) return v
  throw new RuleError(`${key} is no whole number from ${low} to ${high}`, 'Correct it, or leave it out for the default.')
}

function readRoles(v: unknown): Record<string, Role[]> {
  if (typeof v !== 'object' || v === null || Array.isArray(v)) throw new RuleError('roles is no object', 'Write {"10.0.0.5": ["scanner"]}.')
  const out: Record<string, Role[]> = {}
  for (const [address, roles] of Object.entries(v)) {
    out[address] = texts(`roles of ${address}`, roles).map((role) => {
      const known = ROLES.find((r) => r === role)
      if (known === undefined) throw new RuleError(`roles of ${address}: "${role}" is no role`, `Use ${ROLES.join(', ')}.`)
      return known
    })
  }
  return out
}
