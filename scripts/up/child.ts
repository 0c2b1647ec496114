import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, mkdirSync, renameSync, type WriteStream } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { readable, say } from './say.ts'

export interface ChildOptions {
  name: string
  /** Arguments of the pinned Node: the script and its own. */
  args: string[]
  cwd: string
  env: NodeJS.ProcessEnv
  logDir: string
  /** Answers true once the child serves. Asked every 50 ms. */
  ready?: () => Promise<boolean>
  /** A child that may end by itself with code 0 (nothing left to do) is not restarted then. */
  mayFinish?: boolean
  /** What it logs at pino's level 40 (warn) and above is shown; the rest goes to the log file only. */
  level?: number
}

/** Wait after the n-th crash in a row, milliseconds: 0.5 s doubling to 30 s. */
export function backoff(crashes: number): number {
  return Math.min(30_000, 500 * 2 ** Math.max(0, crashes - 1))
}

/** A run this long counts as healthy: the next crash starts the backoff anew. */
const HEALTHY_MS = 60_000

/**
 * One long-running program, restarted when it dies.
 *
 * States: starting → ready → (crashed → waiting → starting …) → stopping → stopped. It runs in its own process group, so that a Ctrl-C in the
 * terminal reaches only this supervisor, which then stops things in order; the IPC channel tells it when the supervisor is gone.
 */
export class Child {
  readonly #options: ChildOptions
  readonly #log: WriteStream
  readonly logFile: string
  #process: ChildProcess | null = null
  #crashes = 0
  #served = false
  #stopping = false
  #timer: NodeJS.Timeout | null = null
  #last: string[] = []
  readonly #told = new Set<string>()
  #exited: Promise<void> = Promise.resolve()

  constructor(options: ChildOptions) {
    this.#options = options
    mkdirSync(options.logDir, { recursive: true })
    this.logFile = path.join(options.logDir, `${options.name}.log`)
    try {
      renameSync(this.logFile, `${this.logFile}.1`) // The run before is kept, older ones are not: no log grows for ever.
    } catch {
      // The first run has nothing to keep.
    }
    this.#log = createWriteStream(this.logFile, { flags: 'a', mode: 0o600 })
    this.#log.on('error', (error) => say.warn(options.name, `its log cannot be written (${error.message}); going on without`))
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** Start it and wait until it serves. Rejects with what it printed last when it ends or `timeoutMs` passes before that. */
  async start(timeoutMs = 60_000): Promise<void> {
    this.#launch()
    const deadline = Date.now() + timeoutMs
    while (!this.#stopping) {
      if (this.#process === null) throw new Error(`it ended at once:\n${this.tail(20)}`)
      if (this.#options.ready === undefined || (await this.#options.ready())) {
        this.#served = true
        return
      }
      if (Date.now() > deadline) throw new Error(`it does not answer after ${Math.round(timeoutMs / 1000)} s:\n${this.tail(20)}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** The last lines it printed, for a person. */
  tail(lines = 8): string {
    return this.#last
      .slice(-lines)
      .map((line) => `    ${line}`)
      .join('\n')
  }

  #line(line: string): void {
    this.#log.write(`${line}\n`)
    const { level, text } = readable(line)
    if (text.trim() === '') return
    this.#last.push(text)
    if (this.#last.length > 40) this.#last.shift()
    // The same warning, from three listeners or every minute, is told once; the log has them all.
    if (level < (this.#options.level ?? 40) || this.#told.has(text)) return
    if (this.#told.size < 500) this.#told.add(text)
    say.warn(this.#options.name, text)
  }

  #launch(): void {
    const { name, args, cwd, env } = this.#options
    const started = Date.now()
    const child = spawn(process.execPath, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    this.#process = child
    if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => this.#line(line))
    if (child.stderr) createInterface({ input: child.stderr }).on('line', (line) => this.#line(line))
    this.#exited = new Promise((resolve) => {
      let done = false
      const over = (how: string, finished: boolean) => {
        if (done) return
        done = true
        this.#process = null
        resolve()
        // Before it ever served, its end is a failure of the start, not a crash to recover from.
        if (this.#stopping || !this.#served || (finished && this.#options.mayFinish)) return
        this.#crashes = Date.now() - started > HEALTHY_MS ? 1 : this.#crashes + 1
        const wait = backoff(this.#crashes)
        say.warn(name, `${how}; it starts again in ${wait / 1000} s. Its last words (all: ${this.logFile}):\n${this.tail(4)}`)
        this.#timer = setTimeout(() => this.#launch(), wait)
      }
      child.once('error', (error) => over(`could not be started: ${error.message}`, false))
      child.once('exit', (code, signal) => over(signal === null ? `ended with code ${code}` : `was killed by ${signal}`, code === 0))
    })
  }

  /** Ask it to stop; kill its whole group when it has not by `graceMs`. Resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    const child = this.#process
    if (child !== null) {
      child.kill('SIGTERM')
      const late = setTimeout(() => {
        say.warn(this.#options.name, `did not stop within ${graceMs / 1000} s; killing it`)
        this.kill()
      }, graceMs)
      await this.#exited
      clearTimeout(late)
    }
    await new Promise<void>((resolve) => this.#log.end(() => resolve()))
  }

  /** SIGKILL to the whole group, now. */
  kill(): void {
    const pid = this.#process?.pid
    if (pid === undefined) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // Gone already.
    }
  }
}
