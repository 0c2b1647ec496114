import { describe, expect, it } from 'vitest'
import { type Conversation, drawGraph } from './graph-model.ts'
import type { ServiceRuleRow } from './settings.ts'
import { addSums, NO_SUMS } from './source.ts'

const INSIDE = ['10.0.0.0/8', 'fc00::/7']

function conversation(a: string, b: string, fields: Partial<Conversation> & { bytes?: number } = {}): Conversation {
  const bytes = BigInt(fields.bytes ?? 100)
  return {
    a,
    b,
    proto: 6,
    port: 443,
    server: 'b',
    aValue: bytes / 10n,
    bValue: bytes - bytes / 10n,
    sums: { flows: 1n, packets: 2n, bytes },
    ...fields,
  }
}

function rule(fields: Partial<ServiceRuleRow>): ServiceRuleRow {
  return { id: 1, name: 'service', prefix: null, proto: null, portLow: null, portHigh: null, source: 'ui', position: 0, ...fields }
}

function draw(conversations: Conversation[], rules: ServiceRuleRow[] = [], limit = 100) {
  const total = conversations.map((one) => one.sums).reduce(addSums, NO_SUMS)
  const graph = drawGraph({ conversations, rules, inside: INSIDE, total, metric: 'bytes', limit })
  expect(graph.edges.reduce((sum, edge) => sum + edge.value, 0) + graph.rest.value).toBe(Number(total.bytes))
  return graph
}

const arrows = (graph: ReturnType<typeof draw>): string[] =>
  graph.edges.map((edge) => `${edge.source} > ${edge.target} ${edge.service} ${edge.value}`)

