import { formatPrefix, overlaps, type Prefix, parsePrefix } from './address.ts'

/** A network no rule may touch, and why; from the site's list or gathered by the caller (exporters, BGP peers, gateways, Weir's own hosts …). */
export interface ProtectedPrefix {
  prefix: string
  reason: string
}

/** Protected wherever Weir runs; nobody can take them off. The default routes are refused by their own rule, as they overlap with everything. */
export const ALWAYS_PROTECTED: readonly ProtectedPrefix[] = [
  { prefix: '0.0.0.0/8', reason: 'unspecified addresses' },
  { prefix: '127.0.0.0/8', reason: 'loopback' },
  { prefix: '169.254.0.0/16', reason: 'link-local addresses' },
  { prefix: '224.0.0.0/4', reason: 'multicast, which routing protocols need' },
  { prefix: '255.255.255.255/32', reason: 'the broadcast address' },
  { prefix: '::/96', reason: 'unspecified, loopback and retired IPv4-compatible addresses' },
  // ::ffff:0:0/96 and longer is folded to IPv4; what is shorter and holds it would slip past the IPv4 list.
  { prefix: '::fffe:0:0/95', reason: 'IPv4-mapped addresses' },
  { prefix: 'fe80::/10', reason: 'link-local addresses, which neighbour discovery needs' },
  { prefix: 'ff00::/8', reason: 'multicast, which neighbour discovery needs' },
]

/** A protected network that a rule's side overlaps. */
export interface Hit {
  prefix: string
  reason: string
  always: boolean
}

export interface NeverBlock {
  hits(side: Prefix): Hit[]
  /** Entries that cannot be read. While there is one, nothing can be said to be unprotected. */
  unreadable: string[]
}

interface Entry extends Hit {
  parsed: Prefix
}

function entries(list: readonly ProtectedPrefix[], always: boolean, unreadable: string[]): Entry[] {
  const out: Entry[] = []
  for (const { prefix, reason } of list) {
    const result = parsePrefix(prefix)
    // An entry with host bits (an interface's address with its mask) protects the whole network it names.
    const parsed = result.ok ? result.prefix : result.canonical
    if (parsed === null) unreadable.push(prefix.slice(0, 60))
    else out.push({ parsed, prefix: formatPrefix(parsed), reason, always })
  }
  return out
}

const ALWAYS = entries(ALWAYS_PROTECTED, true, [])

/** The list as it is now: what is always protected, and the site's part. */
export function neverBlock(site: readonly ProtectedPrefix[]): NeverBlock {
  const unreadable: string[] = []
  const all = [...ALWAYS, ...entries(site, false, unreadable)]
  return {
    unreadable,
    hits: (side) => all.filter((entry) => overlaps(entry.parsed, side)).map(({ prefix, reason, always }) => ({ prefix, reason, always })),
  }
}
