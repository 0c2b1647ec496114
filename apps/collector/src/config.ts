import { accessSync, constants, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import type { CustomElement } from '@weir/decoder'
import { readElements } from './elements-file.ts'

/** A setting that cannot be used: which key, what it held, and what to write instead. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID'
  readonly key: string
  readonly remedy: string
  constructor(key: string, problem: string, remedy: string, cause?: unknown) {
    super(`${key}: ${problem}. ${remedy}`, cause === undefined ? undefined : { cause })
    this.name = 'ConfigError'
    this.key = key
    this.remedy = remedy
  }
}

/** A CIDR prefix as text and as the parts a comparison needs. */
export interface Prefix {
  text: string
  family: 4 | 6
  octets: Uint8Array
  bits: number
}

/** A UDP or TCP port to listen on: a number, 0 for "any free port" (tests), null for "not wanted". */
export type Port = number | null

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Every setting of the collector, checked. Sizes are octets, times milliseconds. */
export interface Config {
  databaseUrl: string
  dataDir: string
  netflowPort: Port
  ipfixPort: Port
  sflowPort: Port
  metricsPort: Port
  /** Addresses to bind: 0.0.0.0 or :: means IPv4 and IPv6 on all interfaces. */
  listenHost: string
  logLevel: LogLevel
  demoNetwork: Prefix | null
  geoDir: string | null
  /** Asked of the kernel for each UDP socket; what it grants is logged. */
  receiveBufferBytes: number
  /** Datagrams received and not yet decoded may hold this much; beyond it the newest is refused and counted. */
  inboxBytes: number
  /** Encoded rows waiting for the spool's disk may hold this much memory; beyond it the newest flow is shed and counted. */
  queueBytes: number
  /** Where accepted flows wait for the database, and how much disk they may take; beyond it the newest flow is shed and counted. */
  spoolDir: string
  spoolBytes: number
  batchRows: number
  flushMs: number
  maxExporters: number
  /** Role `detect`: in a thread of its own (default), not here, or in this thread (tests that move the clock). */
  detect: 'on' | 'off' | 'same-thread'
  /** Role `enforce`: puts approved blocks on devices. */
  enforce: 'on' | 'off'
  /** Where SSH keys and known_hosts of devices lie. */
  enforceKeyDir: string
  /** How often devices are compared with what they should carry. */
  reconcileMs: number
  /** How long matched traffic must be absent before a block counts as proven. */
  proofMs: number
  tls: { certFile: string; keyFile: string; caFile: string | null } | null
  /** The site's own elements, before the built-in tables. */
  elements: readonly CustomElement[]
  /** For tests that cannot wait: how alerts count time. */
  alertPace?: { turnMs?: number; silentMs?: number; askMs?: number }
}

type Env = Record<string, string | undefined>

const MIB = 1024 * 1024

/** Parse `10.0.0.0/8` or `2001:db8::/32`; null when it is neither. Host bits may be set; they are ignored by `contains`. */
export function parsePrefix(text: string): Prefix | null {
  const match = /^([^/\s]+)\/(\d{1,3})$/.exec(text.trim())
  if (match === null) return null
  const address = match[1] ?? ''
  const bits = Number(match[2])
  const octets = addressOctets(address)
  if (octets === null || bits > octets.length * 8) return null
  return { text: text.trim(), family: octets.length === 4 ? 4 : 6, octets, bits }
}

/** The 4 or 16 octets of an address in text, network order; null when it is no address. Zone ids are dropped. */
export function addressOctets(text: string): Uint8Array | null {
  const bare = text.split('%')[0] ?? ''
  const family = isIP(bare)
  if (family === 4) return Uint8Array.from(bare.split('.'), Number)
  if (family !== 6) return null
  let words = bare
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(bare)
  if (dotted !== null) {
    const [, head = '', a = '0', b = '0', c = '0', d = '0'] = dotted
    words = `${head}${((Number(a) << 8) | Number(b)).toString(16)}:${((Number(c) << 8) | Number(d)).toString(16)}`
  }
  const [left = '', right] = words.split('::')
  const before = left === '' ? [] : left.split(':')
  const after = right === undefined || right === '' ? [] : right.split(':')
  const fill = right === undefined ? 0 : 8 - before.length - after.length
  const all = [...before, ...new Array<string>(Math.max(0, fill)).fill('0'), ...after]
  const octets = new Uint8Array(16)
  for (let i = 0; i < 8; i++) {
    const word = Number.parseInt(all[i] ?? '0', 16)
    octets[2 * i] = word >> 8
    octets[2 * i + 1] = word & 255
  }
  return octets
}

/** Whether the address (4 or 16 octets) lies in the prefix. */
export function contains(prefix: Prefix, octets: Uint8Array): boolean {
  if (octets.length !== prefix.octets.length) return false
  const whole = prefix.bits >> 3
  for (let i = 0; i < whole; i++) if (octets[i] !== prefix.octets[i]) return false
  const rest = prefix.bits & 7
  if (rest === 0) return true
  const mask = (0xff00 >> rest) & 255
  return ((octets[whole] ?? 0) & mask) === ((prefix.octets[whole] ?? 0) & mask)
}

function readPort(env: Env, key: string, fallback: number): Port {
  const text = env[key]?.trim()
  if (text === undefined || text === '') return fallback
  if (text === 'off') return null
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65535) {
    throw new ConfigError(key, `"${text}" is not a port`, `Give a number from 1 to 65535, or "off" to do without this listener`)
  }
  return port
}

