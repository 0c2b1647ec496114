import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Another collector already works on this data directory. */
export class AlreadyRunningError extends Error {
  readonly code = 'ALREADY_RUNNING'
  readonly remedy = 'Stop that one first, or give this one its own WEIR_DATA_DIR and ports.'
  constructor(dataDir: string, pid: number, key = 'WEIR_DATA_DIR') {
    super(`${key}: a collector (process ${pid}) already uses ${dataDir}`)
    this.name = 'AlreadyRunningError'
  }
}

/**
 * Claim the data directory for this process: two collectors would overwrite each other's template state.
 *
 * The file names the process and when it began (proc(5), field 22), because after a crash its number may belong to another program. A
 * claim of a process that is gone is taken over. Returns what gives the claim back. Throws AlreadyRunningError.
 */
export function claimDataDir(dataDir: string): () => void {
  return claimFile(join(dataDir, 'collector.pid'), 'WEIR_DATA_DIR', dataDir)
}

/** The same for any directory, by a file of one's choice; `key` is the setting that names the directory. */
export function claimFile(path: string, key: string, dir: string): () => void {
  const mine = `${process.pid} ${birth(process.pid)}\n`
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const file = openSync(path, 'wx', 0o644)
      writeSync(file, mine)
      closeSync(file)
      return () => rmSync(path, { force: true })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const [pid = '', born = ''] = readText(path).trim().split(' ')
    if (/^\d+$/.test(pid) && born !== '' && birth(Number(pid)) === born) throw new AlreadyRunningError(dir, Number(pid), key)
    rmSync(path, { force: true })
  }
  throw new Error(`${path} keeps coming back: another collector starts at the same moment. Try again`)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Removed between the two looks: its owner has just stopped.
    return ''
  }
}

/** Start time of a process in clock ticks since boot; '' when there is none. Without /proc a living process has the birth "alive". */
function birth(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the name in parentheses and may itself hold spaces and parentheses.
    return (
      stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .at(19) ?? ''
    )
  } catch {
    if (process.platform === 'linux') return ''
  }
  try {
    process.kill(pid, 0)
    return 'alive'
  } catch {
    return ''
  }
}
