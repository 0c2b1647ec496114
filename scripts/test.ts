/**
 * `npm test`: every proof, from a fresh clone, in one command.
 *
 *   npm test                         all stages
 *   npm test -- --only unit          one or several (comma), by name
 *   npm test -- --list               the names
 *   npm run test:chaos               faults on purpose, for an hour: not part of npm test
 *
 * A stage that fails does not stop the others: one run tells everything. The last line is `N passed, N failed, N skipped`;
 * the exit code is 1 when anything failed. Reports and screenshots go to test-results/.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { checkAll } from './boundaries.ts'
import { closest } from './closest.ts'
import { fetchTools, installCommand, TOOLS } from './test/tools.ts'
import { build } from './up/build.ts'

const root = path.resolve(fileURLToPath(import.meta.url), '../..')
const results = path.join(root, 'test-results')
const bin = path.join(root, 'node_modules', '.bin')

interface Outcome {
  passed: number
  failed: number
  skipped: number
  /** Names of what failed or was not tested, for the end of the output. */
  notes: string[]
}
const one = (good: boolean, note: string): Outcome => ({
  passed: good ? 1 : 0,
  failed: good ? 0 : 1,
  skipped: 0,
  notes: good ? [] : [note],
})

let current: ChildProcess | null = null

/** Run a program of node_modules on this Node, its output on the terminal. Gives the exit code; a signal counts as 1. */
function run(program: string, args: string[], cwd = root, env: NodeJS.ProcessEnv = {}): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        PATH: `${path.dirname(process.execPath)}${path.delimiter}${bin}${path.delimiter}${process.env.PATH ?? ''}`,
        TURBO_TELEMETRY_DISABLED: '1',
        NEXT_TELEMETRY_DISABLED: '1',
        ...env,
      },
    })
    current = child
    child.once('error', (error) => {
      console.error(error.message)
      resolve(1)
    })
    child.once('exit', (code) => {
      current = null
      resolve(code ?? 1)
    })
  })
}

/** Every workspace with a tsconfig.json, and the root's own (scripts, tests; those in the browser with its types). */
function typeProjects(): string[] {
  const found = ['.', 'tests/browser']
  for (const group of ['packages', 'apps']) {
    for (const name of readdirSync(path.join(root, group))) {
      if (existsSync(path.join(root, group, name, 'tsconfig.json'))) found.push(`${group}/${name}`)
    }
  }
  return found
}

async function types(): Promise<Outcome> {
  const outcome: Outcome = { passed: 0, failed: 0, skipped: 0, notes: [] }
  for (const project of typeProjects()) {
    const code = await run(path.join(bin, 'tsc'), ['-p', path.join(root, project), '--noEmit'])
    if (code === 0) outcome.passed++
    else {
      outcome.failed++
      outcome.notes.push(`types of ${project === '.' ? 'scripts and tests' : project}`)
    }
  }
  return outcome
}

/** The part of vitest's JSON report that is read here. */
interface Report {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTodoTests: number
  numFailedTestSuites: number
  testResults: {
    name: string
    status: string
    message?: string
    assertionResults: { fullName: string; status: string; failureMessages?: string[] }[]
  }[]
}

/** What failures said, indented, for the end of the output: of a long one its beginning and its end, without the frames of libraries. */
function why(messages: readonly string[]): string {
  const lines = stripVTControlCharacters(messages.join('\n'))
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s+at .*(node_modules|node:)/.test(line))
    .map((line) => `\n      ${line.slice(0, 400)}`)
  return (lines.length <= 24 ? lines : [...lines.slice(0, 12), '\n      …', ...lines.slice(-12)]).join('')
}