function readNumber(env: Env, key: string, fallback: number, low: number, high: number, unit: string): number {
  const text = env[key]?.trim()
  if (text === undefined || text === '') return fallback
  const value = Number(text)
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new ConfigError(key, `"${text}" is not a whole number of ${unit} from ${low} to ${high}`, `Leave it unset for ${fallback}`)
  }
  return value
}

function readSwitch(env: Env, key: string): 'on' | 'off' {
  const text = env[key]?.trim() || 'on'
  if (text !== 'on' && text !== 'off') throw new ConfigError(key, `"${text}" is neither on nor off`, 'Leave it unset for on')
  return text
}

function readableFile(key: string, path: string): string {
  const full = resolve(path)
  try {
    accessSync(full, constants.R_OK)
  } catch (cause) {
    throw new ConfigError(key, `"${full}" cannot be read`, 'Give the path of a file this user may read', cause)
  }
  return full
}

/** WEIR_ELEMENTS: see elements-file.ts. Nothing when it is unset. */
export function readElementSetting(env: Env): CustomElement[] {
  const path = env.WEIR_ELEMENTS?.trim() ?? ''
  if (path === '') return []
  const full = readableFile('WEIR_ELEMENTS', path)
  try {
    return readElements(full)
  } catch (cause) {
    throw new ConfigError(
      'WEIR_ELEMENTS',
      `"${full}" cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`,
      'Give a JSON array of {"pen", "id", "name"} and, where wanted, "type" and "as"; the README of packages/decoder shows one',
      cause,
    )
  }
}

/** The data directory, created when absent. Throws ConfigError when it cannot be written. */
function readDataDir(env: Env): string {
  const dataDir = resolve(env.WEIR_DATA_DIR?.trim() || '.weir')
  try {
    mkdirSync(dataDir, { recursive: true })
    accessSync(dataDir, constants.W_OK)
  } catch (cause) {
    throw new ConfigError('WEIR_DATA_DIR', `"${dataDir}" cannot be written`, 'Give a directory this user may write', cause)
  }
  return dataDir
}

/** The spool's directory, created when absent. Throws ConfigError when it cannot be written. */
function readSpoolDir(env: Env, dataDir: string): string {
  const spoolDir = resolve(env.WEIR_SPOOL_DIR?.trim() || join(dataDir, 'spool'))
  try {
    mkdirSync(spoolDir, { recursive: true })
    accessSync(spoolDir, constants.W_OK)
  } catch (cause) {
    throw new ConfigError('WEIR_SPOOL_DIR', `"${spoolDir}" cannot be written`, 'Give a directory this user may write', cause)
  }
  return spoolDir
}

/**
 * The database: `DATABASE_URL`, else what the embedded server of this data directory wrote into `database-url`.
 * Throws ConfigError when there is neither.
 */
export function databaseUrl(env: Env, dataDir: string): string {
  const file = join(dataDir, 'database-url')
  const text = env.DATABASE_URL?.trim() || (existsSync(file) ? readFileSync(file, 'utf8').trim() : '')
  if (text === '') {
    throw new ConfigError(
      'DATABASE_URL',
      `not set, and no embedded database has been started in ${dataDir}`,
      'Run "npm start" (it starts one), or set DATABASE_URL=postgres://user:password@host:5432/weir',
    )
  }
  if (!/^postgres(ql)?:\/\//.test(text)) {
    throw new ConfigError('DATABASE_URL', 'does not begin with postgres://', 'Write it as postgres://user:password@host:5432/weir')
  }
  return text
}

