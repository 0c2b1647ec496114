/** Why a datagram was turned away before decoding. */
export const REFUSALS = ['inbox_full', 'registering', 'exporter_limit', 'stopping'] as const
export type Refusal = (typeof REFUSALS)[number]

/** Why a decoded flow was not stored. */
export const SHEDS = ['queue_full', 'unencodable', 'database_refused', 'stopping'] as const
export type Shed = (typeof SHEDS)[number]

const MAX_CODES = 64

/**
 * The collector's books (GUARANTEES.md, "Words and sums first"). Plain numbers, so that the hot path pays for an addition and no more;
 * the metrics endpoint reads them when it is asked.
 *
 *     received = refused{reason} + unreadable{reason} + processed   (+ those still waiting)
 *     flows    = shed{reason} + stored                              (+ those still queued)
 */
export class Account {
  received = 0
  receivedOctets = 0
  readonly refused: Record<Refusal, number> = { inbox_full: 0, registering: 0, exporter_limit: 0, stopping: 0 }
  readonly unreadable = new Map<string, number>()
  processed = 0
  /** Datagrams of TCP and TLS sessions are IPFIX messages; they are in `received` too. */
  streamMessages = 0

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
  readonly shed: Record<Shed, number> = { queue_full: 0, unencodable: 0, database_refused: 0, stopping: 0 }
  stored = 0
  batches = 0
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

  /** What the books do not explain: 0, or something was lost without being counted. */
  gap(waitingDatagrams: number, queuedFlows: number): number {
    const datagrams = this.received - this.refusedTotal - this.unreadableTotal - this.processed - waitingDatagrams
    const flows = this.flows - this.shedTotal - this.stored - queuedFlows
    return Math.abs(datagrams) + Math.abs(flows)
  }
}

/** Codes come from the decoder and are few; the cap keeps a mistake there from growing a map without end. */
function bump(map: Map<string, number>, key: string): void {
  const known = map.get(key)
  if (known !== undefined) map.set(key, known + 1)
  else if (map.size < MAX_CODES) map.set(key, 1)
  else map.set('other', (map.get('other') ?? 0) + 1)
}
