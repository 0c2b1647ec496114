import { QUARANTINE_REASONS, type QuarantineReason } from '@weir/db/ingest'
import { ISOLATIONS, type Isolation } from './spool/spool.ts'

/** Why a datagram was turned away before decoding. */
export const REFUSALS = ['inbox_full', 'registering', 'exporter_limit', 'duplicate', 'stopping'] as const
export type Refusal = (typeof REFUSALS)[number]

/** Why a decoded flow was not accepted. */
export const SHEDS = ['queue_full', 'spool_full', 'spool_io_error', 'unencodable', 'stopping'] as const
export type Shed = (typeof SHEDS)[number]

/** Why an accepted flow was set aside instead of stored. */
export const QUARANTINES = [...QUARANTINE_REASONS, ...ISOLATIONS] as const
export type Quarantine = QuarantineReason | Isolation

const MAX_CODES = 64

/** What is under way at the moment of a look: with the counters it makes a consistent snapshot, because one thread changes them all. */
export interface UnderWay {
  /** Datagrams received and not yet decoded or refused. */
  datagrams: number
  /** Flows encoded and not yet synced. */
  staged: number
  /** Flows in the spool. */
  spooled: number
  /** Datagrams that the listeners counted. */
  listened: number
  /** Datagrams and flows that the exporters' own counters hold. */
  exporterDatagrams: number
  exporterFlows: number
  /** What the books of single listeners and exporters do not explain. */
  books: number
}

/**
 * The collector's books (GUARANTEES.md, "Words and sums first"). Plain numbers, so that the hot path pays for an addition and no more;
 * the metrics endpoint reads them when it is asked.
 *
 *     received = refused{reason} + unreadable{reason} + processed          (+ those still waiting)
 *     sets     = template sets + options sets + decoded + malformed + parked
 *     flows + slices = shed{reason} + accepted                             (+ those being written to the spool)
 *     accepted + recovered = stored + quarantined{reason}                  (+ those in the spool)
 *
 * and the listeners' and the exporters' own counters come to the same sums. `recovered` is what the spool held at the start. A long flow is
 * stored with slices, rows in the minutes before its end: from encoding on the books count rows, and `slices` are those that are no flow.
 */
export class Account {
  received = 0
  receivedOctets = 0
  readonly refused: Record<Refusal, number> = { inbox_full: 0, registering: 0, exporter_limit: 0, duplicate: 0, stopping: 0 }
  readonly unreadable = new Map<string, number>()
  processed = 0
  /** Datagrams of TCP and TLS sessions are IPFIX messages; they are in `received` too. */
  streamMessages = 0

  sets = 0
  templateSets = 0
  optionsSets = 0
  templates = 0
  optionsTemplates = 0
  optionsRecords = 0
  decodedSets = 0
  malformedSets = 0
  parkedSets = 0
  replayedSets = 0
  readonly problems = new Map<string, number>()
  /** Estimated from sequence numbers; never mixed into the sums. */
  lost = 0

  flows = 0
  /** Rows that were encoded beside the flows: the parts of long ones in the minutes before their end. */
  slices = 0
  readonly shed: Record<Shed, number> = { queue_full: 0, spool_full: 0, spool_io_error: 0, unencodable: 0, stopping: 0 }
  /** Rows whose frame is synced. */
  accepted = 0
  /** Rows that the spool held when this process started. */
  recovered = 0
  stored = 0
  readonly quarantined: Record<Quarantine, number> = {
    row_refused: 0,
    day_sealed: 0,
    frame_isolated: 0,
    frame_damaged: 0,
    database_refused: 0,
  }
  batches = 0
  /** Frames that the ledger knew already: their first commit had happened although its answer was lost. */
  batchesReplayed = 0
  writeRetries = 0

  /** Scaled by sampling where known; for the live rate. */
  scaledBytes = 0
  scaledPackets = 0

  countUnreadable(reason: string): void {
    bump(this.unreadable, reason)
  }

  countProblem(code: string): void {
    bump(this.problems, code)
  }

  get refusedTotal(): number {
    return REFUSALS.reduce((sum, reason) => sum + this.refused[reason], 0)
  }

  get unreadableTotal(): number {
    let sum = 0
    for (const n of this.unreadable.values()) sum += n
    return sum
  }

  get shedTotal(): number {
    return SHEDS.reduce((sum, reason) => sum + this.shed[reason], 0)
  }

  get quarantinedTotal(): number {
    return QUARANTINES.reduce((sum, reason) => sum + this.quarantined[reason], 0)
  }

  /** What the books do not explain, sum by sum: all 0, or something was lost without being counted. */
  gaps(now: UnderWay): Record<Gap, number> {
    return {
      listeners: now.listened - this.received,
      datagrams: this.received - this.refusedTotal - this.unreadableTotal - this.processed - now.datagrams,
      sets: this.sets - this.templateSets - this.optionsSets - this.decodedSets - this.malformedSets - this.parkedSets,
      exporters: this.processed - now.exporterDatagrams,
      exporter_flows: this.flows - now.exporterFlows,
      flows: this.flows + this.slices - this.shedTotal - this.accepted - now.staged,
      accepted: this.accepted + this.recovered - this.stored - this.quarantinedTotal - now.spooled,
      books: now.books,
    }
  }

  gap(now: UnderWay): number {
    const gaps = this.gaps(now)
    return GAPS.reduce((sum, leg) => sum + Math.abs(gaps[leg]), 0)
  }
}

/** The sums that must close, by name. */
export const GAPS = ['listeners', 'datagrams', 'sets', 'exporters', 'exporter_flows', 'flows', 'accepted', 'books'] as const
export type Gap = (typeof GAPS)[number]

/** Codes come from the decoder and are few; the cap keeps a mistake there from growing a map without end. */
function bump(map: Map<string, number>, key: string): void {
  const known = map.get(key)
  if (known !== undefined) map.set(key, known + 1)
  else if (map.size < MAX_CODES) map.set(key, 1)
  else map.set('other', (map.get('other') ?? 0) + 1)
}
