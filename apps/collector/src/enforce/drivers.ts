import { join } from 'node:path'
import type { DeviceRow } from '@weir/db/commands'
import {
  type BlockIntent,
  baseRuleset,
  commandsOf,
  isRouteOf,
  LIST_ARGV,
  type LiveBlock,
  parseGobgpRib,
  parseRuleset,
  ruleKey,
} from '@weir/mitigation'
import { DeviceError, run } from './run.ts'

/** How one kind of device is spoken to. Every call may be repeated. Throws DeviceError. */
export interface Driver {
  /** Give the device a rule: `text` is what was approved, or the same for the rest of its time. */
  apply(text: string): Promise<void>
  undo(text: string): Promise<void>
  /** What it carries of ours. */
  list(): Promise<LiveBlock[]>
}

/** The whole rule of a block among what a device carries: by the id in its comment or, as a route has none, by what it matches and does. */
export function findBlock(
  device: DeviceRow,
  live: readonly LiveBlock[],
  { id, intent: { match, action } }: { id: string; intent: BlockIntent },
): LiveBlock | undefined {
  return live.find((each) => {
    if (each.match === null) return false
    if (device.transport === 'gobgp') return isRouteOf({ match: each.match, action: each.action }, match, action)
    return each.id === id && ruleKey(each.match, each.action) === ruleKey(match, action)
  })
}

const TIMEOUT_MS = 15_000
const NOT_THERE = /No such file or directory/
/** What `ip` says of a namespace that is not there: nft was never asked. */
const NO_NAMESPACE = /Cannot open network namespace/

/** nft through `prefix`, which says where it runs. The text goes to its standard input: one transaction. */
function nftables(prefix: readonly string[], remote: boolean): Driver {
  // Over SSH the words are joined for the other side's shell; these are constants of ours, and hold nothing a shell acts on.
  const command = (argv: readonly string[]) => (remote ? [...prefix, argv.join(' ')] : [...prefix, ...argv])
  const ask = async (argv: readonly string[], input: string) => {
    try {
      return await run(command(argv), input, TIMEOUT_MS)
    } catch (error) {
      if (error instanceof DeviceError && NO_NAMESPACE.test(error.message)) throw new DeviceError(error.message, true, error)
      throw error
    }
  }
  const send = (text: string) => ask(['nft', '-f', '-'], baseRuleset() + text).then(() => undefined)
  return {
    apply: send,
    undo: send,
    async list() {
      let text: string
      try {
        text = await ask(LIST_ARGV, '')
      } catch (error) {
        // The whole table is gone: nothing of ours is there.
        if (error instanceof DeviceError && !error.unreachable && NOT_THERE.test(error.message)) return []
        throw error
      }
      try {
        return parseRuleset(JSON.parse(text))
      } catch (error) {
        throw new DeviceError('nft answered with something that cannot be read', false, error)
      }
    },
  }
}

const NO_COUNTERS = { remainingSeconds: null, packets: null, bytes: null }

/** GoBGP's command line against its API; routes end with the daemon. */
function gobgp(device: DeviceRow): Driver {
  const where = ['-u', device.address ?? '127.0.0.1', '-p', String(device.config.port ?? 50_051)]
  const ask = async ([program = '', ...rest]: readonly string[]) => {
    try {
      return await run([program, ...where, ...rest], '', TIMEOUT_MS)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      throw error instanceof DeviceError
        ? new DeviceError(message, error.unreachable || /unavailable|deadline|refused/i.test(message), error)
        : error
    }
  }
  const send = async (text: string) => {
    for (const argv of commandsOf(text, device.dialect)) await ask(argv)
  }
  const tables = device.dialect === 'gobgp-flowspec' ? ['ipv4-flowspec', 'ipv6-flowspec'] : ['ipv4', 'ipv6']
  return {
    apply: send,
    undo: send,
    async list() {
      const routes: LiveBlock[] = []
      for (const table of tables) {
        const text = await ask(['gobgp', 'global', 'rib', '-j', '-a', table])
        try {
          routes.push(...parseGobgpRib(text).map((route) => ({ ...route, id: null, set: table, bank: 0, elements: 1, ...NO_COUNTERS })))
        } catch (error) {
          throw new DeviceError('gobgp answered with something that cannot be read', false, error)
        }
      }
      return routes
    },
  }
}

/** The driver of a device; null for one that a person configures. `keyDir` holds SSH keys and known_hosts, and nothing else reads it. */
export function driverFor(device: DeviceRow, keyDir: string): Driver | null {
  const { address, config, transport } = device
  if (transport === 'none') return null
  if (transport === 'gobgp') return gobgp(device)
  if (transport === 'local') return nftables(config.netns === undefined ? [] : ['ip', 'netns', 'exec', config.netns], false)
  const options = {
    BatchMode: 'yes',
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: join(keyDir, 'known_hosts'),
    IdentitiesOnly: 'yes',
    ConnectTimeout: '8',
  }
  const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  const key = ['-i', join(keyDir, config.keyName ?? 'id_ed25519')]
  return nftables(['ssh', '-T', ...words, ...key, '-p', String(config.port ?? 22), '-l', config.user ?? 'root', '--', address ?? ''], true)
}
