import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Decoder } from '@weir/decoder'
import type { Component } from './component.ts'
import type { Reporter } from './reporter.ts'

const SAVE_MS = 30_000
const MAX_OCTETS = 256 * 1024 * 1024

/**
 * Keeps templates, sampling rates and names over a restart, in `<dataDir>/templates/state`. Written beside and renamed, so that a crash
 * leaves the old or the new one. A file that cannot be used costs the state, not the start: it is said once and replaced.
 */
export class DecoderState implements Component {
  readonly name = 'templates'
  readonly #path: string
  readonly #decoder: Decoder
  readonly #reporter: Reporter
  #timer: NodeJS.Timeout | null = null
  #saved = ''
  /** Why the saved templates could not be used at the start; null when they could, or there were none. */
  lost: string | null = null

  constructor(dataDir: string, decoder: Decoder, reporter: Reporter) {
    this.#path = join(dataDir, 'templates', 'state')
    this.#decoder = decoder
    this.#reporter = reporter
  }

  async start(): Promise<void> {
    this.#restore()
    this.#timer = setInterval(() => this.save(), SAVE_MS)
  }

  #restore(): void {
    let state: Buffer
    try {
      if (statSync(this.#path).size > MAX_OCTETS) throw new Error(`larger than ${MAX_OCTETS} octets`)
      state = readFileSync(this.#path)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return
      this.lost = error instanceof Error ? error.message : String(error)
      this.#reporter.log.warn(
        { err: error, file: this.#path },
        'the saved templates cannot be read; waiting for the exporters to send theirs again',
      )
      return
    }
    const { exporters, templates, problem } = this.#decoder.restore(state, Date.now())
    if (problem !== null) {
      this.lost = problem
      this.#reporter.log.warn(
        { problem, file: this.#path },
        'the saved templates cannot be used; waiting for the exporters to send theirs again',
      )
    } else {
      this.#reporter.log.info({ exporters, templates }, 'templates restored')
    }
  }

  /** Write the state if it changed. A failure is logged and tried again at the next interval. */
  save(): void {
    try {
      const state = this.#decoder.snapshot()
      if (state === this.#saved) return
      mkdirSync(join(this.#path, '..'), { recursive: true })
      const temporary = `${this.#path}.${process.pid}`
      writeFileSync(temporary, state)
      renameSync(temporary, this.#path)
      this.#saved = state
    } catch (error) {
      this.#reporter.limited(
        'error',
        'templates-save',
        { err: error, file: this.#path },
        'the templates could not be saved; a restart would lose them',
      )
    }
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.save()
  }
}
