import { describe, expect, it } from 'vitest'
import { lostHere } from '../../apps/web/components/overview/loss.ts'

describe('what was lost here', () => {
  const none = { kernelDrops: 0, datagramsRefused: 0, flowsShed: 0, shedShare: 0 }
  it('is nothing where nothing was given up', () => expect(lostHere(none)).toBeNull())
  it('names who gave up what, and never adds datagrams to flows', () => {
    expect(lostHere({ ...none, flowsShed: 51_043, shedShare: 0.125 })).toBe('51 k flows shed by the collector (12.5 %)')
    expect(lostHere({ ...none, kernelDrops: 1, datagramsRefused: 20, flowsShed: 1, shedShare: null })).toBe(
      '1 datagram dropped by the kernel, 20 datagrams refused by the collector, 1 flow shed by the collector',
    )
  })
})
