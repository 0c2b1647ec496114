import type { AuditKeeper } from '@weir/db/commands'
import type { Pool } from 'pg'
import type { Auth } from './auth.ts'
import type { LoginLimit } from './login-limit.ts'
import type { Settings } from './settings.ts'

/** What one web process has exactly one of. Made by server.ts with `openHouse`. */
export interface House {
  settings: Settings
  /** Accounts, settings, commands: short statements, which a heavy question must not keep waiting. */
  pool: Pool
  /** Questions about traffic; the server ends each after 30 s. */
  queryPool: Pool
  auth: Auth
  loginLimit: LoginLimit
  /** Signs and verifies the audit log. */
  audit: AuditKeeper
}

declare global {
  /** server.ts and the Next bundle are two module graphs in one process; this is where they meet. */
  var weirHouse: House | undefined
}

/** The house of this process. Types only come from above, so that the bundle carries neither the sign-in library nor the driver. */
export function house(): House {
  if (globalThis.weirHouse === undefined) throw new Error('this process was not started by apps/web/server.ts')
  return globalThis.weirHouse
}
