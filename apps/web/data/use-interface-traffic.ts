'use client'
import type { TopAnswer } from '@weir/db/contracts'
import { useMemo, useState } from 'react'
import { useTop } from './use-top.ts'
import { printInstant } from './view-state.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

export type InterfaceRates = { inBitsPerSecond: number; outBitsPerSecond: number }

const indexOf = (key: string | null): number | null => {
  const digits = /#(\d+)$/.exec(key ?? '')?.[1]
  return digits === undefined ? null : Number(digits)
}

/**
 * The interfaces of one exporter that flows of the last 24 hours name, by index, with their mean traffic of the last hour, scaled by
 * sampling. In: entered the exporter there; out: left it there. An interface that was quiet for an hour has zero rates.
 */
export function useInterfaceTraffic(address: string): {
  byIndex: ReadonlyMap<number, InterfaceRates>
  pending: boolean
  error: Error | null
} {
  // Fixed when the drawer opens: neither changes much while someone looks at it.
  const [now] = useState(() => Math.floor(Date.now() / 60_000) * 60_000)
  const asking = (span: number): Record<string, string> => ({
    from: printInstant(now - span),
    to: printInstant(now),
    metric: 'bytes',
    scaled: 'true',
    filter: `exporter = ${address}`,
  })
  const dayIn = useTop('in_if', asking(DAY_MS), { limit: 200 })
  const dayOut = useTop('out_if', asking(DAY_MS), { limit: 200 })
  const hourIn = useTop('in_if', asking(HOUR_MS), { limit: 200 })
  const hourOut = useTop('out_if', asking(HOUR_MS), { limit: 200 })
  const byIndex = useMemo(() => {
    const rates = new Map<number, InterfaceRates>()
    for (const row of [...(dayIn.data?.rows ?? []), ...(dayOut.data?.rows ?? [])]) {
      const index = indexOf(row.key)
      if (index !== null) rates.set(index, { inBitsPerSecond: 0, outBitsPerSecond: 0 })
    }
    const add = (answer: TopAnswer | undefined, way: keyof InterfaceRates): void => {
      for (const row of answer?.rows ?? []) {
        const rate = rates.get(indexOf(row.key) ?? -1)
        if (rate !== undefined) rate[way] = (row.bytes * 8) / (HOUR_MS / 1000)
      }
    }
    add(hourIn.data, 'inBitsPerSecond')
    add(hourOut.data, 'outBitsPerSecond')
    return rates
  }, [dayIn.data, dayOut.data, hourIn.data, hourOut.data])
  return { byIndex, pending: dayIn.isPending || dayOut.isPending, error: dayIn.error ?? dayOut.error ?? hourIn.error ?? hourOut.error }
}
