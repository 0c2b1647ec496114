import type { Attempt, Direction } from './conversations.ts'
import type { FlowEvent } from './event.ts'
import type { Finding } from './finding.ts'
import type { Networks } from './networks.ts'
import type { HostTraffic } from './own-traffic.ts'

/** What the engine offers every detector. Nothing here reads a clock: `now` is the engine's, on the data's time. */
export interface Host {
  readonly networks: Networks
  readonly config: Config
  /** Traffic to own addresses and, keyed by prefix, to own /24s. */
  readonly own: ReadonlyMap<string, HostTraffic>
  /** The own addresses touched since the last tick. */
  readonly touched: ReadonlySet<string>
  /** First time anything was seen, epoch ms: how long the engine has been learning. */
  readonly sinceMs: number
  /**
   * Since when what this exporter sees is watched, epoch ms. Its hosts have no past before: on the first day of a new exporter everything
   * would look new, which says something about Weir and nothing about them.
   */
  watchedSinceMs(exporter: string): number
  report(finding: Omit<Finding, 'trust'> & { observedPackets?: number }): void
}

/** What a site may set; every default is documented at its detector. */
export interface Config {
  homeNetworks: readonly string[]
  /** Day of month and UTC offset that begin the billing period. */
  billingDay: number
  billingOffsetMinutes: number
  /** Countries allowed as sources; empty: no policy, `foreign_source` stays silent. */
  allowedCountries: readonly string[]
  /** Hosts whose administration connections and many peers are their work: never silent automatically, only by this list. */
  roles: Readonly<Record<string, readonly ('admin' | 'scanner' | 'resolver' | 'monitor' | 'backup')[]>>
}

/**
 * One detector: a state of plain data (Maps, Sets, typed arrays: a snapshot needs no code) and what it does with each input.
 * `record` sees each conversation from one exporter, `sighted` every record of every exporter (for what belongs to an exporter), `settled` each conversation when its opener and outcome are known, `closed` when it is over,
 * `tick` comes every 10 s of data time.
 */
export interface Detector {
  readonly id: string
  state: unknown
  /** `mine` is the direction of the conversation that the record belongs to, itself included; `other` the opposite one so far. */
  record?(event: FlowEvent, now: number, mine: Direction, other: Direction): void
  sighted?(event: FlowEvent, now: number): void
  settled?(attempt: Attempt, now: number): void
  closed?(attempt: Attempt, now: number): void
  tick?(now: number): void
}

export type DetectorFactory = (host: Host, restored: unknown) => Detector
