import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { SimulatedExporter } from '../src/generate/exporter.ts'
import { PROFILES } from '../src/generate/network.ts'
import { type KillableDatabase, metricOf, metricsOf, NumberedLoad, startProgram } from './chaos.ts'
import { exporterFaults, injector, refusesPoison } from './faults.ts'
import { datagrams, newDataDir, send, until } from './harness.ts'

const LIVE = ['127.0.0.11', '127.0.0.12', '127.0.0.13', '127.0.0.14']
/** Alerts may come this long after a fault is over: what is behind is made good. */
const AFTER_MS = 60_000

/** One fault of the failure matrix: `run` lasts until it is over, at most a minute. It must raise `alerts`, and may raise `also`. */
interface Fault {
  name: string
  alerts: string[]
  also?: string[]
  run(): Promise<void>
}

/** What was read every ten seconds. */
export interface Sample {
  minute: number
  residentMiB: number
  descriptors: number
  gap: number
}

export interface Soak {
  sent: number
  /** Datagrams of `sent` that the kernel did not take from the sender. */
  refused: number
  stored: number
  different: number
  kernelDropped: number
  samples: Sample[]
  faults: string[]
  /** What the collector says of the numbered load's exporters, and what it gave up or set aside, by metric and reason. */
  givenUp: string[]
  /** Alerts that no fault of the time explains. */
  unexplained: string[]
  /** Faults that must be told and were not. */
  untold: string[]
}

/** Slope of a straight line through the points, by least squares. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length
  const over = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  return over / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
}

/** Three exporters of other formats, each with a hundred flows a second. */
function otherFormats(netflow: number, sflow: number): { stop(): Promise<void> }[] {
  return (['v9', 'ipfix', 'sflow'] as const).map((protocol, i) => {
    let last = Date.now()
    const exporter = new SimulatedExporter({
      protocol,
      profile: { ...PROFILES.edge, sampling: 1 },
      seed: 70 + i,
      startMs: last,
      templateIntervalMs: 60_000,
      agent: Uint8Array.from([192, 0, 2, 70 + i]),
      domain: 1,
    })
    return injector(protocol === 'sflow' ? sflow : netflow, `127.0.0.${31 + i}`, 100, () => {
      const now = Date.now()
      const out: Buffer[] = []
      for (let at = last + 10; at <= now; at += 10) exporter.flow(at, now, out)
      last = now - ((now - last) % 10)
      exporter.tick(now, out)
      return out
    })
  })
}

