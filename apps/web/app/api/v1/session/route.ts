import { knownAddresses } from '@weir/db/commands'
import { CLIENT_HEADER } from '@/server/client-address'
import { house } from '@/server/house'
import { Problem, tooManyTries } from '@/server/problem'
import { route } from '@/server/route'
import { signIn, signOut } from '@/server/session'

/** Sign in. Unknown address, wrong password and disabled account get the same answer after the same work. */
export const POST = route('POST /api/v1/session', async ({ request, body }) => {
  const { pool, loginLimit, settings } = house()
  const address = request.headers.get(CLIENT_HEADER) ?? ''
  const now = Date.now()
  if (settings.loginLimit) {
    const seconds = await loginLimit.wait(body.email, address, now, () => knownAddresses(pool, body.email))
    if (seconds > 0) throw tooManyTries(seconds)
    loginLimit.tried(body.email, address, now)
  }
  try {
    const response = await signIn(request.headers, body)
    loginLimit.succeeded(body.email, address, now)
    return response
  } catch (error) {
    // A right password is no guess; a wrong code stays counted.
    if (error instanceof Problem && error.code === 'second-factor-required') loginLimit.succeeded(body.email, address, now)
    throw error
  }
})

export const DELETE = route('DELETE /api/v1/session', async ({ request }) => signOut(request.headers))
