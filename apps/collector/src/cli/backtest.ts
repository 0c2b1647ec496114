import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { createPool, type Pool } from '@weir/db/connection'
import { homeNetworks, readStoredFlows, setting } from '@weir/db/queries'
import { type Anomaly, type Change, Detection, type Config as DetectionConfig } from '@weir/detection'
import { databaseUrl } from '../config.ts'
import { defaultRules, RuleError, readNetworks, readRules } from '../detect/config.ts'

const USAGE = `Usage: weir backtest --from T --to T [--home-networks CIDR,…] [--rule FILE] [--format table|ndjson]

Runs the detectors over the stored flows that ended from T to T, on their own clock, through the same code as live, and prints the
anomalies. T is RFC 3339 or epoch milliseconds. Home networks are those of the settings unless given. FILE holds rules as JSON, the shape
of the setting "detection", in place of that setting.
`

/** One anomaly as it was first raised, in the form of the scoring tools and of GET /anomalies. */
export interface BacktestLine {
  detector: string
  severity: string
  first_seen_ns: string
  actor: string | null
  target: string | null
  paged: boolean
}

interface Options {
  from: Date
  to: Date
  networks: string[] | null
  rule: string | null
  ndjson: boolean
}

/** The command `weir backtest`; returns the exit code. */
export async function run(args: string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(USAGE)
    return 0
  }
  let options: Options
  try {
    options = readOptions(args)
  } catch (error) {
    if (!(error instanceof RuleError)) throw error
    process.stderr.write(`weir backtest: ${error.message}. ${error.remedy}\n\n${USAGE}`)
    return 2
  }
  const dataDir = resolve(process.env.WEIR_DATA_DIR ?? '.weir')
  const pool = createPool({ connectionString: databaseUrl(process.env, dataDir), applicationName: 'weir-backtest', max: 2 })
  try {
    const began = performance.now()
    const config = await configOf(pool, options)
    const { anomalies, flows, findings } = await backtest(pool, config, options.from, options.to)
    if (flows === 0) process.stderr.write('weir backtest: no flows are stored in this window.\n')
    const shown = anomalies.map(lineOf).sort((a, b) => Number(BigInt(a.first_seen_ns) - BigInt(b.first_seen_ns)))
    if (options.ndjson) for (const line of shown) process.stdout.write(`${JSON.stringify(line)}\n`)
    else process.stdout.write(table(anomalies))
    const seconds = (performance.now() - began) / 1000
    const days = Math.max(1 / 24, (options.to.getTime() - options.from.getTime()) / 86_400_000)
    const heard = anomalies.filter((a) => a.severity !== 'info' && a.parent === null)
    process.stderr.write(
      `${flows} flows, ${findings} findings, ${anomalies.length} anomalies: ${heard.length} of warning or worse (${(heard.length / days).toFixed(1)} a day), ${anomalies.filter((a) => a.paged).length} pages; ${seconds.toFixed(1)} s\n`,
    )
    return 0
  } catch (error) {
    if (!(error instanceof RuleError)) throw error
    process.stderr.write(`weir backtest: ${error.message}. ${error.remedy}\n`)
    return 2
  } finally {
    await pool.end()
  }
}

/** Run the detectors over stored flows; the anomalies in the order in which they opened. */
export async function backtest(
  pool: Pool,
  config: DetectionConfig,
  from: Date,
  to: Date,
): Promise<{ anomalies: Anomaly[]; flows: number; findings: number }> {
  const detection = new Detection(config)
  const anomalies = new Map<string, Anomaly>()
  let flows = 0
  let findings = 0
  const note = (changes: readonly Change[]) => {
    for (const { kind, anomaly } of changes) {
      if (kind !== 'ended') findings++
      anomalies.set(anomaly.id, anomaly)
    }
  }
  let clock = 0
  for await (const page of readStoredFlows(pool, from, to)) {
    for (const flow of page) {
      flows++
      clock = Math.max(clock, flow.endMs)
      note(detection.push(flow, clock))
    }
  }
  // The last windows close after the last record, and attempts settle: a flood that ends everything is the case that matters.
  if (flows > 0) note(detection.advance(clock + 600_000))
  return { anomalies: [...anomalies.values()], flows, findings }
}

