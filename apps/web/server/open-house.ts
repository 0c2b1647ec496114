import { createAuditKeeper } from '@weir/db/commands'
import { createPool } from '@weir/db/connection'
import { createAuth } from './auth.ts'
import type { House } from './house.ts'
import { log } from './log.ts'
import { LoginLimit } from './login-limit.ts'
import { readSettings } from './settings.ts'

/** Read the settings, open the pools (they connect on first use) and put the result where the Next bundle finds it. Throws SettingError. */
export function openHouse(): House {
  const settings = readSettings(process.env)
  const onError = (err: Error) => log.warn({ err }, 'an idle database connection broke')
  const shared = { connectionString: settings.databaseUrl, statementTimeoutMs: 30_000, connectTimeoutMs: 5_000, onError }
  const pool = createPool({ ...shared, applicationName: 'weir-web', max: 4 })
  const queryPool = createPool({ ...shared, applicationName: 'weir-web-queries', max: 6 })
  const audit = createAuditKeeper(queryPool, settings.dataDir, (err, message) => log.error({ err }, message))
  const made = { settings, pool, queryPool, auth: createAuth(pool, settings), loginLimit: new LoginLimit(), audit }
  globalThis.weirHouse = made
  return made
}
