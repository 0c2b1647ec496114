import type { Role } from './api.ts'

/**
 * Who may do what. One table for routes, server actions, pages, socket events and tokens; everything on the server asks `may()`.
 *
 * - `no`: refused.
 * - `network`: allowed, with addresses cut to their /24 or /48; finer filters are refused.
 * - `own`: allowed for things the person asked for themselves.
 * - `yes`: allowed.
 */
export type Grant = 'no' | 'network' | 'own' | 'yes'

const row = (viewer: Grant, manager: Grant, operator: Grant, oncall: Grant, admin: Grant): Record<Role, Grant> => ({
  viewer,
  manager,
  operator,
  oncall,
  admin,
})

export const PERMISSIONS = {
  /** Dashboards, aggregates, the live rate. */
  'traffic:read': row('network', 'network', 'yes', 'yes', 'yes'),
  /** Single flow records and whole addresses. */
  'traffic:raw': row('no', 'no', 'yes', 'yes', 'yes'),
  /** Store flow records over HTTP. */
  'traffic:ingest': row('no', 'no', 'yes', 'no', 'yes'),
  'traffic:export': row('no', 'no', 'yes', 'yes', 'yes'),
  /** Acknowledge, confirm or dismiss a risk. Admins configure, operators act. */
  'risk:decide': row('no', 'no', 'yes', 'yes', 'no'),
  /** Blocks name single hosts. */
  'block:read': row('no', 'no', 'yes', 'yes', 'yes'),
  'block:request': row('no', 'no', 'yes', 'yes', 'no'),
  'block:approve': row('no', 'no', 'no', 'yes', 'yes'),
  'block:withdraw': row('no', 'no', 'own', 'yes', 'yes'),
  /** Exporters, interfaces, service rules, home networks, devices, never-block list. */
  'inventory:read': row('yes', 'yes', 'yes', 'yes', 'yes'),
  'inventory:write': row('no', 'no', 'no', 'no', 'yes'),
  /** Decide about a proposed change of what blocks may touch and what carries them. */
  'inventory:approve': row('no', 'no', 'no', 'no', 'yes'),
  /** Where messages go, with the secrets of the way there. */
  'notification:manage': row('no', 'no', 'no', 'no', 'yes'),
  'user:manage': row('no', 'no', 'no', 'no', 'yes'),
  'token:manage': row('no', 'no', 'no', 'no', 'yes'),
  'audit:read': row('no', 'no', 'own', 'yes', 'yes'),
  /** The whole chain, which only a whole reader may have; the export is recorded itself. */
  'audit:export': row('no', 'no', 'no', 'yes', 'yes'),
  'health:read': row('yes', 'yes', 'yes', 'yes', 'yes'),
  /** The person's own name, password and second factor. */
  'profile:write': row('yes', 'yes', 'yes', 'yes', 'yes'),
  /** Show the own password or a code again before a decision. */
  'session:step-up': row('yes', 'yes', 'yes', 'yes', 'yes'),
} as const satisfies Record<string, Record<Role, Grant>>

export type Action = keyof typeof PERMISSIONS

/** What no token may do, whatever its role: these need a person who is signed in. */
export const TOKEN_REFUSED: readonly Action[] = [
  'block:approve',
  'inventory:approve',
  'notification:manage',
  'user:manage',
  'token:manage',
  'profile:write',
  'session:step-up',
]

/** The grant of `role` for `action`; a token never gets what only a person may do. */
export function may(role: Role, action: Action, by: 'session' | 'token' = 'session'): Grant {
  if (by === 'token' && TOKEN_REFUSED.includes(action)) return 'no'
  return PERMISSIONS[action][role]
}

/**
 * Every route of the HTTP interface and the action it asks for. `open` routes answer without a session; what they then say is stated beside them.
 * A route that is not here does not compile, and a test compares this table with what the build really serves.
 */