function vitest(project: string): () => Promise<Outcome> {
  return async () => {
    const file = path.join(results, `${project}.json`)
    rmSync(file, { force: true })
    const args = ['run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
    const code = await run(path.join(bin, 'vitest'), args)
    let report: Report
    try {
      report = JSON.parse(readFileSync(file, 'utf8')) as Report
    } catch {
      return one(false, `${project}: the test runner ended with code ${code} and left no report`)
    }
    const tests = report.testResults.flatMap((suite) =>
      suite.assertionResults.map((test) => ({ ...test, file: path.relative(root, suite.name) })),
    )
    const notes = tests
      .filter((test) => test.status === 'failed')
      .map(({ file, fullName, failureMessages = [] }) => `${project}: ${file}: ${fullName}${why(failureMessages)}`)
    // A file that breaks before its first test has no failed test to be counted by.
    const broken = report.testResults.filter(
      (suite) => suite.status === 'failed' && !suite.assertionResults.some((test) => test.status === 'failed'),
    )
    notes.push(...broken.map(({ name, message = '' }) => `${project}: ${path.relative(root, name)} could not be run${why([message])}`))
    const skipped = tests.filter((test) => ['pending', 'skipped', 'todo', 'disabled'].includes(test.status))
    notes.push(...skipped.map((test) => `not tested: ${project}: ${test.fullName}`))
    let failed = report.numFailedTests + broken.length
    if (code !== 0 && failed === 0) {
      failed = 1
      notes.push(`${project}: the test runner ended with code ${code} (an error outside of any test)`)
    }
    return { passed: report.numPassedTests, failed, skipped: skipped.length, notes }
  }
}

async function tools(): Promise<Outcome> {
  const { missing, reason } = await fetchTools()
  console.log(`real exporters, collectors and devices: ${TOOLS.filter((tool) => !missing.includes(tool)).join(', ') || 'none'}`)
  if (missing.length > 0) {
    console.log(`not here: ${missing.join(', ')} (${reason}). To test with them too: ${installCommand(missing)}`)
  }
  return { passed: 0, failed: 0, skipped: 0, notes: missing.map((tool) => `not tested with ${tool}: ${installCommand([tool])}`) }
}

async function webBuild(): Promise<Outcome> {
  try {
    const { cached } = await build(root, results).done
    console.log(cached ? 'nothing has changed' : 'built')
    return one(true, '')
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return one(false, 'build')
  }
}

/**
 * `built`: needs the web app, so it is not begun after a failed build; that counts as a failure.
 * `asked`: runs only when it is named.
 */
const STAGES: readonly { name: string; does: string; run: () => Promise<Outcome>; built?: boolean; asked?: boolean }[] = [
  { name: 'tools', does: 'fetches the foreign programs some tests talk to', run: tools },
  {
    name: 'lint',
    does: 'lint and format (Biome)',
    run: async () => one((await run(path.join(bin, 'biome'), ['ci', '--diagnostic-level=warn', '--max-diagnostics=200'])) === 0, 'lint'),
  },
  {
    name: 'boundaries',
    does: 'who may import whom',
    run: async () => {
      const { files, findings } = checkAll(root)
      for (const { file, line, message } of findings) console.error(`${file}:${line}  ${message}`)
      console.log(`${files} files, ${findings.length} imports past a door`)
      return one(findings.length === 0, 'boundaries')
    },
  },
  { name: 'types', does: 'strict types of every workspace', run: types },
  { name: 'unit', does: 'pure tests', run: vitest('unit') },
  // Before the integration tests: some of them start the web app.
  { name: 'build', does: 'the web app', run: webBuild },
  { name: 'integration', does: 'on a real PostgreSQL (and on WEIR_TEST_TIMESCALE_URL)', run: vitest('integration') },
  { name: 'exporters', does: 'softflowd and pmacct against nfdump', run: vitest('exporters') },
  { name: 'system', does: 'the whole product from npm start', run: vitest('system'), built: true },
  { name: 'browser', does: 'screens in a real Chromium', run: vitest('browser'), built: true },
  { name: 'chaos', does: 'kills, outages and damage, many times over (npm run test:chaos)', run: vitest('chaos'), asked: true },
]

const args = process.argv.slice(2)
if (args.includes('--list')) {
  for (const { name, does } of STAGES) console.log(`${name.padEnd(12)} ${does}`)
  process.exit(0)
}
let only: string[] | null = null
for (let i = 0; i < args.length; i++) {
  const arg = args[i] ?? ''
  if (arg === '--only' || arg.startsWith('--only=')) {
    const text = arg === '--only' ? (args[++i] ?? '') : arg.slice('--only='.length)
    only = text.split(',').filter((name) => name !== '')
  } else {
    console.error(`npm test does not know '${arg}'. It knows --only STAGE[,STAGE…] and --list.`)
    process.exit(2)
  }
}
for (const name of only ?? []) {
  const names = STAGES.map((stage) => stage.name)
  if (names.includes(name)) continue
  const guess = closest(name, names)
  console.error(`There is no stage '${name}'.${guess === null ? '' : ` Did you mean '${guess}'?`} npm test -- --list names them.`)
  process.exit(2)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    current?.kill(signal)
    process.exitCode = 130
    setTimeout(() => process.exit(130), 15_000).unref()
    only = [] // The remaining stages are not begun.
  })
}

mkdirSync(results, { recursive: true })
const sum = { passed: 0, failed: 0, skipped: 0 }
const notes: string[] = []
const times: string[] = []
const began = Date.now()
let buildFailed = false
for (const { name, run: work, built, asked } of STAGES) {
  if (only === null ? asked : !only.includes(name)) continue
  console.log(`\n── ${name} ──`)
  const started = Date.now()
  let outcome: Outcome
  try {
    outcome = built === true && buildFailed ? one(false, `${name}: not begun, the build failed`) : await work()
    if (name === 'build') buildFailed = outcome.failed > 0
  } catch (error) {
    console.error(error)
    outcome = one(false, `${name}: ${error instanceof Error ? error.message : String(error)}`)
  }
  sum.passed += outcome.passed
  sum.failed += outcome.failed
  sum.skipped += outcome.skipped
  notes.push(...outcome.notes)
  const seconds = ((Date.now() - started) / 1000).toFixed(1)
  times.push(
    `${outcome.failed > 0 ? '✗' : '✓'} ${name.padEnd(12)} ${seconds.padStart(6)} s  ${outcome.passed} passed${outcome.failed > 0 ? `, ${outcome.failed} failed` : ''}${outcome.skipped > 0 ? `, ${outcome.skipped} skipped` : ''}`,
  )
}

console.log(`\n── ${((Date.now() - began) / 1000).toFixed(0)} s ──`)
for (const line of times) console.log(line)
for (const note of notes) console.log(`  ${note}`)
if (sum.passed + sum.failed + sum.skipped === 0 && process.exitCode === undefined) {
  sum.failed = 1
  console.log('  nothing was tested')
}
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`)
process.exitCode ??= sum.failed > 0 ? 1 : 0
