import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DEFAULT_LIMITS, type Decoder, type DecoderLimits } from '@weir/decoder'
import type { Component } from './component.ts'
import type { Reporter } from './reporter.ts'

const SAVE_MS = 30_000
/** A new template is on the disk this soon: a crash costs the others nothing, and this one only what it announced within that time. */
const SAVE_CHANGED_MS = 2_000
const LOOK_MS = 500
/** Saving takes at most this share of the time, however many templates change. */
const SAVE_SHARE = 1 / 50
const MAX_OCTETS = 256 * 1024 * 1024

/** What a sender costs, estimated, that has told two templates for flows and two for options, and nothing else; with room. */
const UNPROVEN_OCTETS = 8192

/**
 * Room for as many senders as the collector admits (WEIR_MAX_EXPORTERS), all of them telling their templates before any sends data: so it is
 * when a site starts without saved templates. Senders beyond that number never reach the decoder.
 */
export function admittingAll(maxExporters: number): Partial<DecoderLimits> {
  return {
    exporters: Math.max(DEFAULT_LIMITS.exporters, maxExporters),
    probationExporters: Math.max(DEFAULT_LIMITS.probationExporters, maxExporters),
    probationOctets: Math.max(DEFAULT_LIMITS.probationOctets, maxExporters * UNPROVEN_OCTETS),
  }
}

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
  #savedAt = 0
  #saveTook = 0
  /** What the templates' counters came to when they were saved. */
  #savedChanges = 0
  /** Sets that waited in vain, as far as they were told. */
  #toldExpired = 0

  constructor(dataDir: string, decoder: Decoder, reporter: Reporter) {
    this.#path = join(dataDir, 'templates', 'state')
    this.#decoder = decoder
    this.#reporter = reporter
    // waiting = replayed + expired + still waiting; what was refused for want of room never waited.
    reporter.counter('parked_sets_total', 'Data sets that came before their template, by what became of them.', ['outcome'], () => {
      const { parked, replayed, expiredAge, refusedSpace } = decoder.parkingCounters
      return [
        [{ outcome: 'parked' }, parked],
        [{ outcome: 'replayed' }, replayed],
        [{ outcome: 'expired' }, expiredAge],
        [{ outcome: 'refused' }, refusedSpace],
      ]
    })
    reporter.gauge('parked_sets_waiting', 'Data sets that wait for their template now.', [], () => [[{}, decoder.parkingCounters.waiting]])
    reporter.counter('templates_total', 'Templates by what happened to them.', ['event'], () =>
      Object.entries(decoder.templateCounters).map(([event, n]) => [{ event }, n]),
    )
  }

  async start(): Promise<void> {
    this.#restore()
    this.#savedChanges = this.#changes
    this.#savedAt = Date.now()
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
  }

  get #changes(): number {
    const { defined, redefined, withdrawn } = this.#decoder.templateCounters
    return defined + redefined + withdrawn
  }

  #look(): void {
    const { expiredAge } = this.#decoder.parkingCounters
    if (expiredAge > this.#toldExpired) {
      this.#reporter.log.warn({ sets: expiredAge - this.#toldExpired, total: expiredAge }, 'data was given up: its template never came')
      this.#toldExpired = expiredAge
    }
    const age = Date.now() - this.#savedAt
    const due = this.#changes === this.#savedChanges ? SAVE_MS : Math.max(SAVE_CHANGED_MS, this.#saveTook / SAVE_SHARE)
    if (age >= due || age < 0) this.save()
  }

  #restore(): void {
    let state: Buffer
    try {
      if (statSync(this.#path).size > MAX_OCTETS) throw new Error(`larger than ${MAX_OCTETS} octets`)
      state = readFileSync(this.#path)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return
      this.#reporter.log.warn(
        { err: error, file: this.#path },
        'the saved templates cannot be read; waiting for the exporters to send theirs again',
      )
      return
    }
    const { exporters, templates, problem } = this.#decoder.restore(state, Date.now())
    if (problem !== null) {
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
    const began = performance.now()
    this.#savedAt = Date.now()
    this.#savedChanges = this.#changes
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
    this.#saveTook = performance.now() - began
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.save()
    const { waiting } = this.#decoder.parkingCounters
    if (waiting > 0) this.#reporter.log.warn({ sets: waiting }, 'stopped with data that still waited for its template; it is given up')
  }
}
