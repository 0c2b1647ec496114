import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StorageError } from '../errors.ts'

/** Names in the data directory. */
const KEY_FILE = 'audit-key.pem'
const TRUSTED_FILE = 'audit-trusted-keys'

/** What is signed begins with this, so that a signature of ours is never one of something else. */
const CONTEXT = 'weir audit checkpoint\n'

/** An Ed25519 key of this installation. `id` is its public part, 32 octets in base64url: that is also how others name and trust it. */
export interface SigningKey {
  id: string
  sign(document: string): Buffer
}

const idOf = (key: KeyObject): string => {
  const { x } = createPublicKey(key).export({ format: 'jwk' })
  if (x === undefined) throw new TypeError('an Ed25519 key has an x')
  return x
}

/**
 * The key that signs checkpoints: `<dataDir>/audit-key.pem`, 0600, made on first use; of two starts at once exactly one makes it.
 * StorageError `audit-key`: the file cannot be written or is no Ed25519 key.
 */
export function openSigningKey(dataDir: string): SigningKey {
  const file = join(dataDir, KEY_FILE)
  try {
    if (!existsSync(file)) {
      mkdirSync(dataDir, { recursive: true })
      const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
      try {
        writeFileSync(file, pem, { mode: 0o600, flag: 'wx' })
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
      }
    }
    const key = createPrivateKey(readFileSync(file))
    if (key.asymmetricKeyType !== 'ed25519') throw new TypeError(`it holds a key of type ${key.asymmetricKeyType}`)
    chmodSync(file, 0o600)
    return { id: idOf(key), sign: (document) => sign(null, Buffer.from(CONTEXT + document, 'utf8'), key) }
  } catch (cause) {
    throw new StorageError(`the key of the audit log, ${file}, cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`, {
      code: 'audit-key',
      remedy: 'Make WEIR_DATA_DIR writable, or restore the file from a backup.',
      cause,
    })
  }
}

/**
 * Public keys trusted on this machine: its own, if it has one, and those of `<dataDir>/audit-trusted-keys` (one per line; after a key was
 * lost and a new one made, its public part belongs there). Reading only; empty where there is neither.
 */
export function trustedKeys(dataDir: string): string[] {
  const keys: string[] = []
  const own = join(dataDir, KEY_FILE)
  if (existsSync(own)) keys.push(idOf(createPrivateKey(readFileSync(own))))
  const others = join(dataDir, TRUSTED_FILE)
  if (existsSync(others)) {
    for (const line of readFileSync(others, 'utf8').split('\n')) {
      const id = line.replace(/#.*/, '').trim()
      if (id !== '') keys.push(id)
    }
  }
  return keys
}

/** Whether `signature` is of `document` and this public key; false also for what is no key or signature at all. */
export function signedBy(id: string, document: string, signature: Buffer): boolean {
  if (!/^[\w-]{43}$/.test(id) || signature.length !== 64) return false
  const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: id } })
  return verify(null, Buffer.from(CONTEXT + document, 'utf8'), key, signature)
}
