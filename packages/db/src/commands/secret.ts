import { createHash, randomBytes } from 'node:crypto'

/** 256 random bits as base64url text with a prefix that says what it opens, so that a leaked one is recognised by scanners and people. */
export function newSecret(prefix: string): string {
  return prefix + randomBytes(32).toString('base64url')
}

/** What is stored instead of a secret. Plain SHA-256 is enough for 256 random bits: there is nothing to guess. */
export function secretHash(secret: string): Buffer {
  return createHash('sha256').update(secret, 'utf8').digest()
}
