import { createRequire } from 'node:module'
import type { GraphAnswer } from '@weir/db/contracts'
import type { ELK } from 'elkjs/lib/elk-api.js'
import { describe, expect, test } from 'vitest'
import { depth, fromElk, type Layout, labelPlace, signature, splineRoute, toElk } from '../../apps/web/components/graph/layout.ts'
import { type ViewGraph, viewGraph } from '../../apps/web/components/graph/model.ts'

// The real engine, in this thread: the same code the worker runs.
const require = createRequire(new URL('../../apps/web/package.json', import.meta.url))
const Engine = require('elkjs') as new () => ELK
const elk = new Engine()

function answer(count: number, scale = 1): Pick<GraphAnswer, 'nodes' | 'edges'> {
  const services = Math.max(2, Math.round(count / 5))
  const id = (n: number) => (n < services ? `service:${n}` : `host:${n}`)
  const edges = Array.from({ length: count * 2 }, (_, n) => {
    const source = id((n * 7) % count)
    const target = id((n * 3) % services)
    const value = (1 + ((n * 7919) % 1000)) * scale
    return { source, target, service: 'tcp/443 https', proto: 6, port: 443, value, bytes: value, packets: 1, flows: 1, filter: '' }
  }).filter((edge) => edge.source !== edge.target)
  const nodes = Array.from({ length: count }, (_, n) => ({
    id: id(n),
    label: id(n),
    kind: n < services ? ('service' as const) : ('host' as const),
    inside: true,
    received: 0,
    sent: 0,
    filter: '',
  }))
  return { nodes, edges }
}

const all = { limit: 1000, least: 0, focus: '', depth: 1, unfolded: new Set<string>(), previous: new Set<string>() }
const lay = async (view: ViewGraph, previous: Layout | null = null) => fromElk(await elk.layout(toElk(view, previous)), signature(view))

describe('stability', () => {
  test('new rates in the same graph are the same picture', () => {
    const before = viewGraph(answer(40), all)
    const after = viewGraph(answer(40, 3.7), all)
    expect(after.edges[0]?.value).not.toBe(before.edges[0]?.value)
    expect(signature(after)).toBe(signature(before))
    expect(toElk(after, null)).toEqual(toElk(before, null))
  })

  test('the order in which the server lists nodes and edges does not matter', () => {
    const given = answer(30)
    const turned = { nodes: [...given.nodes].reverse(), edges: [...given.edges].reverse() }
    expect(toElk(viewGraph(turned, all), null)).toEqual(toElk(viewGraph(given, all), null))
  })

  test('a node more or an edge less is another picture', () => {
    const view = viewGraph(answer(20), all)
    expect(signature({ ...view, edges: view.edges.slice(1) })).not.toBe(signature(view))
    expect(signature(viewGraph(answer(21), all))).not.toBe(signature(view))
  })

  test('the same question is laid out the same way twice', async () => {
    const view = viewGraph(answer(40), all)
    expect(await lay(view)).toEqual(await lay(view))
  })

  test('a newcomer leaves the order of most others within their columns as it was', async () => {
    const first = await lay(viewGraph(answer(40), all))
    const grown = answer(40)
    grown.nodes.push({
      ...(grown.nodes[39] ?? { kind: 'host', inside: true, received: 0, sent: 0, filter: '' }),
      id: 'host:new',
      label: 'host:new',
    })
    grown.edges.push({
      ...(grown.edges[0] ?? { service: '', proto: 6, port: 1, value: 1, bytes: 1, packets: 1, flows: 1, filter: '' }),
      source: 'host:new',
      target: 'service:1',
    })
    const second = await lay(viewGraph(grown, all), first)
    let same = 0
    let pairs = 0
    const boxes = [...first.nodes]
    for (const [a, one] of boxes) {
      for (const [b, other] of boxes) {
        if (a >= b || one.x !== other.x) continue
        pairs++
        if (Math.sign((second.nodes.get(a)?.y ?? 0) - (second.nodes.get(b)?.y ?? 0)) === Math.sign(one.y - other.y)) same++
      }
    }
    expect(same / pairs).toBeGreaterThan(0.9)
  })
})

describe.each([10, 40, 100])('a layout of %i nodes', (count) => {
  test('places every node, routes every edge, overlaps nothing, and runs from client to server where there is no loop', async () => {
    const view = viewGraph(answer(count), all)
    const layout = await lay(view)
    expect(layout.nodes.size).toBe(view.nodes.length)
    expect(layout.edges.size).toBe(view.edges.length)
    const boxes = [...layout.nodes.values()]
    for (const [i, a] of boxes.entries()) {
      for (const b of boxes.slice(i + 1)) {
        expect(a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y).toBe(true)
      }
    }
    for (const edge of view.edges) {
      if (!edge.source.startsWith('host:')) continue
      expect((layout.nodes.get(edge.source)?.x ?? 0) < (layout.nodes.get(edge.target)?.x ?? 0), edge.id).toBe(true)
    }
  })
})

describe('routes', () => {
  test('three control points make a curve that ends at the server, pointing into it', () => {
    const route = splineRoute({
      startPoint: { x: 0, y: 0 },
      bendPoints: [
        { x: 50, y: 0 },
        { x: 50, y: 100 },
      ],
      endPoint: { x: 100, y: 100 },
    })
    expect(route.path).toBe('M0 0C50 0 50 100 100 100')
    expect(route.end).toEqual({ x: 100, y: 100 })
    expect(Math.abs(route.angle)).toBeLessThan(0.3)
    expect(route.samples.at(6)).toEqual({ x: 50, y: 50 })
  })

  test('an edge without bends is a straight line', () => {
    expect(splineRoute({ startPoint: { x: 0, y: 0 }, endPoint: { x: 10, y: 0 } }).path).toBe('M0 0L10 0')
  })

  test('a label stands in the middle, moves along its line to where there is room, and stays away without any', () => {
    const route = splineRoute({ startPoint: { x: 0, y: 0 }, endPoint: { x: 120, y: 0 } })
    const size = { width: 20, height: 10 }
    expect(labelPlace(route, size, [])).toEqual({ x: 60, y: 0 })
    const moved = labelPlace(route, size, [{ x: 40, y: -10, width: 40, height: 20 }])
    expect(moved?.x === 30 || moved?.x === 90).toBe(true)
    expect(labelPlace(route, size, [{ x: -50, y: -50, width: 300, height: 100 }])).toBeNull()
  })

  test('depth is the longest chain of calls, and loops do not run away', () => {
    const edge = (source: string, target: string) => ({ source, target })
    expect(depth([edge('a', 'b'), edge('b', 'c'), edge('a', 'c')])).toBe(3)
    expect(depth([])).toBe(1)
    expect(depth([edge('a', 'b'), edge('b', 'a')])).toBeLessThanOrEqual(8)
  })
})
