import type { Action } from '@weir/db/contracts'
import { house } from './house.ts'
import { isOwnOrigin, ownOrigin } from './origin.ts'
import { demand, principalOf } from './principal.ts'
import { Problem } from './problem.ts'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Refuse a change that another site makes a browser send (CSRF): it must come from our own origin, say so in Sec-Fetch-Site where the
 * browser sends that, and carry JSON. Requests with an Authorization header are exempt from the origin: no browser adds one by itself.
 */
export function checkOrigin(request: Request): void {
  if (SAFE.has(request.method) || request.headers.has('authorization')) return
  const { publicUrl } = house().settings
  const origin = request.headers.get('origin')
  const host = request.headers.get('host')
  const site = request.headers.get('sec-fetch-site')
  if (!isOwnOrigin(origin, host, publicUrl) || (site !== null && site !== 'same-origin')) {
    throw new Problem(
      403,
      'wrong-origin',
      origin === null
        ? 'The request names no origin.'
        : `The request comes from ${origin}, not from ${ownOrigin(host, publicUrl) ?? 'this site'}.`,
      publicUrl === null
        ? 'Open Weir at the address you send to. Behind a proxy with TLS, set WEIR_PUBLIC_URL to the address in the browser.'
        : `Open Weir at ${publicUrl.origin}, or change WEIR_PUBLIC_URL.`,
    )
  }
}

/** The one question before anything happens: may whoever sent this request do `action`? Gives who it is, or throws a Problem. */
export async function guard(request: Request, action: Action) {
  checkOrigin(request)
  return demand(await principalOf(request.headers), action)
}
