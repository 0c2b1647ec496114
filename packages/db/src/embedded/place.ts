import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { StorageError } from '../errors.ts'
import { type Binaries, copyBinaries, hydrate } from './binaries.ts'

/** Who the server runs as: PostgreSQL refuses root. Null: as we are. */
export interface RunUser {
  name: string
  uid: number
  gid: number
}

export interface Place {
  user: RunUser | null
  binaries: Binaries
  /** Holds the cluster, its password, its port and its logs. */
  home: string
}

/** Where clusters and binaries go when the checkout lies in a directory that the server's user may not enter. */
const SHARED_HOME = '/var/lib/weir'
/** In the data directory: says where the cluster is when it is not inside. */
const POINTER = 'database-location'

/** The user for the server when we are root: `postgres` where it exists, else `nobody`. No user is ever created. */
export function runUser(passwd: string = readFileSync('/etc/passwd', 'utf8'), uid: number = process.getuid?.() ?? -1): RunUser | null {
  if (uid !== 0) return null
  const users = passwd.split('\n').map((line) => line.split(':'))
  for (const name of ['postgres', 'nobody']) {
    const found = users.find((fields) => fields[0] === name)
    if (found) return { name, uid: Number(found[2]), gid: Number(found[3]) }
  }
  throw new StorageError('the database server must not run as root, and this system has neither a user postgres nor nobody', {
    code: 'no-user',
    remedy: 'Start Weir as an ordinary user, or set DATABASE_URL.',
  })
}

/** Whether `user` can run the program `path`, or enter and write the directory `path`: the kernel's answer, which knows ACLs and mounts. */
function can(user: RunUser, test: '-x' | '-w', path: string): boolean {
  return (
    spawnSync('/bin/sh', ['-c', `test ${test} "$1"`, 'sh', path], { uid: user.uid, gid: user.gid, cwd: '/', stdio: 'ignore' }).status === 0
  )
}

/**
 * Decide where the cluster of `dataDir` lives, which binaries run it and as whom; creates the directories.
 *
 * As an ordinary user: everything inside `dataDir`. As root: the same, owned by the server's user, unless a directory above is closed to
 * that user (a checkout in /root); then cluster and a copy of the binaries go under /var/lib/weir, and `dataDir` keeps a note of where.
 */
export function findPlace(dataDir: string, found: Binaries): Place {
  mkdirSync(dataDir, { recursive: true })
  const user = runUser()
  const inside = join(dataDir, 'postgres')
  if (!user) {
    const home = makeHome(inside, null)
    return { user, binaries: hydrate(found, home), home }
  }
  const pointer = join(dataDir, POINTER)
  let home = existsSync(pointer) ? readFileSync(pointer, 'utf8').trim() : inside
  makeHome(home, user)
  if (!can(user, '-w', home)) {
    if (existsSync(join(home, 'cluster', 'PG_VERSION'))) {
      throw new StorageError(`${home} holds the database, but the user ${user.name} can no longer enter it`, {
        code: 'data-unreachable',
        remedy: `Give ${user.name} access to the directories above it, or move it elsewhere and write its new path into ${pointer}.`,
      })
    }
    const hash = createHash('sha256').update(realpathSync(dataDir)).digest('hex').slice(0, 12)
    // Nothing was stored there: do not leave an empty directory that looks like the database.
    if (home === inside && readdirSync(home).length === 0) rmdirSync(home)
    home = makeHome(join(SHARED_HOME, hash), user)
    writeFileSync(pointer, `${home}\n`)
  }
  const hydrated = hydrate(found, SHARED_HOME)
  const binaries = can(user, '-x', join(hydrated.root, 'bin', 'postgres')) ? hydrated : copyBinaries(found, SHARED_HOME)
  return { user, binaries, home }
}

function makeHome(home: string, user: RunUser | null): string {
  const fresh = !existsSync(home)
  mkdirSync(home, { recursive: true, mode: 0o755 })
  if (fresh) {
    chmodSync(home, 0o700)
    if (user) chownSync(home, user.uid, user.gid)
  }
  const owner = statSync(home).uid
  const wanted = user?.uid ?? process.getuid?.() ?? owner
  if (owner !== wanted) {
    throw new StorageError(`${home} belongs to uid ${owner}, and the database would run as ${user?.name ?? 'you'} (uid ${wanted})`, {
      code: 'data-owner',
      remedy: 'Start Weir as the user that made the data directory, or choose another one with WEIR_DATA_DIR.',
    })
  }
  return home
}