describe('the service graph', () => {
  it('adds both directions of a conversation to one edge from client to server', () => {
    const graph = draw([conversation('10.0.0.1', '192.0.2.1'), conversation('10.0.0.1', '192.0.2.1', { port: 22, server: 'a', bytes: 7 })])
    expect(arrows(graph)).toEqual(['host:10.0.0.1 > host:192.0.2.1 tcp/443 https 100', 'host:192.0.2.1 > host:10.0.0.1 tcp/22 ssh 7'])
    expect(graph.edges[0]?.filter).toBe('conversation = 10.0.0.1 <-> 192.0.2.1 and proto = tcp and service_port = 443')
    expect(graph.nodes.map((node) => [node.id, node.inside, node.sent, node.received, node.filter])).toEqual([
      ['host:10.0.0.1', true, 100, 7, 'addr = 10.0.0.1'],
      ['host:192.0.2.1', false, 7, 100, 'addr = 192.0.2.1'],
    ])
  })

  it('gives a server the name of the first rule that fits, by network, protocol and port', () => {
    const rules = [
      rule({ id: 1, name: 'resolver', prefix: '10.9.0.53/32', proto: 17, portLow: 53, portHigh: 53 }),
      rule({ id: 2, name: 'web', prefix: '10.1.0.0/16', proto: 6, portLow: 80, portHigh: 443 }),
      rule({ id: 3, name: 'databases', prefix: '10.2.0.0/16' }),
      rule({ id: 4, name: 'some DNS', portLow: 53, portHigh: 53 }),
    ]
    const graph = draw(
      [
        conversation('10.5.0.1', '10.1.0.7', { bytes: 600 }),
        conversation('10.1.0.7', '10.2.0.9', { port: 5432, bytes: 500 }),
        conversation('10.2.0.9', '10.9.0.53', { proto: 17, port: 53, bytes: 400 }),
        conversation('10.5.0.1', '8.8.8.8', { proto: 17, port: 53, bytes: 300 }),
        conversation('10.5.0.1', '10.1.0.8', { port: 22, bytes: 200 }),
      ],
      rules,
    )
    expect(arrows(graph)).toEqual([
      'host:10.5.0.1 > service:web tcp/443 https 600',
      'service:web > service:databases tcp/5432 postgresql 500',
      'service:databases > service:resolver udp/53 dns 400',
      'host:10.5.0.1 > service:some DNS@outside udp/53 dns 300',
      // Not a port of the rule, but an address of its network: it is still the web service that is reached, by another way.
      'host:10.5.0.1 > service:web tcp/22 ssh 200',
    ])
    const filters = Object.fromEntries(graph.nodes.map((node) => [node.label, node.filter]))
    expect(filters).toMatchObject({ web: 'addr = 10.1.0.0/16', resolver: 'addr = 10.9.0.53', 'some DNS': 'service_port = 53' })
  })

  it('joins the networks of rules with one name', () => {
    const rules = [rule({ id: 1, name: 'web', prefix: '10.1.0.0/24' }), rule({ id: 2, name: 'web', prefix: '10.2.0.0/24' })]
    const graph = draw([conversation('10.5.0.1', '10.1.0.1'), conversation('10.5.0.1', '10.2.0.1')], rules)
    expect(arrows(graph)).toEqual(['host:10.5.0.1 > service:web tcp/443 https 200'])
    expect(graph.nodes.find((node) => node.label === 'web')?.filter).toBe('addr in (10.1.0.0/24, 10.2.0.0/24)')
  })

  it('leaves what a service says to itself to the rest', () => {
    const graph = draw(
      [conversation('10.1.0.1', '10.1.0.2', { bytes: 50 }), conversation('10.5.0.1', '10.1.0.2')],
      [rule({ name: 'web', prefix: '10.1.0.0/24' })],
    )
    expect(arrows(graph)).toEqual(['host:10.5.0.1 > service:web tcp/443 https 100'])
    expect(graph.rest).toEqual({ value: 50, edges: 1 })
  })

  it('infers the server where records do not say: a rule with a network, then more peers, then the larger sender', () => {
    const unknown = { server: null }
    const many = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((client) => conversation(client, '192.0.2.1', { ...unknown, bytes: 10 }))
    expect(arrows(draw(many)).every((arrow) => arrow.includes('> host:192.0.2.1'))).toBe(true)
    expect(arrows(draw([conversation('10.0.0.1', '10.0.0.2', { ...unknown, aValue: 90n, bValue: 10n })]))[0]).toContain(
      'host:10.0.0.2 > host:10.0.0.1',
    )
    const ruled = draw(
      [...many, conversation('10.1.0.1', '192.0.2.1', { ...unknown, bytes: 9 })],
      [rule({ name: 'web', prefix: '10.1.0.0/24', portLow: 443, portHigh: 443 })],
    )
    expect(arrows(ruled)).toContain('host:192.0.2.1 > service:web tcp/443 https 9')
  })

  it('folds small hosts into networks, then into one group on each side, and keeps the largest', () => {
    const hosts = Array.from({ length: 40 }, (_, index) => conversation(`10.0.${index % 4}.${index}`, '10.9.9.9', { bytes: 10 + index }))
    const outside = Array.from({ length: 40 }, (_, index) => conversation('10.9.9.9', `198.51.100.${index}`, { bytes: 5 }))
    const graph = draw([...hosts, ...outside], [], 10)
    expect(graph.nodes.length).toBeLessThanOrEqual(10)
    expect(graph.nodes[0]?.id).toBe('host:10.9.9.9')
    const labels = graph.nodes.map((node) => node.label)
    for (const label of ['Internet', '10.0.3.0/24']) expect(labels).toContain(label)
    expect(graph.nodes.find((node) => node.label === '10.0.3.0/24')).toMatchObject({
      kind: 'group',
      inside: true,
      filter: 'addr = 10.0.3.0/24',
    })
    expect(graph.nodes.find((node) => node.label === 'Internet')?.filter).toBe(
      'src_addr not in (10.0.0.0/8, fc00::/7) or dst_addr not in (10.0.0.0/8, fc00::/7)',
    )
    expect(graph.rest.value).toBe(0)
  })

  it('with two places shows the two sides', () => {
    const graph = draw([conversation('10.0.0.1', '192.0.2.1'), conversation('10.0.0.2', '192.0.2.2')], [], 2)
    expect(arrows(graph)).toEqual(['group:inside > group:outside tcp/443 https 200'])
  })
})
