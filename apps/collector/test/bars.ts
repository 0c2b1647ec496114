import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from '@weir/db/connection'
import { COPY_COLUMNS, createWriter, type Engine, FlowBatch, type Frame } from '@weir/db/ingest'
import { address, sampleContext, sampleFlow } from '@weir/db/testing'
import { startSender } from '../bench/processes.ts'
import { metricOf, metricsOf, NumberedLoad, type Program, startProgram, storedNumbers } from './chaos.ts'
import { breakableWay, newDataDir, until } from './harness.ts'

/** One frame of `rows` flows numbered from `first`, in the source address. */
export function numberedFrame(spool: string, frame: number, rows: number, first: number): Frame {
  const batch = new FlowBatch({ rows, bytes: rows * 400 })
  const now = Date.now()
  for (let i = 0; i < rows; i++) {
    const n = first + i
    batch.append(
      sampleFlow({ srcAddr: address(`${(n >>> 24) & 255}.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`), receivedMs: now }),
      sampleContext({ timeMs: now, durationMs: 0 }),
    )
  }
  const sha256 = Buffer.alloc(32)
  sha256.writeUInt32LE(frame)
  return { spool, segment: 1, frame, rows, sha256, columns: COPY_COLUMNS, body: batch.body(), lengths: batch.lengths() }
}

/** Store frames one after the other; returns how long that took and how many rows were set aside. */
export async function storeFrames(
  pool: Pool,
  engine: Engine,
  options: { frames: number; rows: number; first: number },
): Promise<{ tookMs: number; stored: number; aside: number }> {
  const writer = createWriter(pool, engine)
  const spool = randomUUID()
  const frames = Array.from({ length: options.frames }, (_, i) => numberedFrame(spool, i, options.rows, options.first + i * options.rows))
  const began = performance.now()
  let stored = 0
  let aside = 0
  for (const frame of frames) {
    const result = await writer.writeFrames([frame])
    stored += result.rows
    aside += result.quarantined.row_refused
  }
  return { tookMs: performance.now() - began, stored, aside }
}

const PER_DATAGRAM = 30

/** Stop and start the collector again and again while what it sends to the database fails (B6). Returns flows sent. */
export async function stopsAndStarts(
  database: { url: string; pool: Pool },
  cycles: number,
  port: number,
): Promise<{ sent: number; stored: number; twice: number; dropped: number }> {
  const way = await breakableWay(database.url)
  const dir = newDataDir()
  const load = new NumberedLoad(port, 2_000)
  let program: Program | null = null
  let dropped = 0
  const stop = async () => {
    program?.child.kill('SIGTERM')
    const code = await program?.ended
    if (code !== 0) throw new Error(`the collector ended with ${code}:\n${program?.output().slice(-3_000)}`)
  }
  try {
    const env = { DATABASE_URL: way.url, WEIR_DATA_DIR: dir.path, WEIR_NETFLOW_PORT: String(port), WEIR_METRICS_PORT: '0' }
    for (let cycle = 0; cycle < cycles; cycle++) {
      program = await startProgram(env)
      const { metrics = 0 } = program.ports
      await load.start()
      // All four exporters have their id: one that is new to a process waits for the database, and a stop refuses (and counts) what waits.
      await until(
        'flows of this cycle to be accepted',
        async () =>
          (await metricOf(metrics, 'weir_exporters_known')) === 4 &&
          (await metricOf(metrics, 'weir_datagrams_waiting')) === 0 &&
          (await metricOf(metrics, 'weir_flows_accepted_total')) > 0,
      )
      way.cut()
      await sleep(200)
      load.pause()
      // A machine that stands still while a process starts overflows the socket's buffer: not received, so not accepted.
      dropped += PER_DATAGRAM * (await metricOf(metrics, 'weir_kernel_dropped_datagrams_total'))
      await stop()
      way.mend()
    }
    program = await startProgram(env)
    const { metrics = 0 } = program.ports
    await until('the spool to be empty', async () => (await metricOf(metrics, 'weir_flows_waiting')) === 0, 60_000)
    await stop()
    const { numbers, twice } = await storedNumbers(database.pool)
    return { sent: load.sent, stored: numbers.size, twice, dropped }
  } finally {
    program?.child.kill('SIGKILL')
    load.close()
    await way.close()
    dir.remove()
  }
}

