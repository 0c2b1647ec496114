/**
 * Which site a browser's request came from. Weir answers pages of its own origin only: the one in WEIR_PUBLIC_URL, or else the host the
 * request was sent to. (A name that an attacker points at Weir passes this, but no cookie of ours is sent to that name.)
 */

/** The one origin that counts, e.g. 'http://localhost:3000'; null when the request names no host. */
export function ownOrigin(host: string | null | undefined, publicUrl: URL | null): string | null {
  if (publicUrl !== null) return publicUrl.origin
  if (!host) return null
  const text = `http://${host}`
  return URL.canParse(text) ? new URL(text).origin : null
}

/** True for exactly our own origin; a missing header or `null` is not ours. */
export function isOwnOrigin(origin: string | null | undefined, host: string | null | undefined, publicUrl: URL | null): boolean {
  if (!origin || origin === 'null') return false
  return origin === ownOrigin(host, publicUrl)
}

/** Where to go after signing in: a path of our own, else the overview. Anything a browser could read as another site is refused. */
export function safeReturnPath(path: string | null | undefined): string {
  if (!path?.startsWith('/') || path.startsWith('//') || path.includes('\\') || [...path].some((letter) => letter < ' ')) return '/'
  const base = 'http://weir.invalid'
  if (!URL.canParse(path, base)) return '/'
  const url = new URL(path, base)
  if (url.origin !== base || url.pathname.startsWith('//') || url.pathname.startsWith('/sign-in') || url.pathname.startsWith('/api/'))
    return '/'
  return url.pathname + url.search
}
