import { acceptWelcomeLink, readWelcomeLink } from '@weir/db/commands'
import { house } from '@/server/house'
import { hashPassword, passwordFlaw } from '@/server/password'
import { Problem } from '@/server/problem'
import { route } from '@/server/route'
import { signIn } from '@/server/session'

/** The link itself is 256 random bits, so guessing needs no limit of its own; but hashing is only done for a link that works. */
export const POST = route('POST /api/v1/welcome', async ({ request, body }) => {
  const { pool } = house()
  const flaw = passwordFlaw(body.password, [body.name, body.email, body.email.split('@')[0] ?? ''])
  if (flaw !== null) throw new Problem(422, 'invalid', 'This password is too easy to guess.', flaw, { extra: { parameter: 'password' } })
  const link = await readWelcomeLink(pool, body.token)
  const passwordHash = link === null ? '' : await hashPassword(body.password)
  await acceptWelcomeLink(pool, { token: body.token, name: body.name, email: body.email, passwordHash })
  return await signIn(request.headers, { email: body.email, password: body.password })
})