/** A steady load into a collector of its own (B19). Returns what was lost on the way and how late it was. */
export async function ratedLoad(
  database: { url: string; pool: Pool },
  options: { seconds: number; flowsPerSecond: number; port: number },
): Promise<{ sent: number; stored: number; twice: number; kernelDrops: number; gap: number; alerts: number; residentMiB: number }> {
  const dir = newDataDir()
  const load = new NumberedLoad(options.port, options.flowsPerSecond)
  const program = await startProgram({
    DATABASE_URL: database.url,
    WEIR_DATA_DIR: dir.path,
    WEIR_NETFLOW_PORT: String(options.port),
    WEIR_METRICS_PORT: '0',
  })
  try {
    const { metrics = 0 } = program.ports
    await load.start()
    await sleep(options.seconds * 1000)
    load.pause()
    await until('all of it', async () => (await storedNumbers(database.pool)).numbers.size >= load.sent, 30_000)
    const { numbers, twice } = await storedNumbers(database.pool)
    return {
      sent: load.sent,
      stored: numbers.size,
      twice,
      kernelDrops: await metricOf(metrics, 'weir_kernel_dropped_datagrams_total'),
      gap: (await metricOf(metrics, 'weir_accounting_gap')) + (await metricOf(metrics, 'weir_accounting_gaps_total')),
      alerts: await metricOf(metrics, 'weir_alerts_raised_total'),
      residentMiB: (await metricOf(metrics, 'weir_process_resident_memory_bytes')) / 1024 / 1024,
    }
  } finally {
    load.close()
    program.child.kill('SIGKILL')
    await program.ended
    dir.remove()
  }
}

/**
 * More than anybody can read (B18): 60,000 datagrams a second, with detection off. `unaccounted` are datagrams that are neither received nor
 * counted as dropped by the kernel; `alertSeconds` how long `kernel_drops` took.
 */
export async function burst(
  database: { url: string; pool: Pool },
  options: { seconds: number; port: number },
): Promise<{
  sent: number
  dropped: number
  unaccounted: number
  gap: number
  alertSeconds: number
  clearSeconds: number
  residentMiB: number
}> {
  const dir = newDataDir()
  const program = await startProgram({
    DATABASE_URL: database.url,
    WEIR_DATA_DIR: dir.path,
    WEIR_NETFLOW_PORT: String(options.port),
    WEIR_METRICS_PORT: '0',
    WEIR_DETECT: 'off',
  })
  const { metrics = 0 } = program.ports
  const senders = await Promise.all(
    ['127.0.0.61', '127.0.0.62'].map((source) => startSender(options.port, 30_000 * PER_DATAGRAM, options.seconds, source)),
  )
  const alerted = async () => /^weir_alert\{name="kernel_drops"[^}]*\} [1-9]/m.test(await metricsOf(metrics))
  let alertSeconds = Number.POSITIVE_INFINITY
  let residentMiB = 0
  let over = false
  const began = performance.now()
  const watch = async (): Promise<void> => {
    while (!over) {
      residentMiB = Math.max(residentMiB, (await metricOf(metrics, 'weir_process_resident_memory_bytes')) / 1024 / 1024)
      if (alertSeconds === Number.POSITIVE_INFINITY && (await alerted())) alertSeconds = (performance.now() - began) / 1000
      await sleep(250)
    }
  }
  try {
    const watching = watch()
    const sent = (await Promise.all(senders.map((sender) => sender.go()))).reduce((sum, flows) => sum + flows / PER_DATAGRAM, 0)
    const ended = performance.now()
    await until('everything that was received to be decoded', async () => (await metricOf(metrics, 'weir_datagrams_waiting')) === 0, 30_000)
    await until('the alert', () => alertSeconds < Number.POSITIVE_INFINITY, 15_000)
    await until('the alert to go', async () => !(await alerted()), 60_000)
    const clearSeconds = (performance.now() - ended) / 1000
    await until('the spool to be empty', async () => (await metricOf(metrics, 'weir_flows_waiting')) === 0, 300_000)
    over = true
    await watching
    const dropped = await metricOf(metrics, 'weir_kernel_dropped_datagrams_total')
    const received = await metricOf(metrics, 'weir_datagrams_received_total')
    const gap = (await metricOf(metrics, 'weir_accounting_gap')) + (await metricOf(metrics, 'weir_accounting_gaps_total'))
    return { sent, dropped, unaccounted: sent - received - dropped, gap, alertSeconds, clearSeconds, residentMiB }
  } finally {
    over = true
    for (const sender of senders) sender.stop()
    program.child.kill('SIGKILL')
    await program.ended
    dir.remove()
  }
}
