import { createHmac } from 'node:crypto'
import { type Caller, problemOf } from './web.ts'

/** An app as people have one: RFC 6238 with SHA-1, six digits and 30 s, from the base32 that is typed or scanned; none of Weir's own code. */
export function codeOf(base32: string, atMs = Date.now()): string {
  const bits = [...base32].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((octet) => Number.parseInt(octet, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(atMs / 30_000)))
  const mac = createHmac('sha1', key).update(counter).digest()
  const offset = (mac[19] ?? 0) & 15
  return String((mac.readUInt32BE(offset) & 0x7fff_ffff) % 1_000_000).padStart(6, '0')
}

export interface Enrolled {
  secret: string
  uri: string
  recoveryCodes: string[]
}

/** Set up a second factor for somebody, as the profile page does. The code of the step before is used, so that the present one is still good. */
export async function enrol(person: Caller): Promise<Enrolled> {
  await person.confirm()
  const begun = await person.ask('POST', '/api/v1/profile/second-factor', {})
  if (begun.status !== 201) throw new Error(`not begun: ${(await problemOf(begun)).detail}`)
  const { secret, uri } = (await begun.json()) as { secret: string; uri: string }
  const confirmed = await person.ask('POST', '/api/v1/profile/second-factor/confirm', { code: codeOf(secret, Date.now() - 30_000) })
  if (confirmed.status !== 200) throw new Error(`not confirmed: ${(await problemOf(confirmed)).detail}`)
  return { secret, uri, ...((await confirmed.json()) as { recoveryCodes: string[] }) }
}
