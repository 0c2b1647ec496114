import type { Dialect } from './dialect.ts'
import { exabgpFlowspec } from './exabgp-flowspec.ts'
import { gobgpFlowspec } from './gobgp-flowspec.ts'
import { iosXe } from './ios-xe.ts'
import { junos } from './junos.ts'
import { nftables } from './nftables.ts'
import { exabgpRtbh, gobgpRtbh, type RtbhOptions } from './rtbh.ts'

/** Every dialect by its id, black hole routes with the site's next hops. Throws RangeError for settings that are none. */
export function dialects(options: { rtbh?: Partial<RtbhOptions> } = {}): ReadonlyMap<string, Dialect> {
  const all = [nftables, iosXe, junos, exabgpFlowspec, gobgpFlowspec, exabgpRtbh(options.rtbh), gobgpRtbh(options.rtbh)]
  return new Map(all.map((one) => [one.id, one]))
}