/** Read and check every setting. Throws ConfigError, naming the key and the remedy; touches nothing but the data directory and the spool. */
export function readConfig(env: Env): Config {
  const dataDir = readDataDir(env)

  const listenHost = env.WEIR_LISTEN_HOST?.trim() || '0.0.0.0'
  if (isIP(listenHost) === 0) {
    throw new ConfigError(
      'WEIR_LISTEN_HOST',
      `"${listenHost}" is not an address`,
      'Give an IPv4 or IPv6 address; 0.0.0.0 listens on all of both',
    )
  }

  const logLevel = LOG_LEVELS.find((level) => level === (env.WEIR_LOG_LEVEL?.trim() || 'info'))
  if (logLevel === undefined) {
    throw new ConfigError('WEIR_LOG_LEVEL', `"${env.WEIR_LOG_LEVEL}" is not a level`, `Use one of ${LOG_LEVELS.join(', ')}`)
  }

  let demoNetwork: Prefix | null = null
  const demo = env.WEIR_DEMO_NETWORK?.trim()
  if (demo !== undefined && demo !== '') {
    demoNetwork = parsePrefix(demo)
    if (demoNetwork === null) throw new ConfigError('WEIR_DEMO_NETWORK', `"${demo}" is not a prefix`, 'Write it as 127.66.0.0/16')
  }

  let geoDir: string | null = null
  const geo = env.WEIR_GEO_DIR?.trim()
  if (geo !== undefined && geo !== '') {
    geoDir = resolve(geo)
    if (!existsSync(geoDir)) {
      throw new ConfigError(
        'WEIR_GEO_DIR',
        `"${geoDir}" does not exist`,
        'Give a directory with .mmdb files, or leave it unset for the bundled data',
      )
    }
  }

  const cert = env.WEIR_TLS_CERT?.trim() ?? ''
  const key = env.WEIR_TLS_KEY?.trim() ?? ''
  if ((cert === '') !== (key === '')) {
    const missing = cert === '' ? 'WEIR_TLS_CERT' : 'WEIR_TLS_KEY'
    throw new ConfigError(missing, 'is missing', 'TLS needs both WEIR_TLS_CERT and WEIR_TLS_KEY (PEM files); unset both for plain TCP')
  }
  const ca = env.WEIR_TLS_CA?.trim() ?? ''
  const tls =
    cert === ''
      ? null
      : {
          certFile: readableFile('WEIR_TLS_CERT', cert),
          keyFile: readableFile('WEIR_TLS_KEY', key),
          caFile: ca === '' ? null : readableFile('WEIR_TLS_CA', ca),
        }

  const config: Config = {
    databaseUrl: databaseUrl(env, dataDir),
    dataDir,
    netflowPort: readPort(env, 'WEIR_NETFLOW_PORT', 2055),
    ipfixPort: readPort(env, 'WEIR_IPFIX_PORT', 4739),
    sflowPort: readPort(env, 'WEIR_SFLOW_PORT', 6343),
    metricsPort: readPort(env, 'WEIR_METRICS_PORT', 9464),
    listenHost,
    logLevel,
    demoNetwork,
    geoDir,
    receiveBufferBytes: readNumber(env, 'WEIR_RECEIVE_BUFFER_MIB', 32, 1, 1024, 'MiB') * MIB,
    inboxBytes: readNumber(env, 'WEIR_INBOX_MIB', 64, 1, 4096, 'MiB') * MIB,
    queueBytes: readNumber(env, 'WEIR_QUEUE_MIB', 64, 4, 65536, 'MiB') * MIB,
    batchRows: readNumber(env, 'WEIR_BATCH_ROWS', 8192, 1, 65536, 'rows'),
    detect: readSwitch(env, 'WEIR_DETECT'),
    spoolDir: readSpoolDir(env, dataDir),
    spoolBytes: readNumber(env, 'WEIR_SPOOL_MIB', 2048, 1, 1_048_576, 'MiB') * MIB,
    flushMs: readNumber(env, 'WEIR_FLUSH_MS', 100, 10, 500, 'milliseconds'),
    enforce: readSwitch(env, 'WEIR_ENFORCE'),
    enforceKeyDir: resolve(env.WEIR_ENFORCE_KEYS?.trim() || join(dataDir, 'device-keys')),
    reconcileMs: readNumber(env, 'WEIR_RECONCILE_SECONDS', 60, 1, 3_600, 'seconds') * 1_000,
    proofMs: readNumber(env, 'WEIR_PROOF_SECONDS', 60, 5, 3_600, 'seconds') * 1_000,
    maxExporters: readNumber(env, 'WEIR_MAX_EXPORTERS', 1024, 1, 100_000, 'exporters'),
    tls,
    elements: readElementSetting(env),
  }
  const wanted: [string, Port][] = [
    ['WEIR_NETFLOW_PORT', config.netflowPort],
    ['WEIR_IPFIX_PORT', config.ipfixPort],
    ['WEIR_SFLOW_PORT', config.sflowPort],
  ]
  for (const [i, [name, port]] of wanted.entries()) {
    const twin = wanted.slice(i + 1).find(([, other]) => port !== null && port !== 0 && other === port)
    if (twin !== undefined) {
      throw new ConfigError(twin[0], `${port} is already taken by ${name}`, 'Every port takes every format: set one of the two to "off"')
    }
  }
  if (wanted.every(([, port]) => port === null)) {
    throw new ConfigError('WEIR_NETFLOW_PORT', 'all listeners are off', 'Leave at least one of the three ports on')
  }
  return config
}
