import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { KillableDatabase } from '../test/chaos.ts'
import { slope, soak } from '../test/soak.ts'

/** WEIR_TEST_SOAK_MINUTES: shorter, to try it; the bar asks for sixty. */
const MINUTES = Number(process.env.WEIR_TEST_SOAK_MINUTES ?? 60)
/** Before that tables fill, programs compile and baselines are learned. */
const WARM_SHARE = 0.35

describe('B27: an hour with a fault every two minutes', () => {
  const database = new KillableDatabase()
  beforeAll(() => database.start())
  afterAll(() => database.remove())

  it(
    `${MINUTES} minutes: memory and descriptors stay, the books close, every alert has its fault and every fault its alert`,
    async () => {
      const { sent, refused, stored, different, kernelDropped, samples, faults, unexplained, untold, givenUp } = await soak(database, {
        minutes: MINUTES,
        everyMs: 120_000,
        port: 23_530,
      })
      const warm = samples.filter(({ minute }) => minute > MINUTES * WARM_SHARE)
      const third = Math.floor(warm.length / 3)
      const middle = (part: typeof warm) => part.map((s) => s.descriptors).sort((a, b) => a - b)[Math.floor(part.length / 2)] ?? Number.NaN
      const result = {
        memoryMiBPerMinute: slope(warm.map(({ minute, residentMiB }) => [minute, residentMiB])),
        residentMiB: { first: warm[0]?.residentMiB, last: warm.at(-1)?.residentMiB, most: Math.max(...samples.map((s) => s.residentMiB)) },
        descriptors: { first: middle(warm.slice(0, third)), last: middle(warm.slice(-third)) },
      }
      console.log({ sent, refused, stored, different, kernelDropped, faults: faults.length, givenUp, ...result })
      expect({ unexplained, untold }).toEqual({ unexplained: [], untold: [] })
      expect(samples.filter(({ gap }) => gap !== 0)).toEqual([])
      expect({ stored, different }).toEqual({ stored: sent - 30 * (kernelDropped + refused), different: stored })
      expect(result.memoryMiBPerMinute).toBeLessThanOrEqual(0.5)
      expect(result.descriptors.last).toBeLessThanOrEqual(result.descriptors.first + 1)
    },
    (MINUTES + 15) * 60_000,
  )
})
