/**
 * From conversations to a readable graph. Pure: addresses become nodes named by the service rules, small ones fold, and everything that is
 * not on a shown edge is in `rest`.
 */
import type { GraphAnswer, Metric } from '../contracts/api.ts'
import { type Filter, type FilterValue, printFilter } from '../contracts/filter.ts'
import { addressBits, formatAddress, maskAddress, parseAddress } from '../contracts/ip.ts'
import { serviceLabel } from '../contracts/services.ts'
import { equals, networkValue } from './dimensions.ts'
import type { ServiceRuleRow } from './settings.ts'
import { addSums, NO_SUMS, type Sums, subtract, sumsObject } from './source.ts'

/** Everything two addresses (or networks) exchanged on one service; `a` sorts before `b`. */
export interface Conversation {
  a: string
  b: string
  proto: number | null
  port: number | null
  /** Which end has the service port; null when the records do not say. */
  server: 'a' | 'b' | null
  /** What each end sent, in the chosen metric. */
  aValue: bigint
  bValue: bigint
  sums: Sums
}

export interface GraphInput {
  conversations: readonly Conversation[]
  /** In the order they are tried. */
  rules: readonly ServiceRuleRow[]
  /** Networks that are inside. */
  inside: readonly string[]
  total: Sums
  metric: Metric
  /** At most this many nodes. */
  limit: number
}

/** What an address is drawn as. Networks are filter values; null: any address. */
interface Node {
  id: string
  label: string
  kind: 'service' | 'host' | 'group'
  inside: boolean
  /** What the node stands for in a filter; null when no network says it. */
  values: FilterValue[] | null
  rule: ServiceRuleRow | null
}

interface Network {
  family: 4 | 6
  low: bigint
  high: bigint
}

function networkOf(text: string): Network | null {
  const [host = '', length] = text.split('/')
  const address = parseAddress(host)
  if (address === null) return null
  const bits = length === undefined ? addressBits(address.family) : Number(length)
  return { family: address.family, low: maskAddress(address, bits).value, high: maskAddress(address, bits, true).value }
}

/** Networks that can be asked whether they hold a whole address or network. */
class NetworkSet {
  readonly #networks: readonly Network[]

  constructor(texts: readonly string[]) {
    this.#networks = texts.flatMap((text) => networkOf(text) ?? [])
  }

  has(network: Network): boolean {
    return this.#networks.some((known) => known.family === network.family && known.low <= network.low && known.high >= network.high)
  }
}

interface CompiledRule {
  row: ServiceRuleRow
  networks: NetworkSet | null
}

/** Names addresses by the rules; answers are remembered, because few addresses make most conversations. */
class Namer {
  readonly #rules: readonly CompiledRule[]
  readonly #inside: NetworkSet
  readonly #hosts = new Map<string, Node>()
  readonly #servers = new Map<string, ServiceRuleRow | null>()

  constructor(rules: readonly ServiceRuleRow[], inside: readonly string[]) {
    this.#rules = rules.map((row) => ({ row, networks: row.prefix === null ? null : new NetworkSet([row.prefix]) }))
    this.#inside = new NetworkSet(inside)
  }

