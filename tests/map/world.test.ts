import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { dotsOf, placesOf, type World } from '../../apps/web/components/map/world.ts'
import { buildAll, simplify } from '../../apps/web/scripts/build-map.ts'
import { ALPHA2 } from '../../apps/web/scripts/country-codes.ts'

const file = (name: string) => readFileSync(new URL(`../../apps/web/public/map/${name}`, import.meta.url), 'utf8')
const worlds = (['atlantic', 'pacific'] as const).map((name) => ({ name, world: JSON.parse(file(`world-${name}.json`)) as World }))

/** Even-odd rule over all rings of all polygons of a country. */
function inside(world: World, code: string, [x, y]: [number, number]): boolean {
  let odd = false
  for (const country of world.countries) {
    if (country.code !== code) continue
    for (const ring of country.polygons.flat()) {
      for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
        const [ax = 0, ay = 0] = ring[i] ?? []
        const [bx = 0, by = 0] = ring[j] ?? []
        if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd
      }
    }
  }
  return odd
}

test('the checked-in maps are what the script builds from the installed world-atlas', () => {
  for (const [name, text] of Object.entries(buildAll()))
    expect(text === file(name), `${name} is old: run node apps/web/scripts/build-map.ts`).toBe(true)
})

test('every numeric country code has one alpha-2 code, and Intl knows it', () => {
  const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' })
  const codes = [...ALPHA2.values()]
  expect(new Set(codes).size).toBe(codes.length)
  expect(codes.filter((code) => names.of(code) === undefined)).toEqual([])
})

describe.each(worlds)('the $name map', ({ world }) => {
  test('has no shape that crosses the picture: no border is longer than a tenth of it', () => {
    let longest = 0
    for (const country of world.countries) {
      for (const ring of country.polygons.flat()) {
        for (let i = 1; i < ring.length; i++) {
          const [ax = 0, ay = 0] = ring[i - 1] ?? []
          const [bx = 0, by = 0] = ring[i] ?? []
          longest = Math.max(longest, Math.hypot(ax - bx, ay - by))
        }
      }
    }
    expect(longest).toBeLessThan(world.width / 10)
  })

  test('lies within its frame', () => {
    for (const country of world.countries) {
      for (const [x = -1, y = -1] of country.polygons.flat(2)) {
        expect(x >= 0 && x <= world.width && y >= -1 && y <= world.height + 1).toBe(true)
      }
    }
  })

  test.each(['US', 'CA', 'RU', 'NO', 'FR', 'DE', 'GB', 'CN', 'IN', 'BR', 'CL', 'HR', 'VN', 'ZA', 'EG', 'SE', 'FI', 'IT', 'MX', 'AU'])(
    'arcs to %s end inside its shape',
    (code) => {
      const at = placesOf(world).get(code)
      expect(at).toBeDefined()
      if (at) expect(inside(world, code, at)).toBe(true)
    },
  )

  test('places for arcs are where people look: France in Europe, the United States south of Canada, Russia west of China', () => {
    const places = placesOf(world)
    const at = (code: string) => places.get(code) ?? [Number.NaN, Number.NaN]
    expect(Math.hypot(at('FR')[0] - at('DE')[0], at('FR')[1] - at('DE')[1])).toBeLessThan(40)
    expect(at('US')[1]).toBeGreaterThan(at('CA')[1])
    expect(at('RU')[0]).toBeLessThan(at('CN')[0])
    expect(at('SE')[1]).toBeGreaterThan(at('NO')[1] - 20)
  })

  test('every known country code can be pointed at: by its shape, or by a dot', () => {
    const places = placesOf(world)
    const missing = [...ALPHA2.values()].filter((code) => !places.has(code) && code !== 'AQ')
    expect(missing).toEqual([])
    const dots = new Set(dotsOf(world).map((dot) => dot.code))
    for (const code of ['SG', 'HK', 'MT', 'LU', 'GI', 'RE']) expect(dots, code).toContain(code)
    for (const code of ['US', 'FR', 'AU', 'PL']) expect(dots, code).not.toContain(code)
  })

  test('draws no country twice at the same place and none without a point', () => {
    for (const country of world.countries) {
      expect(country.at.every(Number.isFinite), country.name).toBe(true)
      expect(country.polygons.length, country.name).toBeGreaterThan(0)
    }
  })
})

test('the cut differs: Japan lies right of Germany on one map, left of the United States on the other', () => {
  const [atlantic, pacific] = worlds.map(({ world }) => placesOf(world))
  const x = (places: Map<string, [number, number]> | undefined, code: string) => places?.get(code)?.[0] ?? Number.NaN
  expect(x(atlantic, 'US')).toBeLessThan(x(atlantic, 'JP'))
  expect(x(pacific, 'JP')).toBeLessThan(x(pacific, 'US'))
})

test('simplifying keeps both ends and every corner beyond the tolerance', () => {
  const line = [
    [0, 0],
    [1, 0.01],
    [2, 0],
    [2, 2],
    [2.01, 3],
    [2, 4],
  ]
  expect(simplify(line, 0.1)).toEqual([
    [0, 0],
    [2, 0],
    [2, 4],
  ])
})
