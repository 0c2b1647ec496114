import { parseArgs } from 'node:util'
import { createWelcomeLink, listUsers } from '@weir/db/commands'
import { Problem } from '../up/problem.ts'
import { withPool } from './pool.ts'

const HELP = `bin/weir admin link [--url URL]   print a new one-time sign-in link for an administrator, good for 24 hours
                                 (also the way back in when the password is lost: use the same e-mail address)
bin/weir admin users             who has an account, and with which role

URL is where the browser finds Weir; the default is WEIR_PUBLIC_URL, else http://localhost:WEIR_HTTP_PORT.
`

/** `bin/weir admin …`: what only someone at this machine's terminal may do. */
export async function run(args: string[]): Promise<number> {
  let parsed: { values: { url?: string | undefined; help?: boolean | undefined }; positionals: string[] }
  try {
    parsed = parseArgs({ args, allowPositionals: true, options: { url: { type: 'string' }, help: { type: 'boolean', short: 'h' } } })
  } catch (error) {
    throw new Problem(error instanceof Error ? error.message : String(error), HELP, error)
  }
  const [action] = parsed.positionals
  if (parsed.values.help) {
    process.stdout.write(HELP)
    return 0
  }
  if (action === 'link') {
    const url = parsed.values.url ?? process.env.WEIR_PUBLIC_URL ?? `http://localhost:${process.env.WEIR_HTTP_PORT || 3000}`
    if (!URL.canParse(url) || !/^https?:/.test(url)) throw new Problem(`'${url}' is no web address.`, 'Give it as --url http://HOST:PORT.')
    return withPool(async (pool) => {
      process.stdout.write(`${await createWelcomeLink(pool, url)}\n`)
      return 0
    })
  }
  if (action === 'users') {
    return withPool(async (pool) => {
      for (const user of await listUsers(pool)) {
        process.stdout.write(`${user.email}\t${user.name}\t${user.role}${user.disabled ? '\tdisabled' : ''}\n`)
      }
      return 0
    })
  }
  process.stderr.write(HELP)
  return 2
}
