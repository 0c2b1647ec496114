import { fuzz } from '../test/fuzz.ts'

/** node packages/decoder/scripts/fuzz.ts [RUNS] [SEED]: the long fuzz; exits 1 at the first broken promise. */
const runs = Number(process.argv[2] ?? 2_000_000)
const seed = Number(process.argv[3] ?? 20_261_120)
const started = performance.now()
const before = process.memoryUsage().heapUsed
const report = fuzz(runs, seed, { slowMs: 25 })
const seconds = (performance.now() - started) / 1000
const grown = (process.memoryUsage().heapUsed - before) / 2 ** 20
process.stdout.write(
  `${report.runs} datagrams in ${seconds.toFixed(1)} s, ${report.flows} flows, slowest ${report.slowestMs.toFixed(1)} ms, most ${report.mostRecords} records, heap ${grown.toFixed(0)} MiB more\n`,
)
if (report.failure !== null) {
  process.stderr.write(`${report.failure}\n`)
  process.exitCode = 1
}
