import { bigint, boolean, customType, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import { ROLES } from '../contracts/api.ts'

/** Tables of migration 0010. Property names of the first four are those of the sign-in library, column names are ours. */

const bytea = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' })
const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })
const createdAt = () => instant('created_at').notNull().defaultNow()
const updatedAt = () => instant('updated_at').notNull().defaultNow()

/** A person. `banned` means disabled by an admin. */
export const authUser = pgTable('auth_user', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  email: text('email').notNull().unique(),
  emailVerified: boolean('email_verified').notNull().default(false),
  image: text('image'),
  role: text('role', { enum: ROLES }).notNull().default('viewer'),
  banned: boolean('banned').notNull().default(false),
  banReason: text('ban_reason'),
  banExpires: instant('ban_expires'),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
})

export const authSession = pgTable('auth_session', {
  id: text('id').primaryKey(),
  userId: text('user_id')
    .notNull()
    .references(() => authUser.id, { onDelete: 'cascade' }),
  token: text('token').notNull().unique(),
  expiresAt: instant('expires_at').notNull(),
  ipAddress: text('ip_address'),
  userAgent: text('user_agent'),
  impersonatedBy: text('impersonated_by'),
  /** Until when the session counts as stepped up, and what proves it; see migration 0061. */
  stepUpUntil: instant('step_up_until'),
  stepUpSeal: bytea('step_up_seal'),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
})

/** How a person proves who they are; `providerId` 'credential' holds the password's hash. */
export const authAccount = pgTable('auth_account', {
  id: text('id').primaryKey(),
  userId: text('user_id')
    .notNull()
    .references(() => authUser.id, { onDelete: 'cascade' }),
  accountId: text('account_id').notNull(),
  providerId: text('provider_id').notNull(),
  accessToken: text('access_token'),
  refreshToken: text('refresh_token'),
  idToken: text('id_token'),
  accessTokenExpiresAt: instant('access_token_expires_at'),
  refreshTokenExpiresAt: instant('refresh_token_expires_at'),
  scope: text('scope'),
  password: text('password'),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
})

export const authVerification = pgTable('auth_verification', {
  id: text('id').primaryKey(),
  identifier: text('identifier').notNull(),
  value: text('value').notNull(),
  expiresAt: instant('expires_at').notNull(),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
})

/** A program's bearer token. `hint` is its first characters, enough to recognise it in a list. */
export const apiToken = pgTable('api_token', {
  id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  name: text('name').notNull(),
  role: text('role', { enum: ROLES }).notNull(),
  hint: text('hint').notNull(),
  hash: bytea('hash').notNull().unique(),
  createdBy: text('created_by').references(() => authUser.id, { onDelete: 'set null' }),
  createdAt: createdAt(),
  expiresAt: instant('expires_at').notNull(),
  lastUsedAt: instant('last_used_at'),
  revokedAt: instant('revoked_at'),
})

/** A link that lets one person in, once. */
export const welcomeLink = pgTable('welcome_link', {
  id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  hash: bytea('hash').notNull().unique(),
  role: text('role', { enum: ROLES }).notNull(),
  local: boolean('local').notNull().default(false),
  email: text('email'),
  createdBy: text('created_by').references(() => authUser.id, { onDelete: 'set null' }),
  createdAt: createdAt(),
  expiresAt: instant('expires_at').notNull(),
  usedAt: instant('used_at'),
  usedBy: text('used_by').references(() => authUser.id, { onDelete: 'set null' }),
})

/** A person's second factor (migration 0063). `sealed`: the secret, encrypted by the web process. */
export const authSecondFactor = pgTable('auth_second_factor', {
  userId: text('user_id')
    .primaryKey()
    .references(() => authUser.id, { onDelete: 'cascade' }),
  sealed: bytea('sealed').notNull(),
  createdAt: createdAt(),
  /** Null until a code was shown: until then it asks for nothing. */
  confirmedAt: instant('confirmed_at'),
  /** The 30 second step of the newest code that was taken. */
  lastStep: bigint('last_step', { mode: 'number' }),
})

/** What lets a person in once whose app is lost; SHA-256 of it. */
export const authRecoveryCode = pgTable('auth_recovery_code', {
  hash: bytea('hash').primaryKey(),
  userId: text('user_id')
    .notNull()
    .references(() => authSecondFactor.userId, { onDelete: 'cascade' }),
  createdAt: createdAt(),
})
