import { ROLES, type Role } from '@weir/db/contracts'
import { authAccount, authSession, authUser, authVerification } from '@weir/db/schema'
import { betterAuth } from 'better-auth'
import { drizzleAdapter } from 'better-auth/adapters/drizzle'
import { admin } from 'better-auth/plugins'
import { createAccessControl } from 'better-auth/plugins/access'
import { drizzle } from 'drizzle-orm/node-postgres'
import type { Pool } from 'pg'
import { CLIENT_HEADER } from './client-address.ts'
import { log } from './log.ts'
import { hashPassword, PASSWORD_MAX, PASSWORD_MIN, verifyPassword } from './password.ts'
import { IDLE_SECONDS } from './session-life.ts'
import type { Settings } from './settings.ts'

/**
 * The library keeps people, passwords and sessions. Its own HTTP endpoints are not mounted: our routes call it on the server, so that one
 * table of permissions, one origin check and one form of error hold for everything, and so that the session's token never appears in a
 * body. What a role may do is decided by `may()` alone; here the roles only exist.
 */
export function createAuth(pool: Pool, settings: Settings) {
  const access = createAccessControl({ weir: ['use'] })
  const role = access.newRole({ weir: ['use'] })
  const roles = Object.fromEntries(ROLES.map((name) => [name, role])) as Record<Role, typeof role>
  const https = settings.publicUrl?.protocol === 'https:'
  const url = settings.publicUrl?.origin ?? `http://localhost:${settings.port}`

  return betterAuth({
    appName: 'Weir',
    baseURL: url,
    secret: settings.secret,
    telemetry: { enabled: false },
    database: drizzleAdapter(drizzle(pool), {
      provider: 'pg',
      schema: { user: authUser, session: authSession, account: authAccount, verification: authVerification },
    }),
    emailAndPassword: {
      enabled: true,
      disableSignUp: true,
      minPasswordLength: PASSWORD_MIN,
      maxPasswordLength: PASSWORD_MAX,
      password: { hash: hashPassword, verify: verifyPassword },
    },
    session: { expiresIn: IDLE_SECONDS, updateAge: 300, cookieCache: { enabled: false } },
    plugins: [admin({ ac: access, roles, defaultRole: 'viewer', adminRoles: ['admin'], bannedUserMessage: 'This account is disabled.' })],
    advanced: {
      cookiePrefix: 'weir',
      // With TLS the name itself says: this host only, whole site, never in clear. The library's own prefix would be the weaker `__Secure-`.
      useSecureCookies: false,
      cookies: { session_token: { name: https ? '__Host-weir-session' : 'weir-session', attributes: { secure: https } } },
      ipAddress: { ipAddressHeaders: [CLIENT_HEADER], ipv6Subnet: 128 },
    },
    logger: {
      level: 'error',
      log: (level, message) => {
        log[level === 'error' ? 'error' : 'debug']({ library: 'better-auth' }, message)
      },
    },
  })
}

export type Auth = ReturnType<typeof createAuth>
