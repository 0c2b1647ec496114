import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Reporter } from './reporter.ts'

const MOST_OCTETS = 16 * 1024 * 1024
const MOST = 65_536

/**
 * The rows of exporters as the database gave them last, in `<dataDir>/exporters.json`, for a start while the database is away: flows of
 * exporters that were known before are accepted at once instead of waiting in memory for an id.
 *
 * Of another database than the one it was written for, the file is not used. A file that cannot be used costs what it held, not the start.
 */
export class ExporterIds {
  readonly #path: string
  readonly #database: string
  readonly #reporter: Reporter
  /** By address, the longest unseen first. */
  readonly #ids: Map<string, number>
  #changed = false

  constructor(dataDir: string, databaseUrl: string, reporter: Reporter) {
    this.#path = join(dataDir, 'exporters.json')
    this.#database = withoutCredentials(databaseUrl)
    this.#reporter = reporter
    this.#ids = this.#read()
  }

  #read(): Map<string, number> {
    try {
      if (statSync(this.#path).size > MOST_OCTETS) throw new Error(`larger than ${MOST_OCTETS} octets`)
      const saved: unknown = JSON.parse(readFileSync(this.#path, 'utf8'))
      if (!isSaved(saved)) throw new Error('not what Weir writes there')
      return new Map(saved.database === this.#database ? saved.ids : [])
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT'))
        this.#reporter.log.warn(
          { err: error, file: this.#path },
          'the saved exporters cannot be used; while the database is away, their flows wait for it',
        )
      return new Map()
    }
  }

  get(address: string): number | undefined {
    return this.#ids.get(address)
  }

  note(address: string, id: number): void {
    if (this.#ids.get(address) === id) return
    this.#ids.delete(address)
    this.#ids.set(address, id)
    if (this.#ids.size > MOST) this.#ids.delete(this.#ids.keys().next().value ?? '')
    this.#changed = true
  }

  /** Write what changed. A failure is told and tried again the next time. */
  save(): void {
    if (!this.#changed) return
    this.#changed = false
    try {
      const temporary = `${this.#path}.${process.pid}`
      writeFileSync(temporary, JSON.stringify({ database: this.#database, ids: [...this.#ids] } satisfies Saved))
      renameSync(temporary, this.#path)
    } catch (error) {
      this.#changed = true
      this.#reporter.limited(
        'error',
        'exporters-save',
        { err: error, file: this.#path },
        'the exporters could not be saved; a restart without a database would have them wait for it',
      )
    }
  }
}

interface Saved {
  database: string
  ids: [address: string, id: number][]
}

function isSaved(value: unknown): value is Saved {
  if (typeof value !== 'object' || value === null || !('database' in value) || !('ids' in value)) return false
  const { database, ids } = value
  const isPair = (pair: unknown) => Array.isArray(pair) && typeof pair[0] === 'string' && Number.isInteger(pair[1]) && pair[1] > 0
  return typeof database === 'string' && Array.isArray(ids) && ids.length <= MOST && ids.every(isPair)
}

/** A connection string without its secrets: what tells one database from another. */
function withoutCredentials(url: string): string {
  return url.replace(/\/\/[^/]*@/, '//').replace(/(?<=[?&])\w*password=[^&]*/g, '')
}
