'use client'
import type { TopAnswer } from '@weir/db/contracts'
import { useMemo, useState } from 'react'
import { useTop } from './use-top.ts'
import { printInstant } from './view-state.ts'

const DAY_MS = 86_400_000

export type InterfaceRates = { inBitsPerSecond: number; outBitsPerSecond: number }

/**
 * Mean traffic of each interface of one exporter over the last 24 hours, by interface index, scaled by sampling. In: entered the exporter
 * there; out: left it there.
 */
export function useInterfaceTraffic(address: string): {
  byIndex: ReadonlyMap<number, InterfaceRates>
  pending: boolean
  error: Error | null
} {
  // Fixed when the drawer opens: a day hardly changes while someone looks at it.
  const [now] = useState(() => Math.floor(Date.now() / 60_000) * 60_000)
  const params = {
    from: printInstant(now - DAY_MS),
    to: printInstant(now),
    metric: 'bytes',
    scaled: 'true',
    filter: `exporter = ${address}`,
  }
  const entered = useTop('in_if', params, { limit: 200 })
  const left = useTop('out_if', params, { limit: 200 })
  const byIndex = useMemo(() => {
    const rates = new Map<number, InterfaceRates>()
    const add = (answer: TopAnswer | undefined, way: keyof InterfaceRates): void => {
      for (const row of answer?.rows ?? []) {
        const index = Number(/#(\d+)$/.exec(row.key ?? '')?.[1] ?? Number.NaN)
        if (Number.isNaN(index)) continue
        const rate = rates.get(index) ?? { inBitsPerSecond: 0, outBitsPerSecond: 0 }
        rate[way] += (row.bytes * 8) / (DAY_MS / 1000)
        rates.set(index, rate)
      }
    }
    add(entered.data, 'inBitsPerSecond')
    add(left.data, 'outBitsPerSecond')
    return rates
  }, [entered.data, left.data])
  return { byIndex, pending: entered.isPending || left.isPending, error: entered.error ?? left.error }
}
