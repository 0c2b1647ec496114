import { type ChildProcess, spawn } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of this checkout. */
export const ROOT = path.resolve(fileURLToPath(import.meta.url), '../../..')

/** A program a test started: its output as it comes, and a way to end it. */
export class Program {
  readonly child: ChildProcess
  output = ''
  /** Exit code, or the signal's name; null while it runs. */
  ended: number | string | null = null
  readonly #end: Promise<void>

  constructor(command: string, args: string[], options: { env?: NodeJS.ProcessEnv; cwd?: string; ipc?: boolean } = {}) {
    this.child = spawn(command, args, {
      cwd: options.cwd ?? ROOT,
      env: options.env ?? process.env,
      stdio: options.ipc ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
    })
    const take = (chunk: Buffer) => {
      this.output += chunk.toString()
    }
    this.child.stdout?.on('data', take)
    this.child.stderr?.on('data', take)
    this.#end = new Promise((resolve) => {
      this.child.once('error', (error) => {
        this.output += String(error)
        this.ended = 'error'
        resolve()
      })
      this.child.once('close', (code, signal) => {
        this.ended = signal ?? code ?? 0
        resolve()
      })
    })
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`not started: ${this.output}`)
    return this.child.pid
  }

  /** Wait for its end; rejects with its output when that takes longer than `limit` ms. */
  async exit(limit = 60_000): Promise<number | string> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`still running after ${limit / 1000} s:\n${this.output.slice(-4000)}`)), limit)
    })
    try {
      await Promise.race([this.#end, late])
    } finally {
      clearTimeout(timer)
    }
    return this.ended ?? 0
  }

  /** Ask it to end by `signal`, wait, and kill it when it does not. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', limit = 15_000): Promise<void> {
    if (this.ended !== null) return
    this.child.kill(signal)
    try {
      await this.exit(limit)
    } catch (error) {
      this.child.kill('SIGKILL')
      throw error
    }
  }
}
