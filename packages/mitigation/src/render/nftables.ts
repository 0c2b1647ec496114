import { type BlockIntent, MAX_TTL_SECONDS } from '../intent.ts'
import { type BlockAction, type BlockMatch, familyOf, type PortRange, TCP } from '../match.ts'
import { type Dialect, dialect, linesOf, needsSide, type ParsedRule, RenderError, type Support, TAG } from './dialect.ts'
import { type Entry, entriesOf, listsOf, number, prefixText } from './entries.ts'
import { BANKS, baseRuleset, type Layer, setName, TABLE } from './nftables-base.ts'

/**
 * nftables on Linux. A rule is one element per pair of port ranges in a set with timeout: the kernel removes it when its time is
 * up, with or without Weir, and counts what it hits. Elements, not rules, so that a thousand blocks cost one look-up.
 *
 *   add element inet weir drop_l4_v4_0 { 192.0.2.7/32 . 0.0.0.0/0 . 17 . 53-53 . 0-65535 counter timeout 3600s comment "weir-<id>" }
 *
 * Send to `nft -f -`: one transaction, no shell. Adding what is there changes nothing, so both texts may be sent again.
 */
const ID = 'nftables'
const unreadable = (message: string) => new RenderError('unreadable', ID, message)
const ANY = { 4: '0.0.0.0/0', 6: '::/0' } as const

/** Which sets hold a match: without ports, with ports, or connection attempts (SYN without ACK). */
export function layerOf(match: BlockMatch): Layer {
  if (match.tcpFlags !== null) return 'syn'
  return match.srcPorts.length + match.dstPorts.length > 0 ? 'l4' : 'l3'
}

function supports(intent: BlockIntent): Support {
  const side = needsSide(intent)
  if (!side.ok) return side
  const { tcpFlags } = intent.match
  if (tcpFlags !== null && (tcpFlags.set.join() !== 'syn' || tcpFlags.unset.join() !== 'ack'))
    return { ok: false, reason: 'nftables sets of Weir know one choice of TCP flags: SYN without ACK (connection attempts).' }
  if (intent.action.kind === 'rate_limit' && entriesOf(intent.match).length > 1)
    return { ok: false, reason: 'Each pair of port ranges would get the whole rate for itself; use one range per side.' }
  return { ok: true }
}

/** Tokens of one packet burst: a tenth of a second, but never less than ten full frames. */
const burst = (bytesPerSecond: number) => Math.max(15_000, Math.ceil(bytesPerSecond / 10))

const ports = (range: PortRange | null) => (range === null ? '0-65535' : `${range.low}-${range.high}`)

function key(match: BlockMatch, family: 4 | 6, layer: Layer, entry: Entry): string {
  const parts = [match.src ?? ANY[family], match.dst ?? ANY[family]]
  if (layer !== 'syn') parts.push(match.proto === null ? '0-255' : String(match.proto))
  if (layer !== 'l3') parts.push(ports(entry.src), ports(entry.dst))
  return parts.join(' . ')
}

function write(intent: BlockIntent, slot: number, seconds: number) {
  const { match, action } = intent
  const family = familyOf(match) ?? 4
  const layer = layerOf(match)
  const set = setName(action.kind, layer, family, slot % BANKS)
  const bytes = action.kind === 'rate_limit' ? action.bitsPerSecond / 8 : 0
  const limit = action.kind === 'rate_limit' ? `limit rate over ${bytes} bytes/second burst ${burst(bytes)} bytes ` : ''
  const lines = (text: (element: string) => string) =>
    entriesOf(match)
      .map((entry) => `${text(key(match, family, layer, entry))}\n`)
      .join('')
  const add = lines(
    (element) => `add element inet ${TABLE} ${set} { ${element} ${limit}counter timeout ${seconds}s comment "${TAG}${intent.id}" }`,
  )
  return {
    apply: add,
    // Adding first makes removing safe to repeat: deleting what has expired would fail the whole transaction.
    undo: add + lines((element) => `delete element inet ${TABLE} ${set} { ${element} }`),
    check: `list set inet ${TABLE} ${set}\n`,
    confirm: null,
  }
}

