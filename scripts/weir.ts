/**
 * Dispatch of `bin/weir COMMAND`: each command is a file that exports `run(args): Promise<number>` (the exit code).
 *
 * Commands are found by looking for their file, so `help` lists exactly what this checkout can do. Only the chosen file is loaded:
 * `decode` must not pay for a database driver it does not use.
 */
import { existsSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { closest } from './closest.ts'

// Measured with `weir decode` on one capture: 0.19 s without, 0.12 s with the cache. It stays off where the directory cannot be written.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/weir-compile', import.meta.url)))

/** Command, what it does, and where it may live: the collector's own commands, or the house's. */
const COMMANDS: ReadonlyArray<readonly [name: string, usage: string, does: string]> = [
  ['decode', 'decode FILE…', 'print the flows of a pcap, pcapng or raw export datagrams as JSON lines'],
  ['replay', 'replay FILE --to HOST:PORT [--speed N]', 'send the export datagrams of a capture to a collector'],
  ['generate', 'generate --to HOST:PORT [--protocol v5|v9|ipfix|sflow] …', 'be a believable exporter'],
  ['import', 'import FILE…', 'store interchange records (NDJSON, gzip) with their own times'],
  ['backtest', 'backtest --from T --to T …', 'run the detectors over stored flows'],
  ['demo', 'demo remove', 'remove the demo exporters and all their flows'],
  ['doctor', 'doctor', 'check ports, buffers, database, disk, clocks and exporters; name cause and fix'],
  ['drill', 'drill', 'rehearse failures on a copy'],
  ['migrate', 'migrate', 'bring the schema of DATABASE_URL up to date'],
  ['admin', 'admin link', 'print a new one-time sign-in link for an administrator'],
  ['token', 'token create --name N --role ROLE', 'print an API token'],
  ['audit', 'audit verify [FILE]', 'verify the audit chain'],
  ['break-glass', 'break-glass end BLOCK --reason WHY', 'end a block while the audit log takes no entries'],
]

const root = new URL('..', import.meta.url)

/** The file of a command, or null when this version does not have it. */
function fileOf(name: string): URL | null {
  for (const room of ['apps/collector/src/cli/', 'scripts/cli/']) {
    const file = new URL(`${room}${name}.ts`, root)
    if (existsSync(file)) return file
  }
  return null
}

function help(): string {
  const there = COMMANDS.filter(([name]) => fileOf(name) !== null)
  const width = Math.max(...there.map(([, usage]) => usage.length)) + 2
  const lines = there.map(([, usage, does]) => `  ${usage.padEnd(width)}${does}`)
  return [
    'Weir collects, stores and explores flow exports (NetFlow, IPFIX, sFlow).',
    '',
    'Usage: bin/weir COMMAND [options]',
    '',
    ...lines,
    '',
    '  bin/weir COMMAND --help says more.  `npm start` starts everything.',
    '',
  ].join('\n')
}

function isCommand(module: unknown): module is { run(args: string[]): Promise<number> } {
  return typeof module === 'object' && module !== null && 'run' in module && typeof module.run === 'function'
}

async function main(argv: string[]): Promise<number> {
  const [name, ...args] = argv
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(help())
    return name === undefined ? 2 : 0
  }
  if (name === '--version' || name === 'version') {
    const { default: manifest } = await import('../package.json', { with: { type: 'json' } })
    process.stdout.write(`weir ${manifest.version} (Node ${process.versions.node})\n`)
    return 0
  }
  // The data directory is the checkout's, wherever the command is typed; a relative one is relative to where it is typed.
  process.env.WEIR_DATA_DIR = process.env.WEIR_DATA_DIR ? path.resolve(process.env.WEIR_DATA_DIR) : fileURLToPath(new URL('.weir', root))
  const file = COMMANDS.some(([known]) => known === name) ? fileOf(name) : null
  if (file === null) {
    const guess = closest(
      name,
      COMMANDS.map(([known]) => known).filter((known) => fileOf(known) !== null),
    )
    process.stderr.write(`weir: there is no command '${name}'.${guess ? ` Did you mean '${guess}'?` : ''} 'bin/weir help' lists them.\n`)
    return 2
  }
  const module: unknown = await import(file.href)
  if (!isCommand(module)) throw new Error(`${fileURLToPath(file)} exports no run(args)`)
  return await module.run(args)
}

// `weir decode … | head` closes the pipe early: that is the reader's good right, not an error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}

if (process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === import.meta.url) {
  try {
    // Not process.exit(): what still stands in the pipe must reach its reader first.
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const remedy = error instanceof Error && 'remedy' in error && typeof error.remedy === 'string' ? `\n  → ${error.remedy}` : ''
    process.stderr.write(`weir: ${message}${message.includes(remedy.slice(5)) ? '' : remedy}\n`)
    if (process.env['WEIR_DEBUG'] && error instanceof Error) process.stderr.write(`${error.stack}\n`)
    process.exitCode = 1
  }
}
