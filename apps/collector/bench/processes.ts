import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Ticks of the processor's clock a second, as /proc counts them. */
export const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

const fieldsOf = (pid: number): string[] => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** The processes below one, at this moment. */
export function descendants(pid: number): number[] {
  try {
    const own = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number)
    return own.flatMap((child) => [child, ...descendants(child)])
  } catch {
    return [] // Ended meanwhile.
  }
}

/** CPU seconds, user and system, of a process, of those below it, and of those below it that have ended and were waited for. */
export function cpuSeconds(pid: number): number {
  let sum = 0
  for (const one of [pid, ...descendants(pid)]) {
    try {
      const fields = fieldsOf(one)
      for (const i of [11, 12, 13, 14]) sum += Number(fields[i]) / TICKS
    } catch {
      // It ended between the two looks; its parent's waited-for time has it.
    }
  }
  return sum
}

/** Octets of resident memory of a process and those below it, at their peak (VmHWM). */
export function peakMemory(pid: number): number {
  let sum = 0
  for (const one of [pid, ...descendants(pid)]) {
    if (!existsSync(`/proc/${one}/status`)) continue
    sum += Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${one}/status`, 'utf8'))?.[1] ?? 0) * 1_024
  }
  return sum
}

/** The parent of a process: of a PostgreSQL backend, the server. */
export const parentOf = (pid: number): number => Number(fieldsOf(pid)[1])

/** Datagrams that the kernel dropped at the sockets bound to a UDP port. */
export function kernelDrops(port: number): number {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  let drops = 0
  for (const table of ['/proc/net/udp', '/proc/net/udp6'])
    for (const line of readFileSync(table, 'utf8').split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/)
      if (fields[1]?.endsWith(end)) drops += Number(fields[12])
    }
  return drops
}

/** End a process and those below it: asked first, killed after `limitMs`. */
export async function end(pid: number, limitMs = 15_000): Promise<void> {
  const all = [pid, ...descendants(pid)]
  const alive = () => all.filter((one) => existsSync(`/proc/${one}`) && fieldsOf(one)[0] !== 'Z')
  if (alive().includes(pid)) process.kill(pid, 'SIGTERM')
  const deadline = Date.now() + limitMs
  while (alive().length > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50))
  for (const one of alive()) process.kill(one, 'SIGKILL')
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

/** `sender.ts` in a process of its own, its datagrams made. `go` lets it begin and resolves, when it has ended, with the flows it sent. */
export async function startSender(
  port: number,
  flowsPerSecond: number,
  seconds: number,
  source = '127.0.0.1',
): Promise<{ go(): Promise<number>; stop(): void }> {
  const script = fileURLToPath(new URL('sender.ts', import.meta.url))
  const child = spawn(process.execPath, [script, String(port), String(flowsPerSecond), String(seconds), source], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let said = ''
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      if (said.includes('ready')) resolve()
    })
    child.once('exit', () => reject(new Error('the sender ended before it was ready')))
  })
  return {
    async go() {
      child.stdin.write('go\n')
      await ended
      return Number(/"flows":(\d+)/.exec(said)?.[1])
    },
    stop: () => void child.kill('SIGKILL'),
  }
}
