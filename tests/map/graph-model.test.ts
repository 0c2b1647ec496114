import type { GraphAnswer } from '@weir/db/contracts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { heaviest, neighbourhood, tableRows, type ViewOptions, viewGraph } from '../../apps/web/components/graph/model.ts'
import { stepAt, thresholdSteps } from '../../apps/web/components/graph/threshold.ts'

type Answer = Pick<GraphAnswer, 'nodes' | 'edges'>

function graph(edges: readonly (readonly [string, string, number, string?])[]): Answer {
  const ids = [...new Set([...edges.map(([source]) => source), ...edges.map(([, target]) => target)])]
  return {
    nodes: ids.map((id) => ({
      id,
      label: id,
      kind: id.startsWith('s') ? 'service' : 'host',
      inside: !id.startsWith('o'),
      received: edges.filter(([, target]) => target === id).reduce((sum, [, , value]) => sum + value, 0),
      sent: edges.filter(([source]) => source === id).reduce((sum, [, , value]) => sum + value, 0),
      filter: `addr = ${id}`,
    })),
    edges: edges.map(([source, target, value, service]) => ({
      source,
      target,
      service: service ?? 'tcp/443 https',
      proto: 6,
      port: 443,
      value,
      bytes: value,
      packets: 1,
      flows: 1,
      filter: `${source} ${target}`,
    })),
  }
}

const options = (over: Partial<ViewOptions> = {}): ViewOptions => ({
  limit: 100,
  least: 0,
  focus: '',
  depth: 1,
  unfolded: new Set(),
  previous: new Set(),
  ...over,
})

/** `clients` hosts that each call one of three services, the first the most. */
const star = (clients: number) =>
  graph(Array.from({ length: clients }, (_, i) => [`h${String(i).padStart(3, '0')}`, `s${i % 3}`, 10_000 - i * 10] as const))

describe('what is drawn', () => {
  test('services between the same two ends share one edge that names the heaviest', () => {
    const view = viewGraph(
      graph([
        ['a', 's1', 5, 'tcp/22 ssh'],
        ['a', 's1', 9, 'tcp/443 https'],
        ['a', 's1', 1, 'udp/53 domain'],
      ]),
      options(),
    )
    expect(view.edges).toHaveLength(1)
    expect(view.edges[0]).toMatchObject({ value: 15, label: 'tcp/443 https +2' })
    expect(view.edges[0]?.parts.map((part) => part.value)).toEqual([9, 5, 1])
  })

  test('a graph within the limit is drawn whole', () => {
    const view = viewGraph(star(20), options({ limit: 23 }))
    expect(view.nodes).toHaveLength(23)
    expect(view.hidden).toEqual({ nodes: 0, edges: 0, value: 0 })
  })

  test('beyond the limit the small clients are folded, the named services stay', () => {
    const view = viewGraph(star(100), options({ limit: 20 }))
    expect(view.nodes.length).toBeLessThanOrEqual(20)
    expect(view.nodes.filter((node) => node.kind === 'service')).toHaveLength(3)
    const fold = view.nodes.find((node) => node.kind === 'fold')
    expect(fold?.id).toBe('fold:inside:client')
    expect(fold?.label).toBe(`${fold?.members.length} inside clients`)
    expect(view.nodes.some((node) => node.id === 'h000')).toBe(true)
    expect(fold?.members.some((member) => member.id === 'h099')).toBe(true)
  })

  test('folding loses no traffic: edges add up to the same', () => {
    const edge = fc.tuple(
      fc.integer({ min: 0, max: 40 }).map((n) => (n % 3 === 0 ? `s${n}` : n % 3 === 1 ? `h${n}` : `o${n}`)),
      fc.integer({ min: 0, max: 40 }).map((n) => (n % 3 === 0 ? `s${n}` : n % 3 === 1 ? `h${n}` : `o${n}`)),
      fc.integer({ min: 1, max: 1e9 }),
    )
    fc.assert(
      fc.property(
        fc.array(edge, { maxLength: 120 }),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 0, max: 1e8 }),
        (edges, limit, least) => {
          const answer = graph(edges)
          const view = viewGraph(answer, options({ limit, least }))
          const drawn = view.edges.reduce((sum, one) => sum + one.value, 0)
          expect(drawn + view.hidden.value).toBe(answer.edges.reduce((sum, one) => sum + one.value, 0))
          // Six groups at most, and one node has to stay.
          expect(view.nodes.length).toBeLessThanOrEqual(Math.max(limit, 1 + 6))
          const ids = new Set(view.nodes.map((node) => node.id))
          for (const one of view.edges) expect(ids.has(one.source) && ids.has(one.target) && one.source !== one.target).toBe(true)
        },
      ),
    )
  })

  test('the threshold hides small edges and says how much they were', () => {
    const view = viewGraph(
      graph([
        ['a', 's1', 100],
        ['b', 's1', 3],
      ]),
      options({ least: 10 }),
    )
    expect(view.nodes.map((node) => node.id)).toEqual(['a', 's1'])
    expect(view.hidden).toEqual({ nodes: 1, edges: 1, value: 3 })
  })

  test('a focus shows what is within so many steps, and is never folded', () => {
    const chain = graph([
      ['a', 's1', 5],
      ['s1', 's2', 5],
      ['s2', 's3', 5],
      ['z', 's3', 500],
    ])
    expect(viewGraph(chain, options({ focus: 's1', depth: 1 })).nodes.map((node) => node.id)).toEqual(['a', 's1', 's2'])
    expect(viewGraph(chain, options({ focus: 's1', depth: 2 })).nodes.map((node) => node.id)).toEqual(['a', 's1', 's2', 's3'])
    const small = viewGraph(star(100), options({ limit: 10, focus: 'h099', depth: 3 }))
    expect(small.nodes.some((node) => node.id === 'h099')).toBe(true)
  })

  test('a focus that is not in the answer shows everything instead of nothing', () => {
    expect(viewGraph(star(5), options({ focus: 'gone' })).nodes).toHaveLength(8)
  })

  test('an unfolded group is drawn as its members, one unfolded member alone as itself', () => {
    expect(
      viewGraph(star(30), options({ limit: 10, unfolded: new Set(['fold:inside:client']) })).nodes.some((node) => node.kind === 'fold'),
    ).toBe(false)
    const one = viewGraph(star(30), options({ limit: 10, unfolded: new Set(['h029']) }))
    expect(one.nodes.map((node) => node.id)).toContain('h029')
    expect(one.nodes.some((node) => node.kind === 'fold')).toBe(true)
  })

  test('a node that is drawn stays until another is clearly larger', () => {
    const hosts = (c: number) =>
      graph([
        ['a', 's1', 100],
        ['b', 's1', 99],
        ['c', 's1', c],
        ['d', 's1', 10],
        ['e', 's1', 9],
        ['f', 's1', 8],
      ])
    const ids = (c: number, previous: ReadonlySet<string>) =>
      viewGraph(hosts(c), options({ limit: 4, previous })).nodes.map((node) => node.id)
    const drawn = ids(98, new Set())
    expect(drawn).toEqual(['a', 'b', 'fold:inside:client', 's1'])
    expect(ids(105, new Set(drawn))).toEqual(drawn)
    expect(ids(1000, new Set(drawn))).toEqual(['a', 'c', 'fold:inside:client', 's1'])
  })
})

