import type { DetectorFactory } from '../detector.ts'
import { ETYPE_ARP, ICMP, ICMPV6, scale } from '../event.ts'

const SHARE = 0.1
const CLEARS = 0.09
const FLOWS = 1_000

interface Scope {
  period: number
  flows: number
  packets: number
  icmp: number
  icmpPackets: number
  arp: number
  firing: { icmp: boolean; arp: boolean }
}

/** The first instant of the billing period that holds `now`: anchor day and zone offset, epoch ms. A month has its own length. */
export function periodStart(now: number, day: number, offsetMinutes: number): number {
  const local = new Date(now + offsetMinutes * 60_000)
  const begin = (year: number, month: number) => {
    const days = new Date(Date.UTC(year, month + 1, 0)).getUTCDate()
    return Date.UTC(year, month, Math.min(day, days)) - offsetMinutes * 60_000
  }
  const here = begin(local.getUTCFullYear(), local.getUTCMonth())
  return now >= here ? here : begin(local.getUTCFullYear(), local.getUTCMonth() - 1)
}

/**
 * `icmp_share` and `arp_share` (DETECTION 2.9): more than 10 % of the flows of a billing period are ICMP (or ARP), per exporter
 * and over all, once there are 1,000 flows. One anomaly per scope and period; clears below 9 %. The packet share stands beside
 * it, since sampled exporters see long flows first.
 */
export const protocolShare: DetectorFactory = (host, restored) => {
  const state = (restored as Map<string, Scope> | undefined) ?? new Map<string, Scope>()
  const add = (name: string, period: number, icmp: boolean, arp: boolean, packets: number) => {
    let scope = state.get(name)
    if (scope === undefined || scope.period !== period) {
      scope = { period, flows: 0, packets: 0, icmp: 0, icmpPackets: 0, arp: 0, firing: { icmp: false, arp: false } }
      state.set(name, scope)
    }
    scope.flows++
    scope.packets += packets
    if (icmp) {
      scope.icmp++
      scope.icmpPackets += packets
    }
    if (arp) scope.arp++
  }
  const decide = (name: string, scope: Scope, which: 'icmp' | 'arp', now: number) => {
    const share = scope[which] / scope.flows
    if (scope.firing[which] ? share < CLEARS : !(share > SHARE && scope.flows >= FLOWS)) {
      scope.firing[which] = false
      return
    }
    scope.firing[which] = true
    const word = which.toUpperCase()
    host.report({
      detector: `${which}_share`,
      severity: 'warning',
      actor: null,
      target: name === 'all' ? null : name,
      entity: `${name}|${scope.period}`,
      firstMs: now,
      window: [scope.period, now],
      statistic: 'flow_share',
      unit: 'share',
      value: share,
      expected: null,
      threshold: SHARE,
      why: `${(100 * share).toFixed(1)} % of the ${scope.flows.toLocaleString('en-US')} flows of this billing period ${name === 'all' ? '' : `at ${name} `}are ${word}${which === 'icmp' ? ` (${((100 * scope.icmpPackets) / Math.max(1, scope.packets)).toFixed(1)} % of the packets)` : ''}; the limit is 10 %.`,
      parts: [{ dimension: 'proto', value: which, share }],
      fresh: [],
      filter: `${which === 'icmp' ? 'proto in (icmp, ipv6-icmp)' : 'etype = 2054'}${name === 'all' ? '' : ` and exporter = ${name}`}`,
      windows: 1,
    })
  }
  return {
    id: 'icmp_share',
    state,
    record(event) {
      const period = periodStart(event.endMs, host.config.billingDay, host.config.billingOffsetMinutes)
      // Neighbour discovery and multicast listening are IPv6's ARP, not its ping: link-local and multicast ends do not count.
      const icmp =
        event.proto === ICMP || (event.proto === ICMPV6 && !host.networks.special(event.src) && !host.networks.special(event.dst))
      const arp = event.etype === ETYPE_ARP
      const packets = event.packets * scale(event)
      add('all', period, icmp, arp, packets)
      if (event.exporter !== '') add(event.exporter, period, icmp, arp, packets)
    },
    tick(now) {
      const period = periodStart(now, host.config.billingDay, host.config.billingOffsetMinutes)
      for (const [name, scope] of state) {
        if (scope.period !== period) {
          state.delete(name)
          continue
        }
        // One exporter is all there is: saying it twice is noise.
        if (name !== 'all' && state.size === 2) continue
        decide(name, scope, 'icmp', now)
        decide(name, scope, 'arp', now)
      }
    },
  }
}
