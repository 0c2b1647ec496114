import { createPool, type Pool } from '@weir/db/connection'
import { startEmbedded } from '@weir/db/embedded'
import { migrate } from '@weir/db/migrate'
import { newFolder } from './folder.ts'
import { freePorts } from './ports.ts'
import { Program } from './program.ts'
import { Hopeless, until } from './wait.ts'

export interface RunningCollector {
  pool: Pool
  netflow: number
  /** UDP, and TCP or TLS. */
  ipfix: number
  sflow: number
  metrics: number
  program: Program
  /** End the collector by `signal` and start it again on the same data directory and database. */
  restart(signal?: NodeJS.Signals): Promise<void>
  stop(): Promise<void>
}

/** Weir's own collector on a database of its own: the program that runs in production, without the web app. `env` adds settings. */
export async function startCollector(name: string, env: NodeJS.ProcessEnv = {}): Promise<RunningCollector> {
  const folder = newFolder(name)
  const database = await startEmbedded({ dataDir: folder.path })
  await migrate(database.url)
  const [netflow = 0, ipfix = 0, sflow = 0, metrics = 0] = await freePorts(4)
  const start = () =>
    new Program(process.execPath, ['apps/collector/src/main.ts'], {
      env: {
        ...process.env,
        DATABASE_URL: database.url,
        WEIR_DATA_DIR: folder.path,
        WEIR_LISTEN_HOST: '127.0.0.1',
        WEIR_NETFLOW_PORT: String(netflow),
        WEIR_IPFIX_PORT: String(ipfix),
        WEIR_SFLOW_PORT: String(sflow),
        WEIR_METRICS_PORT: String(metrics),
        ...env,
      },
    })
  let program = start()
  const pool = createPool({ connectionString: database.url, applicationName: 'weir-test', max: 2, onError: () => undefined })
  const stop = async () => {
    await pool.end()
    await program.stop()
    await database.stop()
    folder.remove()
  }
  const ready = () =>
    until('the collector to serve its metrics', async () => {
      if (program.ended !== null) throw new Hopeless(`it ended (${program.ended}):\n${program.output}`)
      return (await fetch(`http://127.0.0.1:${metrics}/metrics`)).ok
    })
  const restart = async (signal: NodeJS.Signals = 'SIGTERM') => {
    await program.stop(signal)
    program = start()
    await ready()
  }
  try {
    await ready()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    pool,
    netflow,
    ipfix,
    sflow,
    metrics,
    get program() {
      return program
    },
    restart,
    stop,
  }
}
