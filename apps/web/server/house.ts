import { createPool } from '@weir/db/connection'
import type { Pool } from 'pg'
import { type Auth, createAuth } from './auth.ts'
import { log } from './log.ts'
import { LoginLimit } from './login-limit.ts'
import { readSettings, type Settings } from './settings.ts'

/** What one web process has exactly one of. */
export interface House {
  settings: Settings
  /** Accounts, settings, commands: short statements, which a heavy question must not keep waiting. */
  pool: Pool
  /** Questions about traffic; the server ends each after 30 s. */
  queryPool: Pool
  auth: Auth
  loginLimit: LoginLimit
}

declare global {
  /** server.ts and the Next bundle are two module graphs in one process; this is where they meet. */
  var weirHouse: House | undefined
}

/** The house of this process, made on first use. Throws SettingError. */
export function house(): House {
  globalThis.weirHouse ??= build(readSettings(process.env))
  return globalThis.weirHouse
}

function build(settings: Settings): House {
  const onError = (err: Error) => log.warn({ err }, 'an idle database connection broke')
  const connectionString = settings.databaseUrl
  const pool = createPool({ connectionString, applicationName: 'weir-web', max: 4, statementTimeoutMs: 30_000, connectTimeoutMs: 5_000, onError })
  const queryPool = createPool({ connectionString, applicationName: 'weir-web-queries', max: 6, statementTimeoutMs: 30_000, connectTimeoutMs: 5_000, onError })
  return { settings, pool, queryPool, auth: createAuth(pool, settings), loginLimit: new LoginLimit() }
}