  /** The first rule that fits a server at an address. */
  serverRule(address: string, proto: number | null, port: number | null): ServiceRuleRow | null {
    const key = `${address} ${proto} ${port}`
    const known = this.#servers.get(key)
    if (known !== undefined) return known
    const network = networkOf(address)
    const found = this.#rules.find(
      ({ row, networks }) =>
        (networks === null || (network !== null && networks.has(network))) &&
        (row.proto === null || row.proto === proto) &&
        (row.portLow === null || (port !== null && port >= row.portLow && port <= (row.portHigh ?? row.portLow))),
    )
    const rule = found?.row ?? null
    this.#servers.set(key, rule)
    return rule
  }

  server(address: string, proto: number | null, port: number | null): Node {
    const rule = this.serverRule(address, proto, port)
    return rule === null ? this.host(address) : this.#service(rule, address)
  }

  /** A client, or a server that no rule fits by port: the first rule with a network around it names it, else it is itself. */
  host(address: string): Node {
    const known = this.#hosts.get(address)
    if (known !== undefined) return known
    const network = networkOf(address)
    const rule = network === null ? undefined : this.#rules.find(({ networks }) => networks?.has(network) === true)
    const node: Node =
      rule === undefined
        ? {
            id: `host:${address}`,
            label: address,
            kind: address.includes('/') ? 'group' : 'host',
            inside: this.isInside(address),
            values: [networkValue(address)],
            rule: null,
          }
        : this.#service(rule.row, address)
    this.#hosts.set(address, node)
    return node
  }

  /** Rules of one name are one service, on one side of the border. */
  #service(rule: ServiceRuleRow, address: string): Node {
    const inside = this.isInside(address)
    const same = this.#rules.filter(({ row }) => row.name === rule.name).map(({ row }) => row.prefix)
    const values = same.some((prefix) => prefix === null)
      ? null
      : same.flatMap((prefix) => (prefix === null ? [] : [networkValue(hostOrNetwork(prefix))]))
    return { id: `service:${rule.name}${inside ? '' : '@outside'}`, label: rule.name, kind: 'service', inside, values, rule }
  }

  isInside(address: string): boolean {
    const network = networkOf(address)
    return network !== null && this.#inside.has(network)
  }
}

/** `10.0.0.1/32` as `10.0.0.1`, which is how filters write a host. */
function hostOrNetwork(prefix: string): string {
  const [host = '', length] = prefix.split('/')
  const address = parseAddress(host)
  return address !== null && length === String(addressBits(address.family)) ? host : prefix
}

interface Edge {
  client: Node
  server: Node
  proto: number | null
  port: number | null
  sums: Sums
}

/** The graph of the API from conversations, with the exact rest. */
export function drawGraph(input: GraphInput): Pick<GraphAnswer, 'nodes' | 'edges' | 'rest'> {
  const namer = new Namer(input.rules, input.inside)
  const all = mergeEdges(direct(input.conversations, namer), (node) => node)
  const fold = folding(all, input, namer)
  const merged = mergeEdges(all, fold)
  const edges = merged.filter((edge) => edge.client.id !== edge.server.id)
  const shown = edges.map((edge) => edge.sums).reduce(addSums, NO_SUMS)
  const { metric } = input
  edges.sort((x, y) => descending(x.sums[metric], y.sums[metric]) || (edgeId(x) < edgeId(y) ? -1 : 1))
  const received = new Map<string, bigint>()
  const sent = new Map<string, bigint>()
  const nodes = new Map<string, Node>()
  for (const { client, server, sums } of edges) {
    nodes.set(client.id, client)
    nodes.set(server.id, server)
    sent.set(client.id, (sent.get(client.id) ?? 0n) + sums[metric])
    received.set(server.id, (received.get(server.id) ?? 0n) + sums[metric])
  }
  const weight = (id: string): bigint => (received.get(id) ?? 0n) + (sent.get(id) ?? 0n)
  return {
    nodes: [...nodes.values()]
      .sort((x, y) => descending(weight(x.id), weight(y.id)) || (x.id < y.id ? -1 : 1))
      .map((node) => ({
        id: node.id,
        label: node.label,
        kind: node.kind,
        inside: node.inside,
        received: Number(received.get(node.id) ?? 0n),
        sent: Number(sent.get(node.id) ?? 0n),
        filter: nodeFilter(node, input.inside),
      })),
    edges: edges.map((edge) => ({
      source: edge.client.id,
      target: edge.server.id,
      service: serviceLabel(edge.proto, edge.port),
      // 255 is reserved (IANA "Protocol Numbers") and stands for unknown where the shape asks for a number.
      proto: edge.proto ?? 255,
      port: edge.port,
      ...sumsObject(edge.sums, metric),
      filter: edgeFilter(edge),
    })),
    rest: { value: Number(subtract(input.total, shown)[metric]), edges: all.length - edges.length },
  }
}

function descending(x: bigint, y: bigint): number {
  return x === y ? 0 : x > y ? -1 : 1
}

