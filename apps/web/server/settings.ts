import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import path from 'node:path'

/** A setting that cannot be used: which key, why, and what to do. Ends the start. */
export class SettingError extends Error {
  override readonly name = 'SettingError'
  readonly remedy: string
  constructor(detail: string, remedy: string, cause?: unknown) {
    super(detail, { cause })
    this.remedy = remedy
  }
}

export interface Settings {
  port: number
  host: string
  /** Where browsers find Weir when that is not the address they connect to (a reverse proxy with TLS); null: whatever Host they send. */
  publicUrl: URL | null
  /** Proxies whose X-Forwarded-For is believed. */
  trustedProxies: readonly string[]
  dataDir: string
  databaseUrl: string
  /** Signs session cookies; at least 32 characters. */
  secret: string
  /** False only in tests. */
  loginLimit: boolean
}

/** Relative directories are meant from where Weir was started: the repository root. */
const root = process.cwd()

function readPort(env: NodeJS.ProcessEnv): number {
  const text = env.WEIR_HTTP_PORT?.trim() || '3000'
  const port = Number(text)
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) {
    throw new SettingError(`WEIR_HTTP_PORT is "${text}", which is no port.`, 'Set it to a number from 1 to 65535, or unset it for 3000.')
  }
  return port
}

function readPublicUrl(env: NodeJS.ProcessEnv): URL | null {
  const text = env.WEIR_PUBLIC_URL?.trim()
  if (!text) return null
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw new SettingError(
      `WEIR_PUBLIC_URL is "${text}", which is not the origin of a web site.`,
      'Write scheme, host and port only, for example https://weir.example.org.',
    )
  }
  return url
}

function readProxies(env: NodeJS.ProcessEnv): string[] {
  const list = (env.WEIR_TRUSTED_PROXIES ?? '').split(',').flatMap((part) => part.trim() || [])
  for (const entry of list) {
    if (isIP(entry) === 0) {
      throw new SettingError(
        `WEIR_TRUSTED_PROXIES names "${entry}", which is no IP address.`,
        'List the addresses of your proxies, separated by commas.',
      )
    }
  }
  return list
}

function readDatabaseUrl(env: NodeJS.ProcessEnv, dataDir: string): string {
  const url = env.DATABASE_URL?.trim()
  if (url) return url
  const file = path.join(dataDir, 'database-url')
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new SettingError(
      `No database: DATABASE_URL is not set and ${file} cannot be read.`,
      'Start Weir with npm start, which brings its own database, or set DATABASE_URL.',
      cause,
    )
  }
}

/** WEIR_AUTH_SECRET, or one made on the first start and kept in the data directory for its owner only. */
function readSecret(env: NodeJS.ProcessEnv, dataDir: string): string {
  const given = env.WEIR_AUTH_SECRET
  if (given !== undefined && given !== '') {
    if (given.length < 32) throw new SettingError('WEIR_AUTH_SECRET is shorter than 32 characters.', 'Use: openssl rand -base64 32')
    return given
  }
  const file = path.join(dataDir, 'auth-secret')
  try {
    mkdirSync(dataDir, { recursive: true })
    // `wx`: of two starts at once exactly one writes, and both then read the same.
    writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) {
      throw new SettingError(
        `The secret for sessions cannot be written to ${file}.`,
        'Make WEIR_DATA_DIR writable, or set WEIR_AUTH_SECRET.',
        cause,
      )
    }
  }
  const secret = readFileSync(file, 'utf8').trim()
  if (secret.length < 32) throw new SettingError(`${file} is damaged.`, 'Delete it and start again; everyone has to sign in once more.')
  chmodSync(file, 0o600)
  return secret
}

/** Read and check everything the web process takes from outside. Throws SettingError naming the key and the remedy. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const dataDir = path.resolve(root, env.WEIR_DATA_DIR || '.weir')
  return {
    port: readPort(env),
    host: env.WEIR_HTTP_HOST?.trim() || '0.0.0.0',
    publicUrl: readPublicUrl(env),
    trustedProxies: readProxies(env),
    dataDir,
    databaseUrl: readDatabaseUrl(env, dataDir),
    secret: readSecret(env, dataDir),
    loginLimit: env.WEIR_TEST_NO_LOGIN_LIMIT !== '1',
  }
}
