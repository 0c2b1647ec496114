/**
 * Holds the rooms apart: reads every import of every source file and says which door to use instead.
 *
 *   node scripts/boundaries.ts            exit code 1 and one line per wrong import
 *
 * The rules are the table of docs/design.md. A linter's `noRestrictedImports` knows patterns of names; this also resolves relative paths,
 * so that `../../db/src/pool.ts` is as wrong as `@weir/db/src/pool`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export interface Finding {
  file: string
  line: number
  message: string
}

/** What one room may import, besides its own files. */
interface Room {
  name: string
  /** Folder from the root, with a slash at its end. */
  folder: string
  /** Doors of other rooms, as specifiers; a room's whole name admits all its doors. */
  doors: readonly string[]
  /** Packages from the registry: names, or null for whatever its package.json lists. */
  packages: readonly string[] | null
  node: boolean
  /** Said when the rule is broken. */
  instead: string
}

const DB_SERVER_DOORS = [
  '@weir/db/queries',
  '@weir/db/commands',
  '@weir/db/notify',
  '@weir/db/contracts',
  '@weir/db/connection',
  '@weir/db/schema',
]
const WEB_INSTEAD =
  'The server side of the web app uses @weir/db/{queries,commands,notify,contracts,connection,schema}; reading and writing SQL belongs behind them.'

export const ROOMS: readonly Room[] = [
  {
    name: 'decoder',
    folder: 'packages/decoder/',
    doors: [],
    packages: [],
    node: false,
    instead: 'The decoder imports nothing: clock, files and sockets are arguments that the collector gives.',
  },
  {
    name: 'detection',
    folder: 'packages/detection/',
    doors: [],
    packages: [],
    node: false,
    instead: 'Detection is pure: windows in, findings out; `now` and state are arguments.',
  },
  {
    name: 'mitigation',
    folder: 'packages/mitigation/',
    doors: [],
    packages: [],
    node: false,
    instead: 'Mitigation is pure: what to block in, configuration text out.',
  },
  {
    name: 'db contracts',
    folder: 'packages/db/src/contracts/',
    doors: [],
    packages: ['zod'],
    node: false,
    instead: 'The contracts reach the browser: zod and files beside them, nothing else.',
  },
  {
    name: 'db',
    folder: 'packages/db/',
    // The rules of what may be blocked are asked inside the transaction that records the answer.
    doors: ['@weir/mitigation'],
    packages: ['drizzle-orm', 'pg', 'pg-copy-streams', 'zod'],
    node: true,
    instead:
      'The database room knows no other room but the pure @weir/mitigation: what it needs of a flow or a datagram it declares as an interface of its own.',
  },
  {
    name: 'collector',
    folder: 'apps/collector/',
    doors: ['@weir/decoder', '@weir/db', '@weir/detection', '@weir/mitigation'],
    packages: null,
    node: true,
    instead: 'The collector uses the packages by their doors; what both apps need belongs into a package.',
  },
  {
    name: 'web, browser side',
    folder: 'apps/web/',
    doors: ['@weir/db/contracts'],
    packages: null,
    node: false,
    instead:
      'Code that reaches the browser uses @weir/db/contracts, data/, live/ and components/; ask the server through a fetcher in data/.',
  },
  {
    name: 'web, server side',
    folder: 'apps/web/',
    doors: [...DB_SERVER_DOORS, '@weir/detection', '@weir/mitigation'],
    packages: null,
    node: true,
    instead: WEB_INSTEAD,
  },
]

/** Folders of apps/web that are bundled for the browser in any case; elsewhere `'use client'` decides. */
const BROWSER_FOLDERS = /^apps\/web\/(components|data|live)\//

/** Every module a source file names: static and dynamic imports and re-exports, with their line. Types count too: they couple as well. */
export function importsOf(source: string): { specifier: string; line: number }[] {
  // Blank out comments and keep the line numbers; a string that holds `//` is protected by matching strings first.
  const bare = source.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
    (all: string, text: string | undefined) => text ?? all.replace(/[^\n]/g, ' '),
  )
  const found: { specifier: string; line: number }[] = []
  const pattern =
    /(?:^|[\s;}])(?:import|export)\s+(?:[\w*{}\s,$]+?\s+from\s+)?(['"])([^'"\n]+)\1|\bimport\s*\(\s*(['"])([^'"\n]+)\3|\brequire\s*\(\s*(['"])([^'"\n]+)\5/g
  for (const match of bare.matchAll(pattern)) {
    const specifier = match[2] ?? match[4] ?? match[6]
    if (specifier === undefined) continue
    const at = match.index + match[0].indexOf(specifier)
    found.push({ specifier, line: bare.slice(0, at).split('\n').length })
  }
  return found
}

