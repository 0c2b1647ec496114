import { migrate } from '@weir/db/migrate'
import { databaseProblem } from '../up/problem.ts'
import { databaseUrl } from './pool.ts'

const HELP = `bin/weir migrate   bring the schema of DATABASE_URL (or of the built-in database) up to date; safe to run at any time
`

/** `bin/weir migrate`: what npm start does by itself; for containers and for managed databases. */
export async function run(args: string[]): Promise<number> {
  if (args.length > 0) {
    const asked = args[0] === '--help' || args[0] === '-h'
    ;(asked ? process.stdout : process.stderr).write(HELP)
    return asked ? 0 : 2
  }
  try {
    const { engine, reason, applied } = await migrate(databaseUrl(), { log: (line) => process.stderr.write(`${line}\n`) })
    process.stdout.write(`engine ${engine} (${reason}); ${applied.length === 0 ? 'nothing to do' : `ran ${applied.join(', ')}`}\n`)
    return 0
  } catch (error) {
    throw databaseProblem(error, process.env.DATABASE_URL ?? null)
  }
}
