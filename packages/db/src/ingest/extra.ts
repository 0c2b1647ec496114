import type { ExportedAddress, ExportedFlow } from './flow.ts'

/** Octets of one row's `extra` at most; what does not fit is left out and `"truncated": true` says so. One datagram can carry 64 KiB. */
export const EXTRA_LIMIT = 16_384

/** Text that PostgreSQL stores: no NUL (jsonb and text refuse it), no lone half of a surrogate pair (not UTF-8). */
export function storable(text: string): string {
  const whole = text.isWellFormed() ? text : text.toWellFormed()
  return whole.includes('\0') ? whole.replaceAll('\0', '') : whole
}

/** Canonical text of an address (RFC 5952); '' when absent. */
export function addressText(address: ExportedAddress): string {
  const { bytes, length } = address
  if (length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`
  if (length !== 16) return ''
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0))
  let best = -1
  let bestLength = 1
  for (let i = 0; i < 8; i++) {
    let run = 0
    while (i + run < 8 && groups[i + run] === 0) run++
    if (run > bestLength) {
      best = i
      bestLength = run
    }
  }
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(':')
  return best < 0 ? text(groups) : `${text(groups.slice(0, best))}::${text(groups.slice(best + bestLength))}`
}

/** True when the record carries anything that has no column of its own. */
export function hasExtra(flow: ExportedFlow): boolean {
  return (
    flow.extra !== null ||
    flow.applicationName !== '' ||
    flow.mplsLabel1 >= 0 ||
    (flow.eventKind !== 0 && flow.event >= 0) ||
    flow.postNatSrcAddr.length !== 0 ||
    flow.postNatDstAddr.length !== 0 ||
    flow.postNatSrcPort >= 0 ||
    flow.postNatDstPort >= 0
  )
}

/**
 * The JSON text of `extra`: fields without a column under their interchange names, then what the decoder kept by IANA name.
 * Integers keep all their digits. Bounded by EXTRA_LIMIT.
 */
export function extraJson(flow: ExportedFlow): string {
  let json = ''
  let truncated = false
  const add = (key: string, value: number | bigint | string) => {
    const shown =
      typeof value === 'string'
        ? JSON.stringify(storable(value))
        : typeof value === 'bigint' || Number.isFinite(value)
          ? String(value)
          : 'null'
    const pair = `${json === '' ? '' : ','}${JSON.stringify(storable(key))}:${shown}`
    // Three octets of UTF-8 per UTF-16 unit at most.
    if ((json.length + pair.length) * 3 > EXTRA_LIMIT) truncated = true
    else json += pair
  }
  if (flow.eventKind !== 0 && flow.event >= 0) add('event', flow.event)
  if (flow.applicationName !== '') add('application_name', flow.applicationName)
  if (flow.mplsLabel1 >= 0) add('mpls_label_1', flow.mplsLabel1)
  if (flow.postNatSrcAddr.length !== 0) add('post_nat_src_addr', addressText(flow.postNatSrcAddr))
  if (flow.postNatDstAddr.length !== 0) add('post_nat_dst_addr', addressText(flow.postNatDstAddr))
  if (flow.postNatSrcPort >= 0) add('post_nat_src_port', flow.postNatSrcPort)
  if (flow.postNatDstPort >= 0) add('post_nat_dst_port', flow.postNatDstPort)
  for (const key in flow.extra) {
    const value = flow.extra[key]
    if (value !== undefined) add(key, value)
  }
  if (truncated) json += `${json === '' ? '' : ','}"truncated":true`
  return `{${json}}`
}