/** B27: `minutes` at 5,000 flows a second, a fault of the matrix every `everyMs`, with all that the collector does switched on. */
export async function soak(database: KillableDatabase, options: { minutes: number; everyMs: number; port: number }): Promise<Soak> {
  const dir = newDataDir()
  const { port } = options
  const program = await startProgram({
    DATABASE_URL: database.url,
    WEIR_DATA_DIR: dir.path,
    WEIR_NETFLOW_PORT: String(port),
    WEIR_SFLOW_PORT: String(port + 1),
    WEIR_METRICS_PORT: '0',
  })
  const metrics = program.ports.metrics ?? 0
  const load = new NumberedLoad(port, 5_000, { hosts: 50_000 })
  const others = otherFormats(port, port + 1)
  const samples: Sample[] = []
  const began = Date.now()
  const sampler = setInterval(async () => {
    const [resident, gap] = await Promise.all([
      metricOf(metrics, 'weir_process_resident_memory_bytes'),
      metricOf(metrics, 'weir_accounting_gap'),
    ])
    samples.push({
      minute: (Date.now() - began) / 60_000,
      residentMiB: resident / 1024 / 1024,
      descriptors: readdirSync(`/proc/${program.child.pid}/fd`).length,
      gap,
    })
  }, 10_000)
  const faults: Fault[] = [
    {
      name: 'database killed, back after 20 s',
      alerts: ['db_unreachable'],
      also: ['ingest_lag'],
      run: async () => {
        await database.kill()
        await sleep(20_000)
        await database.start()
      },
    },
    ...exporterFaults().map(({ alert, from, everyMs, make }) => ({
      name: alert,
      alerts: [alert],
      run: async () => {
        await database.pool.query('update exporter set retired = null where address = $1', [from])
        if (alert === 'quarantined') await database.pool.query(`${refusesPoison} not valid`)
        // Known first: what somebody unknown teaches is forgotten.
        if (alert !== 'malformed') await send(port, datagrams('v9', 30, { seed: 21 }), from)
        await sleep(3_000)
        const fault = injector(port, from, everyMs, make)
        await sleep(30_000)
        await fault.stop()
        if (alert === 'quarantined') await database.pool.query('alter table flow drop constraint poison')
        // As an administrator would: it will not come back soon.
        await database.pool.query('update exporter set retired = now() where address = $1', [from])
      },
    })),
    {
      name: 'table locked for 20 s',
      alerts: ['db_slow'],
      also: ['ingest_lag'],
      run: async () => {
        const client = await database.pool.connect()
        await client.query('begin; lock table flow in access exclusive mode')
        await sleep(20_000)
        await client.query('rollback')
        client.release()
      },
    },
  ]
  const windows: { from: number; to: number; fault: Fault }[] = []
  try {
    await load.start()
    for (let turn = 0; Date.now() - began + options.everyMs <= options.minutes * 60_000; turn++) {
      await sleep(Math.max(0, began + (turn + 1) * options.everyMs - Date.now()))
      const fault = faults[turn % faults.length]
      if (fault === undefined) break
      const window = { from: Date.now(), to: Number.POSITIVE_INFINITY, fault }
      windows.push(window)
      await fault.run()
      window.to = Date.now() + AFTER_MS
    }
    await sleep(Math.max(0, began + options.minutes * 60_000 - Date.now()))
    load.pause()
    for (const other of others) await other.stop()
    await until('everything to be stored', async () => (await metricOf(metrics, 'weir_flows_waiting')) === 0, 60_000)
    clearInterval(sampler)
    const { rows } = await database.pool.query<{ stored: string; different: string }>(
      `select count(*) as stored, count(distinct (f.exporter_id, f.sequence_num, f.src_port)) as different
       from flow f join exporter e on e.id = f.exporter_id where host(e.address) = any($1) and f.slice is not true`,
      [LIVE],
    )
    const { rows: alerts } = await database.pool.query<{
      name: string
      subject: string
      since: Date
      ended_at: Date | null
      sentence: string
    }>('select name, subject, since, ended_at, sentence from alert order by since')
    const explained = ({ name, since }: { name: string; since: Date }) =>
      windows.some(
        ({ from, to, fault: { alerts: must, also = [] } }) =>
          [...must, ...also].includes(name) && since.getTime() >= from && since.getTime() <= to,
      )
    return {
      givenUp: (await metricsOf(metrics))
        .split('\n')
        .filter((line) =>
          /^weir_(flows_shed|flows_quarantined|datagrams_refused|datagrams_received|write_retries|exporter_\w+)_total.* [1-9]/.test(line),
        ),
      sent: load.sent,
      refused: load.refused,
      stored: Number(rows[0]?.stored),
      different: Number(rows[0]?.different),
      kernelDropped: await metricOf(metrics, 'weir_kernel_dropped_datagrams_total'),
      samples,
      faults: windows.map(({ fault }) => fault.name),
      unexplained: alerts
        .filter((alert) => !explained(alert))
        .map(({ name, subject, since, sentence }) => `${since.toISOString()} ${name} ${subject}: ${sentence}`),
      untold: windows
        .filter(({ from, to, fault: { alerts: names } }) =>
          names.some(
            // One that was on already tells it as well.
            (name) => !alerts.some((one) => one.name === name && one.since.getTime() <= to && (one.ended_at?.getTime() ?? to) >= from),
          ),
        )
        .map(({ fault }) => fault.name),
    }
  } finally {
    clearInterval(sampler)
    load.close()
    for (const other of others) await other.stop()
    program.child.kill('SIGKILL')
    await program.ended
    dir.remove()
  }
}
