import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { findTool, type Tool, toolEnvironment } from '../../../scripts/test/tools.ts'

/** Real devices for the tests of enforcement: a kernel's nftables in a namespace, an SSH server in front of it, a BGP speaker. */

/** Why these cannot be had here; null when they can. */
export function devicesMissing(tools: readonly Tool[], namespaces: boolean): string | null {
  const absent = tools.filter((tool) => findTool(tool) === null)
  if (absent.length > 0) return `needs ${absent.join(', ')}`
  if (!namespaces) return null
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs Linux and root'
  const probe = `weir-probe-${process.pid}`
  if (spawnSync('ip', ['netns', 'add', probe]).status !== 0) return 'needs the right to make network namespaces'
  spawnSync('ip', ['netns', 'del', probe])
  return null
}

/** The drivers look for programs along PATH; those of the cache are found there too. */
export function toolsOnPath(tools: readonly Tool[]): void {
  for (const tool of tools) {
    const file = findTool(tool)
    const folder = file === null ? null : path.dirname(file)
    if (folder !== null && !(process.env.PATH ?? '').split(':').includes(folder)) process.env.PATH = `${process.env.PATH}:${folder}`
  }
}

export async function freePort(): Promise<number> {
  const from = Number(process.env.WEIR_TEST_PORT_BASE ?? 21_700) + 100
  for (let tries = 0; tries < 100; tries++) {
    const port = from + Math.floor(Math.random() * 100)
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
    })
    if (free) return port
  }
  throw new Error(`no free port from ${from} on`)
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** A kernel's packet filter of its own. */
export interface NftDevice {
  namespace: string
  /** Ids of the blocks that it carries, each as often as it has elements. */
  carried(): string[]
  inside(argv: readonly string[], input?: string): string
  remove(): void
}

let counter = 0

export function nftDevice(): NftDevice {
  const namespace = `weir-n${process.pid.toString(36)}-${counter++}`
  execFileSync('ip', ['netns', 'add', namespace])
  execFileSync('ip', ['-n', namespace, 'link', 'set', 'lo', 'up'])
  const inside = (argv: readonly string[], input?: string) =>
    execFileSync('ip', ['netns', 'exec', namespace, ...argv], {
      encoding: 'utf8',
      stdio: 'pipe',
      maxBuffer: 64e6,
      ...(input === undefined ? {} : { input }),
    })
  return {
    namespace,
    inside,
    carried() {
      const shown = spawnSync('ip', ['netns', 'exec', namespace, 'nft', 'list', 'table', 'inet', 'weir'], {
        encoding: 'utf8',
        maxBuffer: 64e6,
      })
      return [...shown.stdout.matchAll(/comment "weir-([a-z0-9-]+)"/g)].map(([, id]) => id ?? '')
    },
    remove: () => void spawnSync('ip', ['netns', 'del', namespace]),
  }
}

/** Wait until a program says, on either output, that it is ready; rejects with what it said when it ends before. */
function program(argv: readonly string[], env: NodeJS.ProcessEnv): { said: () => string; ended: () => boolean; stop(): Promise<void> } {
  const [file = '', ...rest] = argv
  const child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'pipe'], env })
  let output = ''
  let over = false
  const end = new Promise<void>((resolve) => {
    child.once('close', () => {
      over = true
      resolve()
    })
    child.once('error', (error) => {
      output += String(error)
      over = true
      resolve()
    })
  })
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  return {
    said: () => output,
    ended: () => over,
    async stop() {
      if (!over) child.kill('SIGTERM')
      await Promise.race([end, pause(3_000)])
      if (!over) child.kill('SIGKILL')
      await end
    },
  }
}

export interface SshDevice {
  address: string
  port: number
  /** The enforcer's folder: `id_ed25519` and `known_hosts` with the server's key pinned. */
  keyDir: string
  stop(): Promise<void>
}

/**
 * A real sshd inside the namespace of `device`, reached over a link of its own: host key and login key made for it, no passwords. It runs in a
 * mount namespace with an account file and /run of its own, so that the machine needs neither the account `sshd` nor any change.
 */
