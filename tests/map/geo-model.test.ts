import type { GeoAnswer } from '@weir/db/contracts'
import { describe, expect, test } from 'vitest'
import { clamp, fitCamera, MAX_ZOOM, toScreen, uncrowded } from '../../apps/web/components/map/camera.ts'
import { drawArcs, INTERNAL, rankCountries, rankPairs } from '../../apps/web/components/map/geo-model.ts'
import { placeName } from '../../apps/web/components/map/names.ts'

type Answer = Pick<GeoAnswer, 'countries' | 'arcs' | 'total'>

/** An answer whose totals add up, from pairs. */
function answer(pairs: readonly (readonly [string, string, number])[]): Answer {
  const countries = new Map<string, { country: string; name: string; sent: number; received: number }>()
  const at = (country: string) => {
    const known = countries.get(country) ?? { country, name: country, sent: 0, received: 0 }
    countries.set(country, known)
    return known
  }
  let value = 0
  for (const [src, dst, amount] of pairs) {
    at(src).sent += amount
    at(dst).received += amount
    value += amount
  }
  const sums = { bytes: 0, packets: 0, flows: 0 }
  return {
    countries: [...countries.values()],
    arcs: pairs.map(([src, dst, amount]) => ({ src, dst, value: amount, ...sums })),
    total: { value, ...sums },
  }
}

const usual = answer([
  ['DE', INTERNAL, 500],
  [INTERNAL, 'US', 300],
  ['US', INTERNAL, 100],
  [INTERNAL, INTERNAL, 80],
  ['ZZ', INTERNAL, 20],
])

describe('ranking countries', () => {
  test('in counts what comes from a country, out what goes to it, both what touches it', () => {
    const value = (direction: 'in' | 'out' | 'both', code: string) => rankCountries(usual, direction).byCode.get(code)?.value
    expect(value('in', 'US')).toBe(100)
    expect(value('out', 'US')).toBe(300)
    expect(value('both', 'US')).toBe(400)
    expect(value('out', 'DE')).toBe(0)
  })

  test('internal and unknown are not countries: no rank, not in the list, but there', () => {
    const ranking = rankCountries(usual, 'both')
    expect(ranking.rows.map((row) => row.code)).toEqual(['DE', 'US'])
    expect(ranking.rows.map((row) => row.rank)).toEqual([1, 2])
    expect(ranking.internal).toMatchObject({ rank: 0, sent: 380, received: 700 })
    expect(ranking.unknown).toMatchObject({ rank: 0, value: 20 })
  })

  test('traffic within a place counts once, so that a share never exceeds the whole', () => {
    const ranking = rankCountries(
      answer([
        ['DE', 'DE', 900],
        ['DE', 'FR', 100],
      ]),
      'both',
    )
    expect(ranking.byCode.get('DE')).toMatchObject({ value: 1000, share: 1 })
    expect(rankCountries(usual, 'both').internal?.share).toBe(1)
  })

  test('equal values keep one order', () => {
    const rows = rankCountries(
      answer([
        ['SE', INTERNAL, 5],
        ['NO', INTERNAL, 5],
        ['FI', INTERNAL, 5],
      ]),
      'in',
    ).rows
    expect(rows.map((row) => row.code)).toEqual(['FI', 'NO', 'SE'])
  })

  test('an answer without traffic divides by nothing', () => {
    expect(rankCountries(answer([['DE', 'US', 0]]), 'both')).toMatchObject({ rows: [] })
  })
})

describe('pairs and arcs', () => {
  test('in and out are seen from the own network; within it is neither', () => {
    expect(rankPairs(usual, 'in').map((pair) => pair.id)).toEqual(['DE>internal', 'US>internal', 'ZZ>internal'])
    expect(rankPairs(usual, 'out').map((pair) => pair.id)).toEqual(['internal>US'])
    expect(rankPairs(usual, 'both')).toHaveLength(5)
  })

  test('a network that only carries traffic between countries keeps its pairs in every direction', () => {
    const transit = answer([
      ['DE', 'US', 5],
      ['US', 'DE', 3],
    ])
    for (const direction of ['in', 'out', 'both'] as const) expect(rankPairs(transit, direction)).toHaveLength(2)
  })

  const places = new Map<string, [number, number]>([
    ['DE', [10, 10]],
    ['US', [90, 10]],
  ])

  test('only pairs with two different known places are drawn', () => {
    const arcs = drawArcs(rankPairs(usual, 'both'), places, [50, 90], 10)
    expect(arcs.map((arc) => arc.id)).toEqual(['DE>internal', 'internal>US', 'US>internal'])
    expect(arcs[0]).toMatchObject({ from: [10, 10], to: [50, 90], width: 7 })
  })

  test('without a place for the own network its pairs are not drawn anywhere', () => {
    expect(drawArcs(rankPairs(usual, 'both'), places, null, 10)).toEqual([])
  })

  test('the limit keeps the heaviest', () => {
    expect(drawArcs(rankPairs(usual, 'both'), places, [50, 90], 1).map((arc) => arc.id)).toEqual(['DE>internal'])
  })
})

describe('the camera', () => {
  const world = { width: 1000, height: 460 }
  const screen = { width: 800, height: 600 }

  test('fitting shows the whole world, centred', () => {
    const camera = fitCamera(world, screen)
    const [left, top] = toScreen([0, 0], camera, screen)
    const [right, bottom] = toScreen([1000, 460], camera, screen)
    expect(left).toBeCloseTo(12)
    expect(right).toBeCloseTo(788)
    expect(top).toBeCloseTo(600 - bottom)
  })

  test('one cannot zoom out beyond the world, in beyond clean shapes, or drag it off the screen', () => {
    expect(clamp({ target: [500, 230], zoom: -9 }, world, screen).zoom).toBeCloseTo(fitCamera(world, screen).zoom)
    expect(clamp({ target: [500, 230], zoom: 99 }, world, screen).zoom).toBe(MAX_ZOOM)
    const dragged = clamp({ target: [-5000, 9000], zoom: 3 }, world, screen)
    expect(toScreen([0, 460], dragged, screen)).toEqual([0, 600])
  })

  test('a label gives way to a more important one', () => {
    const box = (id: string, x: number) => ({ id, x, y: 0, width: 60, height: 20 })
    expect(uncrowded([box('a', 0), box('b', 30), box('c', 60)]).map((kept) => kept.id)).toEqual(['a', 'c'])
  })
})

test('a code always has a name, however odd', () => {
  expect(placeName('DE')).toBe('Germany')
  expect(placeName(INTERNAL)).toBe('Internal')
  expect(placeName('ZZ')).toBe('Unknown')
  expect(placeName('not a code')).toBe('not a code')
})
