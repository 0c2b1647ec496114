/** A failure a person can act on: what happened, and what to do about it. */
export class Problem extends Error {
  readonly remedy: string
  constructor(what: string, remedy: string, cause?: unknown) {
    super(what, cause === undefined ? undefined : { cause })
    this.name = 'Problem'
    this.remedy = remedy
  }
}

/** The `code` of a system or PostgreSQL error, looked for down its chain of causes; '' when it has none. */
export function codeOf(error: unknown): string {
  for (let at: unknown = error, depth = 0; at !== undefined && at !== null && depth < 5; depth++) {
    if (typeof at !== 'object') break
    if ('code' in at && typeof at.code === 'string') return at.code
    // Node tries every address of a name and throws all failures at once.
    if (at instanceof AggregateError && at.errors.length > 0) at = at.errors[0]
    else at = 'cause' in at ? at.cause : undefined
  }
  return ''
}

/** A connection string fit for a screen or a log: its password is not in it. */
export function withoutPassword(url: string): string {
  try {
    const parsed = new URL(url)
    if (parsed.password !== '') parsed.password = '***'
    for (const key of parsed.searchParams.keys()) if (/pass/i.test(key)) parsed.searchParams.set(key, '***')
    return parsed.href
  } catch {
    return '(unreadable)'
  }
}

/** What a failed connection or migration means and what to do, from the error's code. `url` is DATABASE_URL, or null for the embedded one. */
export function databaseProblem(error: unknown, url: string | null): Problem {
  const message = error instanceof Error ? error.message : String(error)
  const code = codeOf(error)
  const name = url === null ? 'the embedded PostgreSQL' : `the database of DATABASE_URL (${withoutPassword(url)})`
  if (error instanceof Problem) return error
  // The storage room's own errors say what to do; only "unreachable" is told better by what the socket or the server said.
  if (code === 'database-unreachable' && error instanceof Error && error.cause !== undefined) return databaseProblem(error.cause, url)
  const own = error instanceof Error && 'remedy' in error && typeof error.remedy === 'string' ? error.remedy : null
  if (own !== null) return new Problem(message, own, error)
  const say = (what: string, remedy: string) => new Problem(`${what}: ${name}. ${message}`, remedy, error)
  switch (code) {
    case 'ECONNREFUSED':
      return say(
        'Nothing answers there',
        'Start that PostgreSQL, or correct host and port in DATABASE_URL; unset DATABASE_URL to use the built-in one.',
      )
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return say(
        'The host name is unknown',
        'Correct the host in DATABASE_URL, or the name service; unset DATABASE_URL to use the built-in one.',
      )
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return say('The host does not answer', 'Check the address in DATABASE_URL, the network and the firewall on the way.')
    case '28P01':
    case '28000':
      return say('The database refuses this user or password', 'Correct user and password in DATABASE_URL, or allow them in pg_hba.conf.')
    case '3D000':
      return say('There is no such database', 'Create it (createdb NAME) or correct the name in DATABASE_URL.')
    case '42501':
      return say(
        'The user lacks a right',
        'Make this user the owner of the database (ALTER DATABASE name OWNER TO user), or use one that is.',
      )
    case '53300':
      return say('The server has no connection left', 'Raise max_connections, or close other clients.')
    case '53100':
      return say('The database server’s disk is full', 'Free space on it, then start again; nothing was lost.')
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return say('Its certificate is not trusted', 'Name its CA with NODE_EXTRA_CA_CERTS=FILE, or correct sslmode in DATABASE_URL.')
    default:
      return say(
        `The database cannot be used${code === '' ? '' : ` (${code})`}`,
        'Run bin/weir doctor, and read the server’s log for this moment.',
      )
  }
}