export const ROUTES = {
  /** Without a session: only the status word, for health checks. */
  'GET /api/v1/health': 'open',
  'GET /api/v1/openapi.json': 'open',
  /** Takes a one-time link instead of a session. */
  'POST /api/v1/welcome': 'open',
  /** Signing in, and out: whoever has no session has nothing to end. */
  'POST /api/v1/session': 'open',
  'DELETE /api/v1/session': 'open',
  'GET /api/v1/top': 'traffic:read',
  'GET /api/v1/timeseries': 'traffic:read',
  'GET /api/v1/geo': 'traffic:read',
  'GET /api/v1/graph': 'traffic:read',
  'GET /api/v1/flows': 'traffic:raw',
  'POST /api/v1/flows/_json': 'traffic:ingest',
  'GET /api/v1/anomalies': 'traffic:read',
  'GET /api/v1/anomalies/events': 'traffic:read',
  'GET /api/v1/anomalies/{id}': 'traffic:read',
  'POST /api/v1/anomalies/{id}/{action}': 'risk:decide',
  'GET /api/v1/suppressions': 'traffic:read',
  'POST /api/v1/suppressions': 'risk:decide',
  'PATCH /api/v1/suppressions/{id}': 'risk:decide',
  'DELETE /api/v1/suppressions/{id}': 'risk:decide',
  'POST /api/v1/blocks/simulate': 'block:request',
  'GET /api/v1/blocks/simulations/{id}': 'block:read',
  'GET /api/v1/blocks': 'block:read',
  'POST /api/v1/blocks': 'block:request',
  'GET /api/v1/blocks/{id}': 'block:read',
  'POST /api/v1/blocks/{id}/approve': 'block:approve',
  'POST /api/v1/blocks/{id}/withdraw': 'block:withdraw',
  'GET /api/v1/devices': 'inventory:read',
  'POST /api/v1/devices': 'inventory:write',
  'DELETE /api/v1/devices/{id}': 'inventory:write',
  'GET /api/v1/protected-prefixes': 'inventory:read',
  'POST /api/v1/protected-prefixes': 'inventory:write',
  'DELETE /api/v1/protected-prefixes': 'inventory:write',
  'GET /api/v1/admin-changes': 'inventory:write',
  'POST /api/v1/admin-changes/{id}/approve': 'inventory:approve',
  'POST /api/v1/admin-changes/{id}/withdraw': 'inventory:approve',
  'PUT /api/v1/admin-changes/two-persons': 'inventory:write',
  'GET /api/v1/notifications': 'notification:manage',
  'PUT /api/v1/notifications': 'notification:manage',
  'POST /api/v1/notifications/test': 'notification:manage',
  'GET /api/v1/notifications/test/{id}': 'notification:manage',
  'GET /api/v1/exporters': 'inventory:read',
  'GET /api/v1/storage': 'inventory:read',
  'PATCH /api/v1/exporters/{id}': 'inventory:write',
  'POST /api/v1/exporters/{id}/retire': 'inventory:write',
  'PATCH /api/v1/exporters/{id}/interfaces/{ifIndex}': 'inventory:write',
  'GET /api/v1/service-rules': 'inventory:read',
  'POST /api/v1/service-rules': 'inventory:write',
  'PUT /api/v1/service-rules': 'inventory:write',
  'PUT /api/v1/service-rules/order': 'inventory:write',
  'PUT /api/v1/service-rules/{id}': 'inventory:write',
  'DELETE /api/v1/service-rules/{id}': 'inventory:write',
  'GET /api/v1/home-networks': 'inventory:read',
  'PUT /api/v1/home-networks': 'inventory:write',
  'GET /api/v1/demo': 'inventory:read',
  'DELETE /api/v1/demo': 'inventory:write',
  'GET /api/v1/users': 'user:manage',
  'PATCH /api/v1/users/{id}': 'user:manage',
  'DELETE /api/v1/users/{id}/second-factor': 'user:manage',
  'POST /api/v1/users/invitations': 'user:manage',
  'DELETE /api/v1/users/invitations/{id}': 'user:manage',
  'GET /api/v1/tokens': 'token:manage',
  'POST /api/v1/tokens': 'token:manage',
  'DELETE /api/v1/tokens/{id}': 'token:manage',
  'POST /api/v1/step-up': 'session:step-up',
  'GET /api/v1/profile/second-factor': 'profile:write',
  'POST /api/v1/profile/second-factor': 'profile:write',
  'DELETE /api/v1/profile/second-factor': 'profile:write',
  'POST /api/v1/profile/second-factor/confirm': 'profile:write',
  'POST /api/v1/profile/second-factor/recovery-codes': 'profile:write',
  'GET /api/v1/audit': 'audit:read',
  'GET /api/v1/audit/state': 'audit:read',
  'POST /api/v1/audit/export': 'audit:export',
  /** Who is asking; a token may ask too. */
  'GET /api/v1/profile': 'health:read',
  'PATCH /api/v1/profile': 'profile:write',
  'PUT /api/v1/profile/password': 'profile:write',
} as const satisfies Record<string, Action | 'open'>
export type RouteKey = keyof typeof ROUTES

/** Every page and the action it asks for; `open` pages are for people who are not signed in. */
export const PAGES = {
  '/sign-in': 'open',
  '/welcome': 'open',
  '/': 'traffic:read',
  '/flows': 'traffic:raw',
  '/map': 'traffic:read',
  '/services': 'traffic:read',
  '/anomalies': 'traffic:read',
  '/anomalies/[id]': 'traffic:read',
  '/on-call': 'traffic:read',
  '/blocks': 'block:read',
  '/blocks/new': 'block:request',
  '/blocks/[id]': 'block:read',
  '/exporters': 'inventory:read',
  '/audit': 'audit:read',
  '/settings': 'profile:write',
  '/settings/users': 'user:manage',
  '/settings/tokens': 'token:manage',
  '/settings/services': 'inventory:read',
  '/settings/networks': 'inventory:read',
  '/settings/devices': 'inventory:read',
  '/settings/protected': 'inventory:read',
  '/settings/notifications': 'notification:manage',
  '/settings/changes': 'inventory:write',
  '/settings/profile': 'profile:write',
  '/settings/demo': 'inventory:write',
  '/settings/about': 'profile:write',
} as const satisfies Record<string, Action | 'open'>
export type PagePath = keyof typeof PAGES

/** Every event the live channel sends; it accepts none. */
export const LIVE_EVENTS = {
  rate: 'traffic:read',
  changed: 'traffic:read',
  /** One anomaly event, in the order of its ids. */
  anomaly: 'traffic:read',
  /** Where a reader of anomaly events stands, and whether it missed more than is told again. */
  anomalies: 'traffic:read',
} as const satisfies Record<string, Action>