const ELEMENT =
  /^add element inet weir (drop|limit)_(l3|l4|syn)_(v4|v6)_(\d) \{ (\S+) \. (\S+)(?: \. (\d+|0-255))??(?: \. (\d+)-(\d+) \. (\d+)-(\d+))? (?:limit rate over (\d+) bytes\/second burst (\d+) bytes )?counter timeout (\d+)s comment "weir-([a-z0-9-]+)" \}$/

function range(low: string | undefined, high: string | undefined): PortRange | null {
  const out = { low: number(low, 65_535, ID), high: number(high, 65_535, ID) }
  return out.low === 0 && out.high === 65_535 ? null : out
}

function parse(apply: string): ParsedRule {
  const entries: Entry[] = []
  const heads = new Set<string>()
  let rule: ParsedRule | null = null
  for (const line of linesOf(apply)) {
    const m = ELEMENT.exec(line)
    if (m === null) throw unreadable('a line is not an element of ours')
    const [, kind, layer, family, bank, src = '', dst = '', proto, srcLow, srcHigh, dstLow, dstHigh, rate, tokens, seconds, id = ''] = m
    if (number(bank, BANKS - 1, ID) >= BANKS || (layer === 'l3') !== (srcLow === undefined) || (layer === 'syn') !== (proto === undefined))
      throw unreadable('the key does not fit its set')
    if ((kind === 'limit') !== (rate !== undefined)) throw unreadable('the action does not fit its set')
    const any = ANY[family === 'v4' ? 4 : 6]
    const bytes = rate === undefined ? 0 : number(rate, 1e12, ID)
    if (rate !== undefined && number(tokens, 1e12, ID) !== burst(bytes)) throw unreadable('the burst does not fit the rate')
    const action: BlockAction = rate === undefined ? { kind: 'drop' } : { kind: 'rate_limit', bitsPerSecond: bytes * 8 }
    entries.push(layer === 'l3' ? { src: null, dst: null } : { src: range(srcLow, srcHigh), dst: range(dstLow, dstHigh) })
    heads.add([kind, layer, family, bank, src, dst, proto, rate, seconds, id].join(' '))
    rule = {
      id,
      action,
      ttlSeconds: number(seconds, MAX_TTL_SECONDS, ID),
      match: {
        src: src === any ? null : prefixText(src, ID),
        dst: dst === any ? null : prefixText(dst, ID),
        proto: layer === 'syn' ? TCP : proto === '0-255' ? null : number(proto, 255, ID),
        srcPorts: [],
        dstPorts: [],
        tcpFlags: layer === 'syn' ? { set: ['syn'], unset: ['ack'] } : null,
      },
    }
  }
  if (rule === null || heads.size !== 1) throw unreadable('the elements are not of one rule')
  return { ...rule, match: { ...rule.match, ...listsOf(entries, ID) } }
}

export const nftables: Dialect = dialect({
  id: ID,
  title: 'nftables (Linux)',
  base: baseRuleset(),
  expiresByItself: true,
  supports,
  parse,
  write: (intent, slot) => write(intent, slot, intent.ttlSeconds),
})

/**
 * Put back what someone removed by hand, for the rest of its time. `remainingSeconds` is 1 to the intent's whole time. Only for
 * a rule that renders: throws RenderError as `nftables.render` does.
 */
export function reassert(intent: BlockIntent, slot: number, remainingSeconds: number): string {
  nftables.render(intent, slot)
  if (!Number.isInteger(remainingSeconds) || remainingSeconds < 1 || remainingSeconds > intent.ttlSeconds)
    throw new RenderError('invalid_intent', ID, 'the remaining time is not between 1 s and the time of the rule')
  return write(intent, slot, remainingSeconds).apply
}
