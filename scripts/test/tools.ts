/**
 * Foreign programs the tests talk to (real exporters, a second collector, devices that take blocks), found or fetched without touching the system.
 *
 * Installing Debian's nfdump, pmacct or an SSH server would also enable their services, and nfdump's takes UDP 2055, Weir's own port. So what is missing is
 * downloaded by apt into node_modules/.cache/weir-tools, unpacked there and run from there. That needs no root either.
 */
import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Program → Debian package. */
const PACKAGES = {
  softflowd: 'softflowd',
  pmacctd: 'pmacct',
  nfcapd: 'nfdump',
  nfdump: 'nfdump',
  sfcapd: 'nfdump-sflow',
  stunnel4: 'stunnel4',
  openssl: 'openssl',
  // What blocks are put on.
  nft: 'nftables',
  sshd: 'openssh-server',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  gobgpd: 'gobgpd',
  gobgp: 'gobgpd',
} as const
export type Tool = keyof typeof PACKAGES
export const TOOLS: readonly Tool[] = [
  'softflowd',
  'pmacctd',
  'nfcapd',
  'nfdump',
  'sfcapd',
  'stunnel4',
  'openssl',
  'nft',
  'sshd',
  'ssh',
  'ssh-keygen',
  'gobgpd',
  'gobgp',
]

const cache = fileURLToPath(new URL('../../node_modules/.cache/weir-tools', import.meta.url))
const unpacked = path.join(cache, 'root')
const PLACES = ['usr/sbin', 'usr/bin', 'sbin', 'bin']

/** The path of a program, on the system or in the cache; null when it is nowhere. */
export function findTool(tool: Tool): string | null {
  const folders = [
    ...(process.env.PATH ?? '').split(path.delimiter),
    '/usr/sbin',
    '/usr/local/sbin',
    '/sbin',
    ...PLACES.map((at) => path.join(unpacked, at)),
  ]
  for (const folder of folders) {
    const file = path.join(folder, tool)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // Not in this one.
    }
  }
  return null
}

/** Environment in which programs of the cache find their libraries; the system's own programs do not see it. */
export function toolEnvironment(file: string): NodeJS.ProcessEnv {
  if (!file.startsWith(unpacked)) return { ...process.env }
  const lib = path.join(unpacked, 'usr/lib')
  const arch = existsSync(lib) ? readdirSync(lib).filter((name) => name.includes('linux-gnu')) : []
  const folders = arch.flatMap((name) => [path.join(lib, name), path.join(unpacked, 'lib', name)])
  return { ...process.env, LD_LIBRARY_PATH: [...folders, lib].join(':') }
}

export const missingTools = (): Tool[] => TOOLS.filter((tool) => findTool(tool) === null)

/** The command a person would type instead. */
export const installCommand = (tools: readonly Tool[]): string =>
  `apt-get install --no-install-recommends ${[...new Set(tools.map((tool) => PACKAGES[tool]))].join(' ')}`

/**
 * Fetch what is missing. Gives what is still missing afterwards and why. Never throws: tests that need an absent program say so and are skipped.
 */
export async function fetchTools(): Promise<{ missing: Tool[]; reason: string }> {
  const missing = missingTools()
  if (missing.length === 0) return { missing, reason: '' }
  const packages = [...new Set(missing.map((tool) => PACKAGES[tool]))]
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'debs', 'root'])
    mkdirSync(path.join(cache, folder), { recursive: true })
  // A settings file of our own: an administrator's proxies and sources stay, only the places of state change.
  const settings = path.join(cache, 'apt.conf')
  const status = process.env.WEIR_DPKG_STATUS ?? '/var/lib/dpkg/status'
  writeFileSync(
    settings,
    [
      `Dir::State "${cache}/state";`,
      `Dir::State::status "${status}";`,
      `Dir::Cache "${cache}/cache";`,
      'APT::Sandbox::User "";',
      'Debug::NoLocking "1";',
      'Acquire::Retries "2";',
      '',
    ].join('\n'),
  )
  const options = {
    cwd: path.join(cache, 'debs'),
    env: { ...process.env, APT_CONFIG: settings, LC_ALL: 'C' },
    maxBuffer: 32e6,
    timeout: 240_000,
  }
  try {
    await run('apt-get', ['-qq', 'update'], options)
    // What apt would install, given what is there: one quoted address per package and dependency.
    const { stdout } = await run('apt-get', ['-qq', '-y', '--no-install-recommends', '--print-uris', 'install', ...packages], options)
    const wanted = [...stdout.matchAll(/^'[^']+' ([^_\s]+)_(\S+)_\S+\.deb /gm)].map(
      ([, name, version]) => `${name}=${decodeURIComponent(version ?? '')}`,
    )
    if (wanted.length > 0) await run('apt-get', ['-qq', 'download', ...wanted], options)
    for (const deb of readdirSync(options.cwd).filter((name) => name.endsWith('.deb'))) {
      await run('dpkg-deb', ['-x', path.join(options.cwd, deb), unpacked], options)
    }
  } catch (error) {
    const text = error instanceof Error && 'stderr' in error && error.stderr !== '' ? String(error.stderr) : String(error)
    return { missing: missingTools(), reason: /ENOENT/.test(text) ? 'this is no Debian or Ubuntu' : (text.trim().split('\n').at(-1) ?? '') }
  }
  return { missing: missingTools(), reason: '' }
}
