import { execFileSync, spawnSync } from 'node:child_process'
import { Program } from '../support/program.ts'

/** Attacker, router and victim as network namespaces of this test, with the router's exporter reaching the collector on this machine. */
export interface Lab {
  /** Names of the namespaces. */
  attacker: string
  router: string
  victim: string
  /** Where the collector listens. */
  collector: string
  /** Where the router's export comes from. */
  exporter: string
  /** Run a program inside; gives what it printed. */
  inside(namespace: string, argv: readonly string[], input?: string): string
  /** Start a program inside; it is stopped by `remove`. */
  start(namespace: string, argv: readonly string[]): Program
  remove(): Promise<void>
}

const TOOLS = ['ip', 'nft', 'softflowd']

/** Why the lab cannot be built here; null when it can. */
export function labMissing(): string | null {
  if (process.platform !== 'linux') return 'needs Linux'
  if (process.getuid?.() !== 0) return 'needs root'
  const absent = TOOLS.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0)
  if (absent.length > 0) return `needs ${absent.join(', ')}`
  const probe = `weir-probe-${process.pid}`
  if (spawnSync('ip', ['netns', 'add', probe]).status !== 0) return 'needs the right to make network namespaces'
  spawnSync('ip', ['netns', 'del', probe])
  return null
}

export const VICTIM = '10.77.2.10'
/** What floods, and who is a customer. */
export const ATTACKERS = Array.from({ length: 80 }, (_, i) => `198.51.100.${i + 1}`)
export const CUSTOMER = '198.51.100.200'

export function buildLab(): Lab {
  const tag = process.pid.toString(36)
  const [attacker, router, victim] = [`weir-a-${tag}`, `weir-r-${tag}`, `weir-v-${tag}`]
  const [up, down] = [`wru${tag}`.slice(0, 15), `wrd${tag}`.slice(0, 15)]
  const started: Program[] = []
  const ip = (...argv: string[]) => execFileSync('ip', argv, { stdio: 'pipe' })
  const within = (namespace: string, ...argv: string[]) => ip('-n', namespace, ...argv)
  const lab: Lab = {
    attacker,
    router,
    victim,
    collector: '10.77.3.1',
    exporter: '10.77.3.2',
    inside: (namespace, argv, input) =>
      execFileSync('ip', ['netns', 'exec', namespace, ...argv], { encoding: 'utf8', ...(input === undefined ? {} : { input }) }),
    start(namespace, argv) {
      const program = new Program('ip', ['netns', 'exec', namespace, ...argv])
      started.push(program)
      return program
    },
    async remove() {
      await Promise.all(started.map((program) => program.stop('SIGTERM', 5_000).catch(() => undefined)))
      // Their links go with them.
      for (const namespace of [attacker, router, victim]) spawnSync('ip', ['netns', 'del', namespace])
    },
  }
  try {
    for (const namespace of [attacker, router, victim]) {
      ip('netns', 'add', namespace)
      within(namespace, 'link', 'set', 'lo', 'up')
    }
    ip('link', 'add', 'outside', 'netns', attacker, 'type', 'veth', 'peer', 'name', 'ra', 'netns', router)
    ip('link', 'add', 'inside', 'netns', victim, 'type', 'veth', 'peer', 'name', 'rv', 'netns', router)
    ip('link', 'add', up, 'type', 'veth', 'peer', 'name', down, 'netns', router)
    for (const address of [...ATTACKERS, CUSTOMER]) within(attacker, 'address', 'add', `${address}/24`, 'dev', 'outside')
    within(router, 'address', 'add', '198.51.100.254/24', 'dev', 'ra')
    within(router, 'address', 'add', '10.77.2.1/24', 'dev', 'rv')
    within(router, 'address', 'add', '10.77.3.2/30', 'dev', down)
    within(victim, 'address', 'add', `${VICTIM}/24`, 'dev', 'inside')
    ip('address', 'add', '10.77.3.1/30', 'dev', up)
    within(attacker, 'link', 'set', 'outside', 'up')
    within(victim, 'link', 'set', 'inside', 'up')
    for (const link of ['ra', 'rv', down]) within(router, 'link', 'set', link, 'up')
    ip('link', 'set', up, 'up')
    within(attacker, 'route', 'add', 'default', 'via', '198.51.100.254')
    within(victim, 'route', 'add', 'default', 'via', '10.77.2.1')
    lab.inside(router, ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'])
    // What the victim really gets, counted by its own kernel; the router knows nothing of this table.
    lab.inside(
      victim,
      ['nft', '-f', '-'],
      `table inet seen {
        counter attack { }
        counter customer { }
        chain in { type filter hook prerouting priority -300; udp sport 53 counter name attack; ip saddr ${CUSTOMER} counter name customer; }
      }`,
    )
  } catch (error) {
    for (const namespace of [attacker, router, victim]) spawnSync('ip', ['netns', 'del', namespace])
    throw error
  }
  return lab
}

/** Packets that reached the victim. */
export function seenBy(lab: Lab): { attack: number; customer: number } {
  const count = (name: string) =>
    Number(/packets (\d+)/.exec(lab.inside(lab.victim, ['nft', 'list', 'counter', 'inet', 'seen', name]))?.[1])
  return { attack: count('attack'), customer: count('customer') }
}

/** A sender inside a namespace: `perSecond` datagrams of 400 octets from the sources in turn, each with `flows` ports, for at most `seconds`. */
export function sender(
  sources: readonly string[],
  sourcePort: number,
  port: number,
  perSecond: number,
  seconds: number,
  flows = 1,
): string[] {
  const source = `
    const dgram = require('node:dgram')
    const sockets = ${JSON.stringify(sources)}.flatMap((address) => Array.from({ length: ${flows} }, (_, i) => {
      const s = dgram.createSocket('udp4'); s.bind(${sourcePort} + i, address); s.on('error', () => {}); return s
    }))
    const payload = Buffer.alloc(400, 7)
    const started = Date.now()
    let sent = 0
    setInterval(() => {
      const elapsed = Date.now() - started
      if (elapsed > ${seconds * 1000}) process.exit(0)
      for (const due = Math.floor(elapsed * ${perSecond} / 1000); sent < due; sent++) sockets[sent % sockets.length].send(payload, ${port}, '${VICTIM}', () => {})
    }, 50)`
  return [process.execPath, '-e', source]
}

/** What takes datagrams on these ports and says nothing: a closed port would answer each with an ICMP message. */
export function sink(ports: readonly number[]): string[] {
  return [process.execPath, '-e', `for (const port of ${JSON.stringify(ports)}) require('node:dgram').createSocket('udp4').bind(port)`]
}