export async function sshDevice(device: NftDevice): Promise<SshDevice> {
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-sshd-'))
  const keyDir = path.join(folder, 'keys')
  mkdirSync(keyDir, { mode: 0o700 })
  const keygen = findTool('ssh-keygen') ?? ''
  for (const file of ['host', 'keys/id_ed25519'])
    execFileSync(keygen, ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path.join(folder, file)], { env: toolEnvironment(keygen) })
  copyFileSync(path.join(keyDir, 'id_ed25519.pub'), path.join(folder, 'authorized'))
  chmodSync(path.join(folder, 'authorized'), 0o600)
  const tag = `${(process.pid % 46_656).toString(36)}${counter++}`
  const net = `10.79.${process.pid % 250}`
  const port = 22
  const [out, into] = [`ws${tag}`, `wi${tag}`]
  const ip = (...argv: string[]) => execFileSync('ip', argv, { stdio: 'pipe' })
  ip('link', 'add', out, 'type', 'veth', 'peer', 'name', into, 'netns', device.namespace)
  ip('address', 'add', `${net}.1/30`, 'dev', out)
  ip('link', 'set', out, 'up')
  ip('-n', device.namespace, 'address', 'add', `${net}.2/30`, 'dev', into)
  ip('-n', device.namespace, 'link', 'set', into, 'up')
  const accounts = readFileSync('/etc/passwd', 'utf8')
  const own = /^sshd:/m.test(accounts) ? accounts : `${accounts.trimEnd()}\nsshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n`
  writeFileSync(path.join(folder, 'passwd'), own)
  writeFileSync(
    path.join(folder, 'sshd_config'),
    [
      `ListenAddress ${net}.2`,
      `Port ${port}`,
      `HostKey ${folder}/host`,
      `AuthorizedKeysFile ${folder}/authorized`,
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin prohibit-password',
      'UsePAM no',
      'StrictModes no',
      `PidFile ${folder}/pid`,
      'LogLevel VERBOSE',
      '',
    ].join('\n'),
  )
  const key = readFileSync(path.join(folder, 'host.pub'), 'utf8').trim().split(' ').slice(0, 2).join(' ')
  writeFileSync(path.join(keyDir, 'known_hosts'), `${net}.2 ${key}\n`)
  const sshd = findTool('sshd') ?? ''
  // The namespace of the network is entered last, for its name lies below the /run that is covered before.
  const script = [
    `exec 3</run/netns/${device.namespace}`,
    `mount --bind ${folder}/passwd /etc/passwd`,
    'mount -t tmpfs tmpfs /run',
    'mkdir -p /run/sshd',
    `exec nsenter --net=/proc/self/fd/3 ${sshd} -D -e -f ${folder}/sshd_config`,
  ].join(' && ')
  const running = program(['unshare', '-m', 'sh', '-c', script], toolEnvironment(sshd))
  const stop = async () => {
    await running.stop()
    spawnSync('ip', ['link', 'del', out])
    rmSync(folder, { recursive: true, force: true })
  }
  for (let tries = 0; !/Server listening/.test(running.said()); tries++) {
    if (running.ended() || tries === 100) {
      const said = running.said()
      await stop()
      throw new Error(`sshd did not start: ${said}`)
    }
    await pause(50)
  }
  return { address: `${net}.2`, port, keyDir, stop }
}

export interface BgpDevice {
  port: number
  /** What the speaker holds, as it says it in words. */
  table(family: 'ipv4' | 'ipv6' | 'ipv4-flowspec' | 'ipv6-flowspec'): string
  stop(): Promise<void>
}

export async function bgpDevice(): Promise<BgpDevice> {
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-gobgp-'))
  const config = path.join(folder, 'gobgpd.toml')
  writeFileSync(config, '[global.config]\n  as = 65010\n  router-id = "127.0.0.1"\n  port = -1\n')
  const port = await freePort()
  const [daemon, client] = [findTool('gobgpd') ?? '', findTool('gobgp') ?? '']
  const running = program([daemon, '-f', config, '--api-hosts', `127.0.0.1:${port}`, '--pprof-disable'], toolEnvironment(daemon))
  const ask = (...argv: string[]) =>
    spawnSync(client, ['-u', '127.0.0.1', '-p', String(port), ...argv], { encoding: 'utf8', env: toolEnvironment(client), maxBuffer: 64e6 })
  const stop = async () => {
    await running.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  for (let tries = 0; ask('global').status !== 0; tries++) {
    if (running.ended() || tries === 50) {
      await stop()
      throw new Error(`gobgpd did not start: ${running.said()}`)
    }
    await pause(100)
  }
  return { port, table: (family) => ask('global', 'rib', '-a', family).stdout, stop }
}
