import { makeRoom } from '../bounded.ts'
import type { Attempt } from '../conversations.ts'
import type { DetectorFactory } from '../detector.ts'
import { PSH, TCP } from '../event.ts'
import { neighbourhood } from '../networks.ts'

/** Ports that administer a host or hold its data. */
export const ADMIN_PORTS = new Set([22, 23, 135, 139, 389, 445, 3389, 5985, 5986, 5900, 1433, 3306, 5432, 2375, 6443, 10250])
const LEARN_MS = 2 * 86_400_000
const HOUR_MS = 3_600_000
const NEW_PEERS = 3
const LIMIT = 500_000
/** A host that administers this many others anyway is an administrator's: new edges of it are its work. */
const ADMIN_PEERS = 10

interface Host_ {
  /** Admin peers it ever had, and when it got new ones in the last hour. */
  peers: number
  recent: { at: number; peer: string }[]
  /** Inside peers that opened an admin connection to it as a new edge: the first half of a chain. */
  reachedAt: number
  reachedFrom: string
  /** Others that administer it: a workstation has none, a server some. */
  administered: number
}
interface State {
  edges: Set<string>
  hosts: Map<string, Host_>
  evicted: number
}

/**
 * `new_edge` and `lateral` (DETECTION 2.8): an inside host administers an inside host that it never did before. Alone it is
 * context; three new peers in an hour, workstation to workstation, or a chain A→B→C within the hour make it `lateral`.
 */
export const edges: DetectorFactory = (host, restored) => {
  const state = (restored as State | undefined) ?? { edges: new Set(), hosts: new Map(), evicted: 0 }
  const of = (address: string): Host_ => {
    let known = state.hosts.get(address)
    if (known === undefined) {
      known = { peers: 0, recent: [], reachedAt: 0, reachedFrom: '', administered: 0 }
      state.hosts.set(address, known)
    }
    return known
  }
  const look = (attempt: Attempt, now: number) => {
    if (attempt.proto !== TCP || attempt.outcome !== 'made' || attempt.answerOnly || !ADMIN_PORTS.has(attempt.port)) return
    const { client, server, port } = attempt
    if (!host.networks.inside(client) || !host.networks.inside(server) || client === server) return
    const packets = attempt.up.packets
    if (packets < 5 || (attempt.up.flags >= 0 && (attempt.up.flags & PSH) === 0)) return
    const edge = `${client}|${server}|${port}`
    if (state.edges.has(edge)) return
    state.evicted += makeRoom(state.edges, LIMIT)
    state.edges.add(edge)
    const source = of(client)
    const target = of(server)
    const administeredBefore = target.administered
    source.peers++
    target.administered++
    const learnedMs = now - host.watchedSinceMs(attempt.conversation.exporter)
    if (learnedMs < LEARN_MS || host.config.roles[client]?.includes('admin') || source.peers > ADMIN_PEERS) return
    source.recent = source.recent.filter((r) => now - r.at < HOUR_MS)
    source.recent.push({ at: now, peer: server })
    const facts: string[] = []
    const fresh = new Set(source.recent.map((r) => r.peer)).size
    if (fresh >= NEW_PEERS) facts.push(`${fresh} new hosts in an hour`)
    if (administeredBefore === 0 && source.administered === 0 && neighbourhood(client) !== '')
      facts.push('neither end is usually administered')
    if (now - source.reachedAt < HOUR_MS && source.reachedFrom !== server)
      facts.push(`itself reached from ${source.reachedFrom} ${Math.round((now - source.reachedAt) / 60_000)} min before`)
    target.reachedAt = now
    target.reachedFrom = client
    host.report({
      detector: facts.length > 0 ? 'lateral' : 'new_edge',
      severity: facts.length >= 2 ? 'critical' : facts.length === 1 ? 'warning' : 'info',
      actor: client,
      target: server,
      entity: facts.length > 0 ? client : edge,
      firstMs: attempt.startMs,
      window: [attempt.startMs, now],
      statistic: 'first_contact',
      unit: 'edges',
      value: Math.max(1, fresh),
      expected: 0,
      threshold: 1,
      why: `${client} opened tcp/${port} to ${server} for the first time in ${Math.floor(learnedMs / 86_400_000)} days of learning${facts.length > 0 ? `: ${facts.join('; ')}` : ''}.`,
      parts: [{ dimension: 'dst_port', value: String(port), share: 1 }],
      fresh: ['edge'],
      filter: `src_addr = ${client} and dst_addr = ${server} and dst_port = ${port}`,
      windows: 1,
    })
  }
  return { id: 'new_edge', state, settled: look, closed: look }
}
