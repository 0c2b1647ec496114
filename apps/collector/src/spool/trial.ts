import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { FrameHeader } from './codec.ts'

/** What the process of a trial is told in its argument; the payload as stored comes on its standard input. */
export interface TrialCase {
  header: FrameHeader
  columns: readonly string[]
}

/** A frame unpacks within milliseconds, and a stop of the collector waits for this. */
const TRIAL_MS = 10_000

/**
 * Whether a process that unpacks this frame lives: false when it dies of it or does not end. What the frame holds is not judged.
 * Rejects when there can be no such process now.
 */
export function survivesTrial(
  header: FrameHeader,
  stored: Buffer,
  columns: readonly string[],
  program = fileURLToPath(new URL('./trial-process.ts', import.meta.url)),
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const told: TrialCase = { header, columns }
    const child = spawn(process.execPath, [program, JSON.stringify(told)], { stdio: ['pipe', 'ignore', 'ignore'], timeout: TRIAL_MS })
    child.once('error', reject)
    child.once('exit', (code) => resolve(code === 0))
    // It may be dead before it has read everything; how it ended says so.
    child.stdin.on('error', () => undefined)
    child.stdin.end(stored)
  })
}
