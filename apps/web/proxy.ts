import { may, PAGES, type PagePath } from '@weir/db/contracts'
import { type NextRequest, NextResponse } from 'next/server'
import { pagePolicy } from './server/headers.ts'
import { house } from './server/house.ts'
import { ownOrigin } from './server/origin.ts'
import { principalOf } from './server/principal.ts'

const isPage = (path: string): path is PagePath => Object.hasOwn(PAGES, path)

/**
 * Before every page: a nonce for its scripts, the way to the sign-in for people without a session, and the page that says why for people
 * whose role does not reach. This is comfort, not protection: pages hold no data, and each route asks the same table again.
 */
export async function proxy(request: NextRequest): Promise<NextResponse> {
  const { pathname, search } = request.nextUrl
  const { publicUrl } = house().settings
  const nonce = Buffer.from(crypto.randomUUID()).toString('base64')
  const policy = pagePolicy(nonce, { dev: process.env.NODE_ENV !== 'production', https: publicUrl?.protocol === 'https:' })
  const headers = new Headers(request.headers)
  headers.set('x-nonce', nonce)
  headers.set('x-weir-path', pathname + search)
  headers.set('content-security-policy', policy)
  const finish = (response: NextResponse) => {
    response.headers.set('content-security-policy', policy)
    return response
  }

  const action = isPage(pathname) ? PAGES[pathname] : null
  if (action === 'open') return finish(NextResponse.next({ request: { headers } }))
  const principal = await principalOf(request.headers).catch(() => 'unknown' as const)
  // The database does not answer: let the page say so, its own questions will.
  if (principal === 'unknown') return finish(NextResponse.next({ request: { headers } }))
  if (principal?.kind !== 'session') {
    // Next wants a whole address here; its own idea of the host is where it listens, not what the browser asked for.
    const target = new URL('/sign-in', ownOrigin(request.headers.get('host'), publicUrl) ?? request.nextUrl.origin)
    if (pathname !== '/' || search !== '') target.searchParams.set('return', pathname + search)
    return finish(NextResponse.redirect(target, 307))
  }
  if (action !== null && may(principal.role, action) === 'no') {
    const target = request.nextUrl.clone()
    target.pathname = '/not-allowed'
    return finish(NextResponse.rewrite(target, { request: { headers } }))
  }
  return finish(NextResponse.next({ request: { headers } }))
}

export const config = {
  matcher: [{ source: '/((?!api/|_next/static/|_next/image|icon\\.svg|.*\\.(?:js|json|svg|png|ico|woff2|txt|bin|map)$).*)' }],
}
