import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** What a running server says about itself in `postmaster.pid`. */
export interface PidFile {
  pid: number
  /** Null until the server has got that far. */
  port: number | null
  /** `starting`, `ready`, `standby` or `stopping`. */
  status: string
}

export function readPidFile(cluster: string): PidFile | null {
  const path = join(cluster, 'postmaster.pid')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return null
  }
  const lines = text.split('\n').map((line) => line.trim())
  const pid = Number.parseInt(lines[0] ?? '', 10)
  if (!Number.isInteger(pid) || pid <= 0) return null
  const port = Number.parseInt(lines[3] ?? '', 10)
  return { pid, port: Number.isInteger(port) ? port : null, status: lines[7] ?? '' }
}

/** Whether a process with this id exists, whoever owns it. A zombie does not count: it only waits to be reaped. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return true
  }
}

/**
 * Whether the process `pid` is the postmaster of `cluster`: its program is called postgres and it works in that directory.
 * A pid file outlives a crash of the machine, and its number may by then belong to anything.
 */
export function isPostmasterOf(pid: number, cluster: string): boolean {
  if (!alive(pid)) return false
  if (existsSync('/proc/self/exe')) {
    try {
      // After an upgrade of the package the running program's file is gone: the kernel then appends " (deleted)".
      const program = basename(readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, ''))
      return program === 'postgres' && readlinkSync(`/proc/${pid}/cwd`) === realpathSync(cluster)
    } catch {
      // Not readable: not ours. The cluster belongs to us or to the user we would run it as, and we could read either's.
      return false
    }
  }
  const ps = spawnSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' })
  return ps.status === 0 && /(^|\/)postgres(\s|$)/.test(ps.stdout) && ps.stdout.includes(cluster)
}

/** Start time of a process in the kernel's ticks, so that a reused process id is not taken for the old process; '' where there is no /proc. */
export function processStart(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

/** Wait until `pid` has gone; false when it is still there after `timeoutMs`. */
export async function gone(pid: number, timeoutMs: number): Promise<boolean> {
  const end = Date.now() + timeoutMs
  while (alive(pid)) {
    if (Date.now() > end) return false
    await sleep(20)
  }
  return true
}
