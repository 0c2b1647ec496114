import { resolve } from 'node:path'
import { consoleActor, setOneTruth } from '@weir/db/commands'
import { createPool } from '@weir/db/connection'
import { setting } from '@weir/db/queries'
import { databaseUrl } from '../config.ts'

const USAGE = `Usage: weir one-truth [on|off]

Whether a conversation that several exporters see counts once (on, the default) or as often as it is seen (off). Without a word it
tells how it is. Flows that are stored already stay as they were counted.
`

/** The command `weir one-truth`; returns the exit code. */
export async function run(args: string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(USAGE)
    return 0
  }
  const [word] = args
  if (args.length > 1 || (word !== undefined && word !== 'on' && word !== 'off')) {
    process.stderr.write(USAGE)
    return 2
  }
  const dataDir = resolve(process.env.WEIR_DATA_DIR ?? '.weir')
  const pool = createPool({ connectionString: databaseUrl(process.env, dataDir), applicationName: 'weir-cli', max: 1 })
  try {
    if (word === undefined) {
      process.stdout.write(`one-truth is ${(await setting(pool, 'one_truth')) === false ? 'off' : 'on'}\n`)
    } else {
      await setOneTruth(pool, consoleActor(), word === 'on')
      process.stdout.write(`one-truth is ${word}; collectors follow within seconds.\n`)
    }
    return 0
  } finally {
    await pool.end()
  }
}
