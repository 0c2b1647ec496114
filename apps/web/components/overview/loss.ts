import type { HealthAnswer } from '@weir/db/contracts'
import { count, share } from '../format.ts'

/**
 * What arrived at this machine and was not stored, since the collector started, by who gave it up: the kernel, the collector's inbox, its
 * spool. null when that is nothing. Pure.
 */
export function lostHere(sli: Pick<HealthAnswer['sli'], 'kernelDrops' | 'datagramsRefused' | 'flowsShed' | 'shedShare'>): string | null {
  const of = (n: number, thing: string): string => `${count(n)} ${thing}${n === 1 ? '' : 's'}`
  const parts = [
    ...(sli.kernelDrops > 0 ? [`${of(sli.kernelDrops, 'datagram')} dropped by the kernel`] : []),
    ...(sli.datagramsRefused > 0 ? [`${of(sli.datagramsRefused, 'datagram')} refused by the collector`] : []),
    ...(sli.flowsShed > 0
      ? [`${of(sli.flowsShed, 'flow')} shed by the collector${sli.shedShare === null ? '' : ` (${share(sli.shedShare)})`}`]
      : []),
  ]
  return parts.length === 0 ? null : parts.join(', ')
}
