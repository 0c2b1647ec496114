import { createPool } from '@weir/db/connection'
import { ConfigError, readConfig } from '../config.ts'
import {
  checkClock,
  checkDatabase,
  checkDisk,
  checkPorts,
  checkReceiveBuffer,
  checkSpool,
  type Finding,
  runningCollector,
} from '../doctor.ts'

const USAGE = `Usage: weir doctor [--json]

Looks at settings, ports, socket buffers, disk, spool, clock, database, collector and exporters; says what is wrong and what to do.
Ends with 0 when nothing failed, with 1 otherwise.
`

/** The command `weir doctor`; returns the exit code. */
export async function run(args: string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(USAGE)
    return 0
  }
  const unknown = args.find((arg) => arg !== '--json')
  if (unknown !== undefined) {
    process.stderr.write(`weir doctor: ${unknown} is not known\n\n${USAGE}`)
    return 2
  }
  const findings = await examine()
  if (args.includes('--json')) process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`)
  else process.stdout.write(findings.map(line).join(''))
  return findings.some(({ state }) => state === 'fail') ? 1 : 0
}

async function examine(): Promise<Finding[]> {
  let config: ReturnType<typeof readConfig>
  try {
    config = readConfig(process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const { key, remedy, message } = error
    return [
      { name: key, state: 'fail', seen: message.replace(`${key}: `, '').replace(`. ${remedy}`, ''), remedy: `${remedy}.` },
      checkReceiveBuffer(),
      checkClock(),
    ]
  }
  const pid = runningCollector(config.dataDir)
  const pool = createPool({
    connectionString: config.databaseUrl,
    applicationName: 'weir-doctor',
    max: 1,
    connectTimeoutMs: 5_000,
    onError: () => undefined,
  })
  try {
    return [
      { name: 'settings', state: 'ok', seen: 'every setting is understood', remedy: '' },
      ...(await checkPorts(config, pid)),
      checkReceiveBuffer(),
      checkDisk(config.dataDir),
      checkSpool(config),
      checkClock(),
      ...(await checkDatabase(pool, 'doctor')),
    ]
  } finally {
    await pool.end()
  }
}

const MARKS = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' }

function line({ name, state, seen, remedy }: Finding): string {
  return `${MARKS[state]}  ${name}: ${seen}\n${remedy === '' ? '' : `      → ${remedy}\n`}`
}
