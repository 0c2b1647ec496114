/** Everything of Weir's lives in one table; tables of others are never named. */
export const TABLE = 'weir'
/**
 * Sets of the same shape. The kernel refuses an element whose first key lies inside another element of the set (a host inside a
 * network that is already blocked), so such a rule goes to the other bank: see `freeSlot`. Two keep the look-ups per packet few.
 */
export const BANKS = 2
export const LAYERS = ['l3', 'l4', 'syn'] as const
export type Layer = (typeof LAYERS)[number]
export const ACTIONS = { drop: 'drop', rate_limit: 'limit' } as const

/** How to read the table: numbers instead of names from /etc/protocols, JSON, no shell. For `parseRuleset`. */
export const LIST_ARGV: readonly string[] = ['nft', '-n', '-j', 'list', 'table', 'inet', TABLE]

export function setName(action: keyof typeof ACTIONS, layer: Layer, family: 4 | 6, bank: number): string {
  return `${ACTIONS[action]}_${layer}_v${family}_${bank}`
}

const KEYS: Record<Layer, (ip: string) => { type: string; look: string }> = {
  l3: (ip) => ({ type: 'inet_proto', look: `${ip} saddr . ${ip} daddr . meta l4proto` }),
  l4: (ip) => ({
    type: 'inet_proto . inet_service . inet_service',
    look: `${ip} saddr . ${ip} daddr . meta l4proto . th sport . th dport`,
  }),
  syn: (ip) => ({
    type: 'inet_service . inet_service',
    look: `tcp flags & (syn | ack) == syn ${ip} saddr . ${ip} daddr . tcp sport . tcp dport`,
  }),
}

/**
 * Table, sets and chains, for `nft -f -`: one transaction. Sent again it keeps every element and rewrites the rules, so it also
 * mends them. Chains hook before the usual filter (priority -10): forwarded traffic, and traffic to the router itself.
 */
export function baseRuleset(): string {
  const out = [`add table inet ${TABLE}`]
  const rules: string[] = []
  for (const family of [4, 6] as const)
    for (const action of ['drop', 'rate_limit'] as const)
      for (const layer of LAYERS)
        for (let bank = 0; bank < BANKS; bank++) {
          const name = setName(action, layer, family, bank)
          const { type, look } = KEYS[layer](family === 4 ? 'ip' : 'ip6')
          const address = `ipv${family}_addr`
          // The set's own limit is a form to fill: every element brings its rate.
          const limit = action === 'drop' ? '' : 'limit rate over 12500 bytes/second burst 15000 bytes; '
          out.push(`add set inet ${TABLE} ${name} { type ${address} . ${address} . ${type}; flags interval, timeout; ${limit}counter; }`)
          rules.push(`add rule inet ${TABLE} v${family} ${look} @${name} drop`)
        }
  const chains = ['v4', 'v6']
  for (const chain of chains) out.push(`add chain inet ${TABLE} ${chain}`)
  for (const hook of ['forward', 'input'])
    out.push(`add chain inet ${TABLE} ${hook} { type filter hook ${hook} priority -10; policy accept; }`)
  for (const chain of [...chains, 'forward', 'input']) out.push(`flush chain inet ${TABLE} ${chain}`)
  out.push(...rules)
  for (const hook of ['forward', 'input'])
    for (const family of [4, 6]) out.push(`add rule inet ${TABLE} ${hook} meta nfproto ipv${family} jump v${family}`)
  return `${out.join('\n')}\n`
}
