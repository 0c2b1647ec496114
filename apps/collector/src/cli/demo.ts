import { rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { consoleActor, nameDemoServices, removeDemo } from '@weir/db/commands'
import { createPool } from '@weir/db/connection'
import { databaseUrl } from '../config.ts'
import { DEMO_SERVICES } from '../generate/services.ts'

const USAGE = `Usage: weir demo remove | name

  remove   removes the demo's exporters and everything they sent, rollups included, and the service rules that name its servers.
           Other exporters keep every flow, other rules stay
  name     adds those rules, once, before the demo first sends; npm start -- --demo does so itself
`

/** A demo that runs notes its progress every ten seconds. */
const RUNNING_MS = 25_000

/** The command `weir demo`; returns the exit code. */
export async function run(args: string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(USAGE)
    return 0
  }
  const [what] = args
  if (args.length !== 1 || (what !== 'remove' && what !== 'name')) {
    process.stderr.write(USAGE)
    return 2
  }
  const dataDir = resolve(process.env.WEIR_DATA_DIR ?? '.weir')
  if (what === 'name') return await name(dataDir)
  const note = join(dataDir, 'demo-sent')
  if (Date.now() - modified(note) < RUNNING_MS) {
    process.stderr.write(
      'weir demo: the demo is sending right now and would come back. Stop it first (start Weir without --demo), then run this again in half a minute.\n',
    )
    return 1
  }
  const pool = createPool({ connectionString: databaseUrl(process.env, dataDir), applicationName: 'weir-demo', max: 2 })
  try {
    const { exporters, flows } = await removeDemo(pool, consoleActor())
    // The next demo starts with a whole hour again.
    rmSync(note, { force: true })
    process.stdout.write(exporters === 0 ? 'There is no demo traffic here.\n' : `Removed ${exporters} demo exporters and ${flows} flows.\n`)
    return 0
  } finally {
    await pool.end()
  }
}

async function name(dataDir: string): Promise<number> {
  const pool = createPool({ connectionString: databaseUrl(process.env, dataDir), applicationName: 'weir-demo', max: 1 })
  try {
    const added = await nameDemoServices(pool, consoleActor(), DEMO_SERVICES)
    process.stdout.write(added === 0 ? 'The demo has been named before.\n' : `Added ${added} service rules of the demo.\n`)
    return 0
  } finally {
    await pool.end()
  }
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