function edgeId(edge: Edge): string {
  return `${edge.client.id}>${edge.server.id} ${edge.proto} ${edge.port}`
}

/** Conversations as edges client → server. */
function direct(conversations: readonly Conversation[], namer: Namer): Edge[] {
  const peers = new Map<string, Set<string>>()
  const note = (end: string, peer: string, { proto, port }: Conversation): void => {
    const key = `${end} ${proto} ${port}`
    const own = peers.get(key) ?? new Set<string>()
    own.add(peer)
    peers.set(key, own)
  }
  for (const conversation of conversations) {
    if (conversation.server !== null) continue
    note(conversation.a, conversation.b, conversation)
    note(conversation.b, conversation.a, conversation)
  }
  return conversations.map((conversation) => {
    const { a, b, proto, port, sums } = conversation
    const server = conversation.server ?? inferServer(conversation, namer, (end) => peers.get(`${end} ${proto} ${port}`)?.size ?? 0)
    const [client, other] = server === 'b' ? [a, b] : [b, a]
    return { client: namer.host(client), server: namer.server(other, proto, port), proto, port, sums }
  })
}

/** The likelier server: by rule with a network, then by the number of peers on that port, then by who sends more. */
function inferServer(conversation: Conversation, namer: Namer, peersOf: (end: string) => number): 'a' | 'b' {
  const { a, b, proto, port, aValue, bValue } = conversation
  const named = (end: string): boolean => namer.serverRule(end, proto, port)?.prefix != null
  if (named(a) !== named(b)) return named(a) ? 'a' : 'b'
  const [aPeers, bPeers] = [peersOf(a), peersOf(b)]
  if (aPeers !== bPeers) return aPeers > bPeers ? 'a' : 'b'
  return aValue > bValue ? 'a' : 'b'
}

/** Edges with the same ends and service added up, after each end is replaced by what it is drawn as. */
function mergeEdges(edges: readonly Edge[], drawnAs: (node: Node) => Node): Edge[] {
  const merged = new Map<string, Edge>()
  for (const edge of edges) {
    const moved = { ...edge, client: drawnAs(edge.client), server: drawnAs(edge.server) }
    const known = merged.get(edgeId(moved))
    if (known === undefined) merged.set(edgeId(moved), moved)
    else known.sums = addSums(known.sums, moved.sums)
  }
  return [...merged.values()]
}

const INSIDE_GROUP: Node = { id: 'group:inside', label: 'other hosts inside', kind: 'group', inside: true, values: null, rule: null }
const OUTSIDE_GROUP: Node = { id: 'group:outside', label: 'Internet', kind: 'group', inside: false, values: null, rule: null }

/** Prefix lengths of the networks into which inside hosts fold. */
const FOLD_LENGTH = { 4: 24, 6: 64 } as const

/**
 * What each node is drawn as, so that at most `limit` stay: the largest keep themselves, hosts inside fold into their network, and what is
 * still too many folds into one group on each side.
 */
function folding(edges: readonly Edge[], input: GraphInput, namer: Namer): (node: Node) => Node {
  const weights = new Map<string, bigint>()
  const nodes = new Map<string, Node>()
  for (const { client, server, sums } of edges) {
    for (const node of client.id === server.id ? [client] : [client, server]) {
      nodes.set(node.id, node)
      weights.set(node.id, (weights.get(node.id) ?? 0n) + sums[input.metric])
    }
  }
  if (nodes.size <= input.limit) return (node) => node
  const ranked = [...nodes.values()].sort((x, y) => descending(weights.get(x.id) ?? 0n, weights.get(y.id) ?? 0n) || (x.id < y.id ? -1 : 1))
  // Half of the places for the largest single nodes, the others for networks; two are kept for the groups.
  const places = Math.max(0, input.limit - 2)
  const single = new Set(ranked.slice(0, Math.ceil(places / 2)).map((node) => node.id))
  const networkWeights = new Map<string, bigint>()
  const networkOfNode = new Map<string, Node>()
  for (const node of ranked) {
    if (single.has(node.id)) continue
    const target = networkNode(node, namer)
    networkOfNode.set(node.id, target)
    networkWeights.set(target.id, (networkWeights.get(target.id) ?? 0n) + (weights.get(node.id) ?? 0n))
  }
  const keptNetworks = new Set(
    [...networkWeights]
      .sort(([xId, x], [yId, y]) => descending(x, y) || (xId < yId ? -1 : 1))
      .slice(0, places - single.size)
      .map(([id]) => id),
  )
  return (node) => {
    if (single.has(node.id)) return node
    const network = networkOfNode.get(node.id) ?? node
    if (keptNetworks.has(network.id)) return network
    return node.inside ? INSIDE_GROUP : OUTSIDE_GROUP
  }
}

