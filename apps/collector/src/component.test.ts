import { expect, test } from 'vitest'
import { Assembly, type Component } from './component.ts'

const part = (name: string, stop: Component['stop'], needsMs?: number): Component => ({
  name,
  start: async () => undefined,
  stop,
  ...(needsMs === undefined ? {} : { needsMs }),
})
const never = () => new Promise<void>(() => undefined)

test('a part that hangs is reported and leaves the later ones what they need', async () => {
  const given: Record<string, number> = {}
  const takes = (name: string, needsMs?: number) =>
    part(
      name,
      async (leftMs) => {
        given[name] = leftMs
      },
      needsMs,
    )
  const assembly = new Assembly([takes('pool', 200), takes('store', 1_000), takes('status'), part('device', never)])
  await assembly.start()
  const { failed } = await assembly.stop(1_500)
  expect(failed).toEqual([{ name: 'device', error: new Error('device did not stop in time') }])
  // 300 ms were the device's; every part gets 100 ms at least.
  expect(given.status).toBe(100)
  expect(given.store).toBeGreaterThan(1_000 - 200)
  expect(given.store).toBeLessThanOrEqual(1_000 + 100)
  expect(given.pool).toBeGreaterThan(1_000)
})

test('stopping goes backwards, and what failed to stop is named with its reason', async () => {
  const order: string[] = []
  const assembly = new Assembly([
    part('first', async () => void order.push('first')),
    part('second', async () => {
      order.push('second')
      throw new Error('no')
    }),
  ])
  await assembly.start()
  expect(await assembly.stop(1_000)).toEqual({ failed: [{ name: 'second', error: new Error('no') }] })
  expect(order).toEqual(['second', 'first'])
})
