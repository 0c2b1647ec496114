import { bitsPerSecond } from '../format.ts'

/** One moment of what matched, bits per second; null where no data was being received. */
export interface ProofPoint {
  time: number
  behind: number | null
}

/** Mean of what was seen behind the point before and since the rule, in words. */
export function proofSentence(
  points: readonly ProofPoint[],
  stepSeconds: number,
  enforcedAt: number | null,
  endedAt: number | null,
): string {
  const mean = (of: readonly ProofPoint[]): number | null => {
    const known = of.flatMap((point) => (point.behind === null ? [] : [point.behind]))
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length
  }
  if (enforcedAt === null) {
    const all = mean(points)
    return all === null ? 'Nothing was received to compare with yet.' : `Without the block, ${bitsPerSecond(all)} matched on average.`
  }
  const earlier = mean(points.filter((point) => point.time + stepSeconds * 1000 <= enforcedAt))
  const since = mean(points.filter((point) => point.time >= enforcedAt && (endedAt === null || point.time < endedAt)))
  const left = earlier === null ? 'not known before' : `${bitsPerSecond(earlier)} before`
  const right = since === null ? 'nothing was received since' : `${bitsPerSecond(since)} since`
  return `Matching traffic behind the block: ${left}, ${right}.`
}
