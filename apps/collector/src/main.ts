import { startCollector } from './collector.ts'
import { readConfig } from './config.ts'
import { claimDataDir } from './instance.ts'

/** Exit codes: 0 stopped as asked, 1 a failure, 2 a setting or the surroundings need a person. */
const NEEDS_A_PERSON = 2
/** Whoever stops us may kill us after ten seconds; parts get this long. */
const STOP_MS = 8_500

async function main(): Promise<void> {
  const config = readConfig(process.env)
  if (process.argv.includes('--check')) {
    process.stdout.write('the settings are fine\n')
    return
  }
  const release = claimDataDir(config.dataDir)
  let stopping = false
  let wanted: string | null = null
  let stop = (why: string): void => {
    wanted ??= why
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
  process.on('disconnect', () => stop('the parent process is gone'))

  let collector: Awaited<ReturnType<typeof startCollector>>
  try {
    collector = await startCollector(config)
  } catch (error) {
    release()
    throw error
  }
  const { log } = collector.reporter
  stop = (why) => {
    if (stopping) return
    stopping = true
    log.info({ why }, 'stopping: what was received is being stored')
    void collector.stop(STOP_MS).then(({ failed }) => {
      for (const { name, error } of failed) log.error({ part: name, err: error }, 'a part did not stop cleanly')
      const { stored, shedTotal, refused } = collector.account
      log.info({ stored, shed: shedTotal, refusedWhileStopping: refused.stopping }, 'stopped')
      release()
      process.exit(failed.length === 0 ? 0 : 1)
    })
  }
  log.info({ ports: collector.ports, dataDir: config.dataDir }, 'collector ready')
  process.send?.({ type: 'ready', ports: collector.ports })
  if (wanted !== null) stop(wanted)
}

process.on('uncaughtException', (error) => {
  // Nothing may be left half alive: the supervisor starts a fresh one.
  process.stderr.write(`collector: ${error.stack ?? error.message}\n`)
  process.exit(1)
})

try {
  await main()
} catch (error) {
  const known =
    error instanceof Error &&
    'code' in error &&
    ['CONFIG_INVALID', 'LISTEN_FAILED', 'ALREADY_RUNNING', 'GEO_DATA'].includes(String(error.code))
  if (error instanceof Error && known) {
    const remedy = 'remedy' in error && typeof error.remedy === 'string' && !error.message.includes(error.remedy) ? ` ${error.remedy}` : ''
    process.stderr.write(`collector: ${error.message}${remedy}\n`)
    process.exit(NEEDS_A_PERSON)
  }
  process.stderr.write(`collector: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
}
