import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, randomInt, timingSafeEqual } from 'node:crypto'
import { base32 } from '@better-auth/utils/base32'
import { createOTP } from '@better-auth/utils/otp'
import { takeRecoveryCode, takeStep } from '@weir/db/commands'
import { house } from './house.ts'

/**
 * Time-based codes (RFC 6238: SHA-1, six digits, 30 s) and recovery codes. The code itself is the sign-in library's work; what is ours is that
 * the secret is stored sealed, and that a code works once.
 */

const STEP_MS = 30_000
/** Codes of the step before and after count too: clocks differ, and typing takes time. */
const STEPS_APART = 1
/** Letters and digits that nobody takes for another. */
const RECOVERY_LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789'
const RECOVERY_CODES = 10
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

const pick = (letters: string, length: number): string => Array.from({ length }, () => letters[randomInt(letters.length)]).join('')

/** A new secret as the library takes it: text, 131 random bits (RFC 4226 asks for 128 at least). */
export const newSecondFactorSecret = (): string => pick(LETTERS, 22)

/** The secret for typing, and the address that a QR code carries. */
export function secretForApp(secret: string, email: string): { secret: string; uri: string } {
  return { secret: base32.encode(secret, { padding: false }), uri: createOTP(secret).url('Weir', email) }
}

const key = (): Buffer => Buffer.from(hkdfSync('sha256', house().settings.secret, '', 'weir second factor', 32))

/** AES-256-GCM under a key of the process's secret, bound to the person: 12 octets nonce, 16 tag, ciphertext. */
export function sealSecret(secret: string, userId: string): Buffer {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key(), nonce).setAAD(Buffer.from(userId))
  const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), text])
}

/** The secret again; null when it was sealed for another person or under another secret of the process (then only recovery codes work). */
export function openSecret(sealed: Buffer, userId: string): string | null {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key(), sealed.subarray(0, 12)).setAAD(Buffer.from(userId))
    decipher.setAuthTag(sealed.subarray(12, 28))
    return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}

const same = (a: string, b: string): boolean => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))

/** The step whose code this is, at epoch milliseconds `now`; null for none. Looks at every step, so that the time taken tells nothing. */
export async function stepOf(secret: string, code: string, now: number): Promise<number | null> {
  const typed = code.replace(/[\s-]/g, '')
  const current = Math.floor(now / STEP_MS)
  const otp = createOTP(secret, { digits: 6 })
  let found: number | null = null
  for (let step = current - STEPS_APART; step <= current + STEPS_APART; step++) if (same(await otp.hotp(step), typed)) found = step
  return found
}

/** Ten new recovery codes, 'abcd-efgh-jkmn': 59 random bits each. */
export const newRecoveryCodes = (): string[] =>
  Array.from({ length: RECOVERY_CODES }, () => Array.from({ length: 3 }, () => pick(RECOVERY_LETTERS, 4)).join('-'))

const RECOVERY = new RegExp(`^[${RECOVERY_LETTERS}]{12}$`)

/** Take what a person typed, a code of the app or a recovery code: true once for each. */
export async function takeCode(person: { userId: string; sealed: Buffer }, typed: string, now = Date.now()): Promise<boolean> {
  const plain = typed.replace(/[\s-]/g, '').toLowerCase()
  const { pool } = house()
  if (RECOVERY.test(plain)) return takeRecoveryCode(pool, person.userId, (plain.match(/.{4}/g) ?? []).join('-'))
  const secret = /^\d{6}$/.test(plain) ? openSecret(person.sealed, person.userId) : null
  const step = secret === null ? null : await stepOf(secret, plain, now)
  return step !== null && (await takeStep(pool, person.userId, step))
}
