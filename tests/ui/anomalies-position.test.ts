import { describe, expect, it } from 'vitest'
import { AnomalyPosition } from '../../apps/web/live/anomaly-position.ts'
import { AnomalyReader, type Standing } from '../../apps/web/server/anomaly-reader.ts'

const notice = (id: number) => ({
  id,
  anomalyId: `a-${id}`,
  kind: 'opened',
  state: 'new' as const,
  severity: 'warning' as const,
  paged: false,
  folded: false,
})

/** A database of events that can be read as the real one is, and a reader that keeps what it was given. */
function stage(after: number | null, stored: number[]) {
  const given: number[] = []
  const standings: Standing[] = []
  let failures = 0
  let fail = false
  /** Called while a read is under way, after it has taken its snapshot. */
  let during: (() => void) | null = null
  const reader = new AnomalyReader(
    after,
    {
      notice: (one) => given.push(one.id),
      standing: (standing) => standings.push(standing),
      drained: async () => undefined,
      failed: () => {
        failures += 1
      },
      open: () => true,
    },
    async (from, limit) => {
      if (fail) throw new Error('no database')
      const last = stored.at(-1) ?? 0
      const found = from === null ? [] : stored.filter((id) => id > from)
      const then = during
      during = null
      await new Promise((resolve) => setTimeout(resolve, 1))
      then?.()
      return { notices: found.slice(0, limit).map(notice), more: found.length > limit, last }
    },
  )
  return {
    reader,
    given,
    standings,
    stored,
    failures: () => failures,
    breakDatabase: (broken: boolean) => {
      fail = broken
    },
    whileReading: (what: () => void) => {
      during = what
    },
  }
}
const upTo = (n: number) => Array.from({ length: n }, (_, at) => at + 1)
const settle = () => new Promise((resolve) => setTimeout(resolve, 40))

describe('a reader of anomaly events', () => {
  it('gets what it missed, in order, over several pages, and then what comes', async () => {
    const s = stage(3, upTo(700))
    await s.reader.catchUp()
    s.stored.push(701)
    s.reader.take(notice(701))
    expect(s.given).toEqual(upTo(701).slice(3))
    expect(s.standings).toEqual([])
  })

  it('starts from now when it names no event, and is told where that is', async () => {
    const s = stage(null, upTo(5))
    await s.reader.catchUp()
    expect(s.given).toEqual([])
    expect(s.standings).toEqual([{ last: 5, reload: false }])
  })

  it('loses nothing that is told while it reads', async () => {
    const s = stage(0, upTo(3))
    s.whileReading(() => {
      s.stored.push(4)
      s.reader.take(notice(4))
    })
    await s.reader.catchUp()
    expect(s.given).toEqual([1, 2, 3, 4])
  })

  it('reads the database when a number is missing, and never goes back', async () => {
    const s = stage(0, upTo(2))
    await s.reader.catchUp()
    // 3 was told while nobody listened; 5 was rolled back.
    s.stored.push(3, 4)
    s.reader.take(notice(4))
    await settle()
    s.stored.push(6)
    s.reader.take(notice(6))
    s.reader.take(notice(6))
    s.reader.take(notice(2))
    await settle()
    expect(s.given).toEqual([1, 2, 3, 4, 6])
  })

  it('is told to reload when it missed too much, or its number is from another database', async () => {
    const far = stage(1, upTo(5_000))
    await far.reader.catchUp()
    expect([far.given, far.standings]).toEqual([[], [{ last: 5_000, reload: true }]])
    const beyond = stage(90, upTo(5))
    await beyond.reader.catchUp()
    expect([beyond.given, beyond.standings]).toEqual([[], [{ last: 5, reload: true }]])
    beyond.stored.push(6)
    beyond.reader.take(notice(6))
    expect(beyond.given).toEqual([6])
  })

  it('is sent away when the events cannot be read, instead of staying without them', async () => {
    const s = stage(0, upTo(3))
    s.breakDatabase(true)
    await s.reader.catchUp()
    expect([s.failures(), s.given]).toEqual([1, []])
  })
})

describe('a browser', () => {
  it('names the last event it has heard, and takes none twice', () => {
    const position = new AnomalyPosition()
    expect(position.hello()).toEqual({})
    expect([7, 8, 8, 7, 9].map((id) => position.take({ id }))).toEqual([true, true, false, false, true])
    expect(position.hello()).toEqual({ lastEvent: 9 })
    position.stand(2)
    expect(position.take({ id: 3 })).toBe(true)
  })
})