test('the neighbourhood is walked both ways and ends in a loop', () => {
  const loop = [
    { source: 'a', target: 'b' },
    { source: 'b', target: 'c' },
    { source: 'c', target: 'a' },
  ]
  expect([...neighbourhood(loop, 'b', 1)].sort()).toEqual(['a', 'b', 'c'])
  expect([...neighbourhood(loop, 'x', 3)]).toEqual(['x'])
})

test('labels shown unasked are the heaviest few that carry a fair part', () => {
  const view = viewGraph(
    graph([
      ['a', 's1', 1000],
      ['b', 's1', 500],
      ['c', 's1', 10],
    ]),
    options(),
  )
  expect([...heaviest(view, 6)]).toEqual(['a>s1', 'b>s1'])
  expect([...heaviest(view, 1)]).toEqual(['a>s1'])
})

test('the table has one line per client, server and service, largest first, with its share', () => {
  const rows = tableRows({
    ...graph([
      ['a', 's1', 1],
      ['a', 's1', 3, 'tcp/22 ssh'],
    ]),
    total: { value: 4, bytes: 4, packets: 2, flows: 2 },
  })
  expect(rows.map((row) => [row.edge.service, row.share])).toEqual([
    ['tcp/22 ssh', 0.75],
    ['tcp/443 https', 0.25],
  ])
})

test('threshold steps rise by 1-2-5 and never hide the largest edge', () => {
  expect(thresholdSteps([3, 40, 700])).toEqual([0, 5, 10, 20, 50, 100, 200, 500])
  expect(thresholdSteps([])).toEqual([0])
  expect(thresholdSteps([0])).toEqual([0])
  expect(stepAt([0, 5, 10], 7)).toBe(1)
  expect(stepAt([0, 5, 10], 0)).toBe(0)
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 1e-3, max: 1e12, noNaN: true }), { minLength: 1 }),
      (rates) => (thresholdSteps(rates).at(-1) ?? 0) <= Math.max(...rates),
    ),
  )
})
