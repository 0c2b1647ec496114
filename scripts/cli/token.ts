import { parseArgs } from 'node:util'
import { consoleActor, createToken, listTokens, revokeToken } from '@weir/db/commands'
import { ROLES } from '@weir/db/contracts'
import { Problem } from '../up/problem.ts'
import { withPool } from './pool.ts'

const HELP = `bin/weir token create --name NAME --role ROLE [--days N]   make a token; it is printed once and stored only as a hash
bin/weir token list                                        tokens that still work
bin/weir token revoke ID                                   end one now

ROLE is one of ${ROLES.join(', ')}. Use it as: curl -H "Authorization: Bearer TOKEN" http://localhost:3000/api/v1/health
`

/** `bin/weir token …`. The token itself goes to standard output alone, so that it can be caught in a variable. */
export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parse(args)
  const [action, id] = positionals
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  if (action === 'create') {
    const { name, role, days } = values
    if (name === undefined || role === undefined) throw new Problem('A token needs a name and a role.', HELP)
    return withPool(async (pool) => {
      const made = await createToken(pool, consoleActor(), { name, role, ...(days === undefined ? {} : { days: Number(days) }) })
      process.stderr.write(
        `Token ${made.id} '${made.name}', role ${made.role}, until ${made.expiresAt.toISOString()}. It is shown only now:\n`,
      )
      process.stdout.write(`${made.token}\n`)
      return 0
    })
  }
  if (action === 'list') {
    return withPool(async (pool) => {
      for (const token of await listTokens(pool)) {
        const used = token.lastUsedAt === null ? 'never used' : `used ${token.lastUsedAt.toISOString()}`
        process.stdout.write(`${token.id}\t${token.hint}…\t${token.role}\t${token.name}\tuntil ${token.expiresAt.toISOString()}\t${used}\n`)
      }
      return 0
    })
  }
  if (action === 'revoke' && id !== undefined && /^\d+$/.test(id)) {
    return withPool(async (pool) => {
      await revokeToken(pool, consoleActor(), Number(id))
      process.stdout.write(`Token ${id} ended.\n`)
      return 0
    })
  }
  process.stderr.write(HELP)
  return 2
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: { name: { type: 'string' }, role: { type: 'string' }, days: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    })
  } catch (error) {
    throw new Problem(error instanceof Error ? error.message : String(error), HELP, error)
  }
}
