import type { BlockIntent } from '../src/intent.ts'
import type { dice } from './oracle.ts'
import { intent } from './requests.ts'

const port = (low: number, high = low) => ({ low, high })
const limit = (bitsPerSecond: number) => ({ action: { kind: 'rate_limit', bitsPerSecond } })

/** One rule per thing that a dialect says in its own way; named for it. The slot is its place in this list. */
export const GOLDENS: Record<string, BlockIntent> = {
  'source-host': intent({}, { id: 'source-host' }),
  'source-network': intent({ src: '198.51.100.0/25' }, { id: 'source-network', ttlSeconds: 604_800 }),
  'source-and-destination': intent({ dst: '203.0.113.0/24', proto: 47 }, { id: 'source-and-destination', ttlSeconds: 60 }),
  'reflection-ports': intent(
    { src: null, dst: '203.0.113.5', proto: 17, srcPorts: [port(53), port(123), port(11_211)] },
    { id: 'reflection-ports' },
  ),
  'both-port-lists': intent(
    { proto: 6, srcPorts: [port(1024, 65_535), port(20)], dstPorts: [port(80), port(443, 445)] },
    { id: 'both-port-lists' },
  ),
  'syn-limited': intent(
    { src: null, dst: '203.0.113.5', proto: 6, dstPorts: [port(443)], tcpFlags: { set: ['syn'], unset: ['ack'] } },
    { id: 'syn-limited', ...limit(10_000_000) },
  ),
  'syn-dropped': intent({ dst: '203.0.113.5', proto: 6, tcpFlags: { set: ['syn'], unset: ['ack'] } }, { id: 'syn-dropped' }),
  'odd-flags': intent({ proto: 6, tcpFlags: { set: ['fin', 'psh', 'urg'], unset: ['syn', 'rst'] } }, { id: 'odd-flags' }),
  'udp-limited': intent(
    { src: null, dst: '203.0.113.5', proto: 17, dstPorts: [port(0, 1023)] },
    { id: 'udp-limited', ...limit(1_000_000_000) },
  ),
  'all-limited': intent({ src: null, dst: '203.0.113.0/24' }, { id: 'all-limited', ...limit(100_000) }),
  icmp: intent({ dst: '203.0.113.5', proto: 1 }, { id: 'icmp' }),
  'victim-black-hole': intent({ src: null, dst: '203.0.113.5' }, { id: 'victim-black-hole' }),
  'v6-source-host': intent({ src: '2001:db8::7' }, { id: 'v6-source-host' }),
  'v6-networks-and-ports': intent(
    { src: '2001:db8:bad::/48', dst: '2001:db8:1::/64', proto: 17, srcPorts: [port(53)], dstPorts: [port(1024, 65_535)] },
    { id: 'v6-networks-and-ports' },
  ),
  'v6-syn-limited': intent(
    { src: null, dst: '2001:db8::5', proto: 6, tcpFlags: { set: ['syn'], unset: ['ack'] } },
    { id: 'v6-syn-limited', ...limit(5_000_000) },
  ),
  'v6-black-hole': intent({ src: null, dst: '2001:db8::5' }, { id: 'v6-black-hole' }),
  'v6-icmp': intent({ src: '2001:db8::7', proto: 58 }, { id: 'v6-icmp' }),
}

/** A random valid intent; the address space is small so that rules meet. */
export function anyIntent(d: ReturnType<typeof dice>, id: string): BlockIntent {
  const six = d.chance(0.3)
  const side = () => {
    const bits = six ? d.pick([128, 128, 64, 48]) : d.pick([32, 32, 30, 24, 16])
    return six
      ? `2001:db8:${d.below(2)}::${bits === 128 ? d.below(3) : ''}/${bits}`
      : `198.51.${bits === 16 ? 0 : d.below(2)}.${bits === 32 ? d.below(6) : bits === 30 ? d.below(3) * 4 : 0}/${bits}`
  }
  const shape = d.below(3)
  const proto = d.pick([null, 6, 6, 17, 17, 47])
  const ports = () =>
    (proto === 6 || proto === 17) && d.chance(0.5)
      ? Array.from({ length: 1 + d.below(3) }, () => {
          const low = d.chance(0.1) ? 0 : d.below(40) * 10
          return port(low, low + d.pick([0, 0, 5, 100]))
        })
      : []
  const flags =
    proto === 6 && d.chance(0.3)
      ? { tcpFlags: d.chance(0.7) ? { set: ['syn'], unset: ['ack'] } : { set: ['rst'], unset: ['psh', 'fin'] } }
      : {}
  return intent(
    { src: shape === 0 ? null : side(), dst: shape === 1 ? null : side(), proto, srcPorts: ports(), dstPorts: ports(), ...flags },
    { id, ttlSeconds: 60 + d.below(86_400), ...(d.chance(0.3) ? limit((1 + d.below(100_000)) * 100_000) : {}) },
  )
}
