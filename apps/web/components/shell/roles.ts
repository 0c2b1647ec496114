import type { Role } from '@weir/db/contracts'

/** Roles as people read them. */
export const ROLE_NAMES: Record<Role, string> = {
  viewer: 'Viewer',
  manager: 'Manager',
  operator: 'Operator',
  oncall: 'On call',
  admin: 'Admin',
}

/** What a role is for, in one line, where someone chooses one. */
export const ROLE_HINTS: Record<Role, string> = {
  viewer: 'Sees traffic by network, not by single address.',
  manager: 'As viewer; for people who want the summary.',
  operator: 'Explores down to single flows and addresses.',
  oncall: 'As operator, and answers alerts at night.',
  admin: 'Sees everything; manages exporters, services and people.',
}
