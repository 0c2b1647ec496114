/**
 * What durability costs, on this machine: `node apps/collector/bench/spool.ts [postgres://…]`
 *
 * Rows of the traffic generator go through batch, spool and writer; each line is the median of several runs. With a database URL (an empty,
 * migrated database) the ledger is measured too: the same frames with and without it, in turns.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPool } from '@weir/db/connection'
import { COPY_COLUMNS, createWriter, FlowBatch, readEngine } from '@weir/db/ingest'
import { Decoder } from '@weir/decoder'
import { SimulatedExporter } from '../src/generate/exporter.ts'
import { PROFILES } from '../src/generate/network.ts'
import { Spool, type SpooledFrame } from '../src/spool/spool.ts'
import { median } from './processes.ts'

const ROWS = 8192
const quartile = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 2] ?? Number.NaN
const say = (what: string, value: string) => console.log(`${what.padEnd(52)} ${value}`)

/** Batches of rows as the collector would encode them. */
function batches(count: number, rows = ROWS): FlowBatch[] {
  const now = Date.now()
  const exporter = new SimulatedExporter({
    protocol: 'ipfix',
    profile: PROFILES.edge,
    seed: 1,
    startMs: now - 60_000,
    templateIntervalMs: 60_000,
    agent: Uint8Array.from([192, 0, 2, 7]),
    domain: 7,
  })
  const decoder = new Decoder()
  const full: FlowBatch[] = []
  let batch = new FlowBatch({ rows, bytes: rows * 400 })
  const take = (payload: Uint8Array) =>
    decoder.decode(
      payload,
      { address: '192.0.2.7', port: 1, receivedMs: now },
      {
        flow: (record) => {
          batch.append(record, {
            exporterId: 1,
            timeMs: now - 1000 + (batch.rows & 511),
            durationMs: 900,
            servicePort: record.dstPort,
            srcAs: 64_500 + (batch.rows % 500),
            dstAs: 3320,
            srcCountry: 'DE',
            dstCountry: 'US',
          })
          if (batch.rows === rows) {
            full.push(batch)
            batch = new FlowBatch({ rows, bytes: rows * 400 })
          }
        },
      },
    )
  const out: Buffer[] = []
  for (let at = now - 60_000; full.length < count; at++) {
    for (let i = 0; i < 50; i++) exporter.flow(at, at, out)
    for (const payload of out.splice(0)) take(payload)
  }
  return full.slice(0, count)
}

const base = mkdtempSync(join(process.env.WEIR_SPOOL_DIR ?? tmpdir(), 'weir-bench-spool-'))
try {
  const file = await open(join(base, 'sync'), 'w')
  const syncs: number[] = []
  for (let i = 0; i < 200; i++) {
    await file.write(Buffer.alloc(40_000, i))
    const began = performance.now()
    await file.datasync()
    syncs.push(performance.now() - began)
  }
  await file.close()
  say('fdatasync after 40 kB, median / worst', `${median(syncs).toFixed(2)} / ${Math.max(...syncs).toFixed(1)} ms`)

  for (const rows of [500, 2_000, ROWS]) {
    const some = batches(8, rows)
    const spool = await Spool.open({ dir: join(base, String(rows)), columns: COPY_COLUMNS, maxBytes: 1 << 30 })
    const runs: number[] = []
    const cpu: number[] = []
    let octets = 0
    for (let run = 0; run < 12; run++) {
      const before = process.cpuUsage()
      const began = performance.now()
      for (const batch of some) {
        const frame = await spool.append({ rows, receivedMs: Date.now(), body: batch.body(), lengths: batch.lengths() })
        octets = frame.octets
      }
      const used = process.cpuUsage(before)
      runs.push((performance.now() - began) / (some.length * rows))
      cpu.push((used.user + used.system) / (some.length * rows))
    }
    say(`spool, frames of ${rows}: octets per flow`, (octets / rows).toFixed(1))
    say(`spool, frames of ${rows}: time / CPU per flow`, `${(median(runs) * 1000).toFixed(2)} / ${median(cpu).toFixed(2)} µs`)
    const began = performance.now()
    let read = 0
    for (let frames = await spool.next(ROWS); frames.length > 0; frames = await spool.next(ROWS)) {
      for (const frame of frames) {
        read += frame.rows
        spool.done(frame)
      }
    }
    say(`spool, frames of ${rows}: reading back per flow`, `${(((performance.now() - began) * 1000) / read).toFixed(2)} µs`)
    await spool.close()
  }

  const url = process.argv[2]
  if (url !== undefined) {
    const pool = createPool({ connectionString: url, applicationName: 'weir-bench', max: 2, onError: () => undefined })
    const engine = await readEngine(pool)
    const some = batches(4)
    const spool = await Spool.open({ dir: join(base, 'ledger'), columns: COPY_COLUMNS, maxBytes: 1 << 30 })
    for (const frames of [1, 4]) {
      const times = { with: [] as number[], without: [] as number[] }
      const size = frames === 1 ? 1 : 4
      for (let run = 0; run < 24; run++) {
        for (const how of run % 2 === 0 ? (['with', 'without'] as const) : (['without', 'with'] as const)) {
          const group: SpooledFrame[] = []
          for (const batch of some.slice(0, size)) {
            group.push(
              await spool.append({ rows: batch.rows, receivedMs: Date.now(), body: batch.body(), lengths: batch.lengths(), keep: true }),
            )
          }
          const writer = createWriter(pool, engine, { ledger: how === 'with' })
          const began = performance.now()
          await writer.writeFrames(group)
          if (run > 1) times[how].push(performance.now() - began)
        }
      }
      // The lower quartile: what else runs on the machine only ever adds.
      const [bare, kept] = [quartile(times.without), quartile(times.with)]
      say(
        `COPY of ${size} × ${ROWS} without / with ledger`,
        `${bare.toFixed(1)} / ${kept.toFixed(1)} ms (${((kept / bare - 1) * 100).toFixed(1)} %)`,
      )
    }
    await spool.close()
    await pool.end()
  }
} finally {
  rmSync(base, { recursive: true, force: true })
}