export function lineOf(anomaly: Anomaly): BacktestLine {
  return {
    detector: anomaly.detector,
    // Folded under its cause it is context, and never told to anyone.
    severity: anomaly.parent === null ? anomaly.severity : 'info',
    first_seen_ns: (BigInt(Math.round(anomaly.firstMs)) * 1_000_000n).toString(),
    actor: anomaly.actor,
    target: anomaly.target,
    paged: anomaly.paged,
  }
}

function table(anomalies: readonly Anomaly[]): string {
  if (anomalies.length === 0) return 'No anomalies.\n'
  const rows = anomalies.map((a) => [
    new Date(a.firstMs).toISOString().slice(0, 19),
    a.severity,
    a.detector,
    a.actor ?? '–',
    a.target ?? '–',
    a.paged ? 'page' : a.parent !== null ? 'folded' : a.severity === 'info' ? '' : 'ticket',
    a.finding.why,
  ])
  const all = [['first seen (UTC)', 'severity', 'detector', 'actor', 'target', 'tells', 'why'], ...rows]
  const widths = [0, 1, 2, 3, 4, 5].map((i) => Math.max(...all.map((row) => (row[i] ?? '').length)))
  return `${all.map((row) => row.map((cell, i) => (i < 6 ? cell.padEnd(widths[i] ?? 0) : cell)).join('  ')).join('\n')}\n`
}

async function configOf(pool: Pool, options: Options): Promise<DetectionConfig> {
  const base = defaultRules(options.networks ?? (await homeNetworks(pool)))
  const rules: unknown = options.rule === null ? await setting(pool, 'detection') : parseRule(options.rule)
  const config = readRules(rules, base)
  return options.networks === null ? config : { ...config, homeNetworks: options.networks }
}

function parseRule(file: string): unknown {
  const content = readFileSync(file, 'utf8')
  try {
    return JSON.parse(content)
  } catch (error) {
    throw new RuleError(
      `${file} is no JSON: ${error instanceof Error ? error.message : 'unreadable'}`,
      'Write an object such as {"billingDay": 1}.',
    )
  }
}

function readOptions(args: readonly string[]): Options {
  const given = new Map<string, string>()
  const known = ['--from', '--to', '--home-networks', '--rule', '--format']
  for (let i = 0; i < args.length; i++) {
    const [name = '', inline] = (args[i] ?? '').split(/=(.*)/s)
    if (!known.includes(name)) throw new RuleError(`there is no option ${name}`, `Known ones: ${known.join(', ')}`)
    const value = inline ?? args[++i]
    if (value === undefined) throw new RuleError(`${name} needs a value`, 'Write it behind the option')
    given.set(name, value)
  }
  const from = instant('--from', given.get('--from'))
  const to = instant('--to', given.get('--to'))
  if (from >= to) throw new RuleError('the window is empty', 'Give a --to after --from')
  const format = given.get('--format') ?? 'table'
  if (format !== 'table' && format !== 'ndjson') throw new RuleError(`--format ${format} is not known`, 'Use table or ndjson')
  const networks = given.get('--home-networks')
  return {
    from,
    to,
    networks: networks === undefined ? null : readNetworks(networks.split(',').map((n) => n.trim())),
    rule: given.get('--rule') ?? null,
    ndjson: format === 'ndjson',
  }
}

function instant(name: string, value: string | undefined): Date {
  if (value === undefined) throw new RuleError(`${name} is missing`, 'Give RFC 3339 (2026-06-01T00:00:00Z) or epoch milliseconds')
  const ms = /^\d{1,15}$/.test(value) ? Number(value) : /^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : Number.NaN
  const at = new Date(ms)
  if (Number.isNaN(at.getTime()))
    throw new RuleError(`${name} "${value}" is no time`, 'Give RFC 3339 (2026-06-01T00:00:00Z) or epoch milliseconds')
  return at
}
