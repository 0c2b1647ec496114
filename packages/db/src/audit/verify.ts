import type { AuditEntry } from '../contracts/audit.ts'
import { entryHash, GENESIS } from './chain.ts'
import { type Checkpoint, type CheckpointContent, documentHash, readDocument } from './checkpoint.ts'
import { signedBy } from './signing-key.ts'

/**
 * What is wrong with a chain, and where it begins.
 *
 * - `malformed`: the entry is not what an export holds, octet by octet.
 * - `changed`: its hash is not that of what it says. `link`: it does not follow the one before it. `order`: its number was there already.
 * - `missing`: an entry was removed before this one. `truncated`: a checkpoint knows later entries.
 * - `resealed`: the chain was computed anew: a checkpoint knows another hash. Between `from` and `seq` something was changed.
 * - `checkpoint`: a checkpoint is forged, missing, changed or told twice. `key`: it is signed with a key that is not trusted.
 */
export interface AuditProblem {
  code: 'malformed' | 'changed' | 'link' | 'order' | 'missing' | 'truncated' | 'resealed' | 'checkpoint' | 'key'
  /** First bad position: number of the entry, or of the first entry that a bad checkpoint covers. */
  seq: number
  /** Where the suspicion begins, when one entry cannot be named. */
  from?: number
  message: string
}

/** How far a chain holds. */
export interface AuditHead {
  seq: number
  hash: string
}

const START: AuditHead = { seq: 0, hash: GENESIS }

/**
 * Checks a chain entry by entry: give it the checkpoints, then every entry in its order, then `finish()`. The first problem stays; what comes
 * after it is not judged. Pure, no clock, no I/O.
 */
export class ChainVerifier {
  readonly #checkpoints = new Map<number, CheckpointContent>()
  readonly #last: CheckpointContent | null
  #covered = 0
  #head: AuditHead
  #problem: AuditProblem | null = null

  /** `trusted`: public keys; empty accepts whichever key the first checkpoint names, all of them the same. `from`: an already verified head. */
  constructor(checkpoints: readonly Checkpoint[], trusted: readonly string[], from: AuditHead = START) {
    this.#head = from
    this.#covered = from.seq
    let before: { content: CheckpointContent; document: string } | null = null
    for (const { document, signature } of checkpoints) {
      const content = readDocument(document)
      const seq: number = (before?.content.seq ?? 0) + 1
      if (content === null) {
        this.#found({ code: 'checkpoint', seq, message: `A checkpoint after entry ${seq - 1} does not read.` })
        break
      }
      const keys = trusted.length > 0 ? trusted : [before?.content.key ?? content.key]
      if (!keys.includes(content.key)) {
        this.#found({
          code: 'key',
          seq,
          message: `Checkpoint ${content.number} is signed with the key ${content.key}, which is not trusted.`,
        })
        break
      }
      if (!signedBy(content.key, document, Buffer.from(signature, 'base64'))) {
        this.#found({ code: 'checkpoint', seq, message: `The signature of checkpoint ${content.number} is not right.` })
        break
      }
      const number: number = (before?.content.number ?? 0) + 1
      const previous = before === null ? GENESIS : documentHash(before.document)
      if (content.number !== number || content.previous !== previous || content.seq < seq - 1) {
        this.#found({ code: 'checkpoint', seq, message: `Where checkpoint ${number} belongs stands another one (${content.number}).` })
        break
      }
      this.#checkpoints.set(content.seq, content)
      before = { content, document }
    }
    this.#last = before?.content ?? null
  }

  get problem(): AuditProblem | null {
    return this.#problem
  }
  get head(): AuditHead {
    return this.#head
  }
  /** The last entry that a checkpoint seals; what comes later is sealed by the chain alone. */
  get sealed(): number {
    return this.#last?.seq ?? 0
  }

  #found(problem: AuditProblem): false {
    this.#problem ??= problem
    return false
  }

  /** Judge the next entry; null: it could not be read. False when a problem is known. */
  push(entry: AuditEntry | null): boolean {
    if (this.#problem !== null) return false
    const seq = this.#head.seq + 1
    if (entry === null) return this.#found({ code: 'malformed', seq, message: `Entry ${seq} is not as it was exported.` })
    if (entry.seq < seq) return this.#found({ code: 'order', seq, message: `Entry ${entry.seq} stands where ${seq} belongs.` })
    if (entry.seq > seq) {
      return this.#found({ code: 'missing', seq, message: `Entry ${seq} is missing; ${entry.seq} stands in its place.` })
    }
    if (entryHash(entry.prevHash, entry) !== entry.hash) {
      return this.#found({ code: 'changed', seq, message: `Entry ${seq} was changed: its hash is not that of what it says.` })
    }
    if (entry.prevHash !== this.#head.hash) {
      return this.#found({ code: 'link', seq, message: `Entry ${seq} does not follow entry ${seq - 1}.` })
    }
    const checkpoint = this.#checkpoints.get(seq)
    if (checkpoint !== undefined) {
      if (checkpoint.hash !== entry.hash) {
        const from = this.#covered + 1
        const message = `Entries ${from} to ${seq} were computed anew: checkpoint ${checkpoint.number} of ${checkpoint.at} knows another hash.`
        return this.#found({ code: 'resealed', seq: from, from, message })
      }
      this.#covered = seq
    }
    this.#head = { seq, hash: entry.hash }
    return true
  }

  /** Say that there are no more entries, and give the verdict. */
  finish(): AuditProblem | null {
    if (this.#problem === null && this.#last !== null && this.#last.seq > this.#head.seq) {
      const seq = this.#head.seq + 1
      this.#found({
        code: 'truncated',
        seq,
        message: `Entries ${seq} to ${this.#last.seq} are missing: checkpoint ${this.#last.number} knows them.`,
      })
    }
    return this.#problem
  }
}

/**
 * The checkpoints of two places as one list by number. Where both have one it must be the same; what only one has counts, so that removing them
 * from the table does not help. A list with a hole or two of one number comes out as it is, and the verifier names it.
 */
export function joinCheckpoints(stored: readonly Checkpoint[], copied: readonly Checkpoint[]): Checkpoint[] {
  const seen = new Set(stored.map((checkpoint) => checkpoint.document))
  const all = [...stored, ...copied.filter((checkpoint) => !seen.has(checkpoint.document))]
  const number = (checkpoint: Checkpoint): number => readDocument(checkpoint.document)?.number ?? 0
  return all
    .map((checkpoint) => ({ checkpoint, at: number(checkpoint) }))
    .sort((a, b) => a.at - b.at)
    .map(({ checkpoint }) => checkpoint)
}