function roomOf(file: string, source: string): Room | undefined {
  if (file.startsWith('apps/web/')) {
    const browser = BROWSER_FOLDERS.test(file) || /^(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*['"]use client['"]/.test(source)
    return ROOMS.find(({ name }) => name === (browser ? 'web, browser side' : 'web, server side'))
  }
  return ROOMS.find(({ folder }) => file.startsWith(folder))
}

const isTest = (file: string) => /\.(it\.)?test\.tsx?$|\/testing\/|\/test\//.test(file)
const isTool = (file: string) => /^(apps|packages)\/[^/]+\/(scripts|bench)\/|\.config\.(ts|mjs)$/.test(file)

/** The wrong imports of one file. `file` is its path from the root with slashes. */
export function check(file: string, source: string, ownPackages: ReadonlySet<string>): Finding[] {
  const room = roomOf(file, source)
  if (room === undefined) return []
  const findings: Finding[] = []
  const no = (line: number, what: string) => findings.push({ file, line, message: `${what}. ${room.instead}` })
  const root = room.folder.split('/').slice(0, 2).join('/')
  for (const { specifier, line } of importsOf(source)) {
    if (specifier.startsWith('.') || specifier.startsWith('@/')) {
      const target = specifier.startsWith('@/')
        ? path.posix.join('apps/web', specifier.slice(2))
        : path.posix.join(path.posix.dirname(file), specifier)
      // Where foreign programs are found is one place for all tests.
      if (target === 'scripts/test/tools.ts' && isTest(file)) continue
      if (!target.startsWith(`${root}/`)) no(line, `${room.name} reaches into ${target} past its door`)
      else if (room.name === 'db contracts' && !target.startsWith(room.folder) && !isTest(file)) no(line, `${room.name} imports ${target}`)
      else if (room.name === 'web, browser side' && /^apps\/web\/server(\/|\.ts)/.test(target) && !isTest(file))
        no(line, `${file} imports ${target}`)
      continue
    }
    if (specifier.startsWith('@weir/')) {
      const own = specifier.split('/').slice(0, 2).join('/') === `@weir/${root.split('/')[1]}`
      if (own || room.doors.some((door) => specifier === door || (door.split('/').length === 2 && specifier.startsWith(`${door}/`))))
        continue
      if (isTest(file) && /^@weir\/db\/(testing|migrate|ingest|embedded|maintain)$/.test(specifier) && room.node) continue
      no(line, `${room.name} imports ${specifier}`)
      continue
    }
    // Tests prove rooms from outside: they may use Node, the test runner and the generators of test data.
    if (isTest(file) || isTool(file)) continue
    if (isBuiltin(specifier)) {
      if (!room.node) no(line, `${room.name} imports ${specifier}`)
      continue
    }
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/')
    if (room.packages === null ? !ownPackages.has(name) && !ownPackages.has(`@types/${name}`) : !room.packages.includes(name)) {
      no(line, room.packages === null ? `${name} is not among the dependencies of ${root}/package.json` : `${room.name} imports ${name}`)
    }
  }
  return findings
}

const SKIP = new Set(['node_modules', '.turbo', '.weir', 'public'])

function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (SKIP.has(entry.name) || entry.name.startsWith('.next')) continue
    const at = path.join(folder, entry.name)
    if (entry.isDirectory()) yield* sources(at)
    else if (/\.(ts|tsx|mts|mjs|js)$/.test(entry.name) && !entry.name.endsWith('.d.ts')) yield at
  }
}

/** All wrong imports under apps/ and packages/, and how many files were read. */
export function checkAll(root: string): { files: number; findings: Finding[] } {
  const findings: Finding[] = []
  let files = 0
  for (const group of ['packages', 'apps']) {
    for (const workspace of readdirSync(path.join(root, group))) {
      const folder = path.join(root, group, workspace)
      const manifest = path.join(folder, 'package.json')
      if (!existsSync(manifest)) continue
      const {
        dependencies = {},
        devDependencies = {},
      }: { dependencies?: Record<string, string>; devDependencies?: Record<string, string> } = JSON.parse(readFileSync(manifest, 'utf8'))
      const own = new Set([...Object.keys(dependencies), ...Object.keys(devDependencies)])
      for (const at of sources(folder)) {
        files++
        findings.push(...check(path.relative(root, at).split(path.sep).join('/'), readFileSync(at, 'utf8'), own))
      }
    }
  }
  return { files, findings }
}

if (process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === import.meta.url) {
  const { files, findings } = checkAll(fileURLToPath(new URL('..', import.meta.url)))
  for (const { file, line, message } of findings) console.error(`${file}:${line}  ${message}`)
  console.log(`${files} files, ${findings.length} imports past a door`)
  process.exitCode = findings.length === 0 ? 0 : 1
}
