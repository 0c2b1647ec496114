import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { codeOf, Problem } from './problem.ts'

/** When a process began, in clock ticks since boot (proc(5), field 22): with the pid it names one process for ever. null: no such process. */
function birth(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command, field 2, is in parentheses and may itself hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}

/**
 * Take the data directory for this process; gives the function that frees it. Throws a Problem when another `npm start` uses it:
 * two supervisors on one database would restart each other's children.
 */
export function takeDataDir(dataDir: string): () => void {
  const file = path.join(dataDir, 'up.pid')
  try {
    mkdirSync(dataDir, { recursive: true })
  } catch (error) {
    throw new Problem(
      `The data directory ${dataDir} cannot be made (${codeOf(error)}).`,
      'Set WEIR_DATA_DIR to a directory this user may write.',
      error,
    )
  }
  const mine = `${process.pid} ${birth(process.pid) ?? ''}`
  for (;;) {
    try {
      writeFileSync(file, mine, { flag: 'wx', mode: 0o644 })
      return () => {
        rmSync(file, { force: true })
      }
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') {
        throw new Problem(
          `The data directory ${dataDir} cannot be written (${codeOf(error)}).`,
          'Set WEIR_DATA_DIR to a directory this user may write.',
          error,
        )
      }
    }
    const [pid, born] = readFileSync(file, 'utf8').split(' ')
    if (pid !== undefined && born !== undefined && birth(Number(pid)) === born) {
      throw new Problem(
        `Weir already runs on the data directory ${dataDir} (process ${pid}).`,
        `Stop that one (Ctrl-C there, or kill ${pid}), or give this one its own WEIR_DATA_DIR and ports.`,
      )
    }
    rmSync(file, { force: true }) // Left by a process that was killed.
  }
}
