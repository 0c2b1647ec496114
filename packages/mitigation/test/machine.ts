import { spawn, spawnSync } from 'node:child_process'

/** Run a program with its arguments and input, no shell; its output, or an error that says what it said. */
export function run(argv: readonly string[], input = ''): string {
  const [program = '', ...rest] = argv
  const result = spawnSync(program, rest, { input, encoding: 'utf8', timeout: 30_000, maxBuffer: 64 * 1024 * 1024 })
  if (result.error !== undefined) throw result.error
  if (result.status !== 0) throw new Error(`${program} ended with ${result.status}: ${result.stderr.slice(0, 2_000)}`)
  return result.stdout
}

/** Whether a program runs here at all. */
export function works(argv: readonly string[]): boolean {
  const [program = '', ...rest] = argv
  return spawnSync(program, rest, { stdio: 'ignore', timeout: 30_000 }).status === 0
}

/** Start a program that stays; `stop` ends it and waits for its end. */
export function start(argv: readonly string[]): { stop(): Promise<void> } {
  const [program = '', ...rest] = argv
  const child = spawn(program, rest, { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  return {
    stop: () => {
      child.kill('SIGTERM')
      return ended
    },
  }
}
