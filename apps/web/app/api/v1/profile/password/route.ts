import { passwordFlaw } from '@/server/password'
import { Problem } from '@/server/problem'
import { route } from '@/server/route'
import { changePassword, personOf } from '@/server/session'

export const PUT = route('PUT /api/v1/profile/password', async ({ request, principal, body }) => {
  const flaw = passwordFlaw(body.password, principal.kind === 'session' ? [principal.name, principal.email] : [])
  if (flaw !== null) throw new Problem(422, 'invalid', 'This password is too easy to guess.', flaw, { extra: { parameter: 'password' } })
  return await changePassword(request.headers, personOf(principal), body)
})
