import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, mkdirSync } from 'node:fs'
import path from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { Problem } from './problem.ts'

export interface Build {
  /** Resolves to whether everything came from the cache; rejects with a Problem. */
  done: Promise<{ cached: boolean }>
  /** End it with all it started, by force when it does not obey. Resolves when it is gone. */
  stop(): Promise<void>
}

/** A build that was asked to end has this long. */
const PATIENCE_MS = 2_000

/**
 * Build what has a build step (the web app) through turbo, which skips what has not changed: a hit takes 0.2 s.
 *
 * The output goes to `build.log` in `logDir` and is quoted when it fails. Nothing calls home.
 */
export function build(root: string, logDir: string): Build {
  mkdirSync(logDir, { recursive: true })
  const logFile = path.join(logDir, 'build.log')
  const log = createWriteStream(logFile, { flags: 'w', mode: 0o600 })
  const bin = path.join(root, 'node_modules', '.bin')
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: `${path.dirname(process.execPath)}${path.delimiter}${bin}${path.delimiter}${process.env.PATH ?? ''}`,
    TURBO_TELEMETRY_DISABLED: '1',
    TURBO_NO_UPDATE_NOTIFIER: '1',
    NEXT_TELEMETRY_DISABLED: '1',
    DO_NOT_TRACK: '1',
    NO_COLOR: '1',
  }
  // next build insists on its own idea of NODE_ENV.
  delete env.NODE_ENV
  const child: ChildProcess = spawn(
    path.join(bin, 'turbo'),
    ['run', 'build', '--filter=@weir/web', '--output-logs=full', '--log-order=stream'],
    {
      cwd: root,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let output = ''
  const take = (chunk: Buffer) => {
    log.write(chunk)
    output = (output + chunk.toString()).slice(-100_000)
  }
  child.stdout?.on('data', take)
  child.stderr?.on('data', take)
  let stopped = false
  const done = new Promise<{ cached: boolean }>((resolve, reject) => {
    child.once('error', (error) =>
      reject(new Problem(`The build tool does not start: ${error.message}`, 'Delete node_modules and run npm start again.')),
    )
    child.once('close', (code, signal) => {
      log.end()
      const text = stripVTControlCharacters(output)
      if (code === 0) {
        const hit = /Cached:\s+(\d+) cached, (\d+) total/.exec(text)
        resolve({ cached: hit !== null && hit[1] === hit[2] })
      } else if (!stopped) {
        const tail = text.trimEnd().split('\n').slice(-25).join('\n')
        const [what, remedy] = /ENOSPC/.test(text)
          ? ['the disk is full', 'Free at least 1 GB.']
          : signal === 'SIGKILL' || /heap out of memory|SIGKILL/.test(text)
            ? ['it ran out of memory', 'It needs about 1.2 GB of free memory: close programs or add swap, then run npm start again.']
            : [`it ended with ${signal ?? `code ${code}`}`, 'If you changed the code, correct what it names.']
        reject(new Problem(`The build failed: ${what}.\n${tail}`, `${remedy} The whole output is in ${logFile}.`))
      }
    })
  })
  const gone = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('close', () => resolve())
  })
  const signal = (name: NodeJS.Signals) => {
    if (child.pid === undefined) return
    try {
      process.kill(-child.pid, name)
    } catch {
      // Ended meanwhile.
    }
  }
  return {
    done,
    async stop() {
      stopped = true
      if (child.exitCode !== null || child.signalCode !== null) return
      signal('SIGTERM')
      const force = setTimeout(() => signal('SIGKILL'), PATIENCE_MS)
      await gone
      clearTimeout(force)
    },
  }
}