/** An inside host's network; anything else stays itself and competes for a place. */
function networkNode(node: Node, namer: Namer): Node {
  if (node.kind !== 'host' || !node.inside) return node
  const address = parseAddress(node.label)
  if (address === null) return node
  const length = FOLD_LENGTH[address.family]
  const label = `${formatAddress(maskAddress(address, length))}/${length}`
  return { id: `group:${label}`, label, kind: 'group', inside: namer.isInside(label), values: [networkValue(label)], rule: null }
}

/** Part of the edge's or node's filter that says the address. */
function addressFilter(values: readonly FilterValue[]): Filter {
  const [only] = values
  if (values.length === 1 && only !== undefined) return equals('addr', only)
  return { kind: 'in', field: 'addr', negated: false, values: [...values] }
}

/** At most as many networks as a filter's list holds. */
const FILTER_NETWORKS = 256

function nodeFilter(node: Node, inside: readonly string[]): string {
  if (node.values !== null && node.values.length <= FILTER_NETWORKS) {
    return printFilter(addressFilter(node.values))
  }
  if (node.rule !== null) return printFilter(ruleFilter(node.rule))
  const networks = inside.slice(0, FILTER_NETWORKS).map((network) => networkValue(hostOrNetwork(network)))
  if (node.inside) return printFilter(addressFilter(networks))
  // Outside: at least one end is not inside.
  const outside = (field: string): Filter => ({ kind: 'in', field, negated: true, values: networks })
  return printFilter({ kind: 'or', items: [outside('src_addr'), outside('dst_addr')] })
}

function ruleFilter(rule: ServiceRuleRow): Filter {
  const items: Filter[] = []
  if (rule.proto !== null) items.push(equals('proto', { kind: 'number', value: rule.proto }))
  if (rule.portLow !== null) {
    const high = rule.portHigh ?? rule.portLow
    items.push(equals('service_port', high === rule.portLow ? { kind: 'number', value: high } : { kind: 'range', low: rule.portLow, high }))
  }
  const [only] = items
  if (items.length === 0) return { kind: 'unknown', field: 'service_port', negated: true }
  return items.length === 1 && only !== undefined ? only : { kind: 'and', items }
}

function edgeFilter(edge: Edge): string {
  const ends = [edge.client, edge.server].flatMap((node) => (node.values === null ? [] : [addressFilter(node.values)]))
  const pair = pairFilter(edge)
  const items: Filter[] = [
    ...(pair === null ? ends : [pair]),
    equals('proto', edge.proto === null ? null : { kind: 'number', value: edge.proto }),
    equals('service_port', edge.port === null ? null : { kind: 'number', value: edge.port }),
  ]
  return printFilter({ kind: 'and', items })
}

/** Both ends as one condition when each is one network. */
function pairFilter(edge: Edge): Filter | null {
  const [client, ...moreClients] = edge.client.values ?? []
  const [server, ...moreServers] = edge.server.values ?? []
  if (client?.kind !== 'network' || server?.kind !== 'network' || moreClients.length > 0 || moreServers.length > 0) return null
  const text = (value: typeof client): string =>
    value.length === addressBits(value.family) ? value.address : `${value.address}/${value.length}`
  return equals('conversation', { kind: 'pair', src: text(client), dst: text(server), both: true })
}
