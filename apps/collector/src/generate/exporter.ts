import type { Encoder, ExporterFacts, Protocol } from './encoder.ts'
import { NetFlow5Encoder } from './netflow5.ts'
import type { Profile } from './network.ts'
import { Random } from './random.ts'
import { SflowEncoder } from './sflow.ts'
import { TemplateEncoder } from './templates.ts'
import { Traffic } from './traffic.ts'

/** Forty days before the start of time: every stamp since boot is positive, and flows of the past hour fit. */
const UPTIME_MS = 40 * 86_400_000
/** A partly filled datagram leaves after this long. */
const HOLD_MS = 1_000
const SFLOW_SAMPLING = 512

export interface ExporterSettings {
  protocol: Protocol
  profile: Profile
  seed: number
  /** Where virtual time begins, epoch milliseconds. */
  startMs: number
  templateIntervalMs: number
  agent: Uint8Array
  domain: number
}

/**
 * A simulated exporter: traffic in, datagrams out, in virtual time. Everything follows from the seed and the times it is asked for, so the
 * same calls give the same octets; when they are sent is the caller's business.
 */
export class SimulatedExporter {
  readonly #encoder: Encoder
  readonly #traffic: Traffic
  readonly #templateIntervalMs: number
  #housekeptMs = Number.NEGATIVE_INFINITY
  #heldSinceMs: number | null = null
  flows = 0

  constructor(settings: ExporterSettings) {
    const profile = expressible(settings.profile, settings.protocol)
    const facts: ExporterFacts = { profile, bootMs: settings.startMs - UPTIME_MS, domain: settings.domain, agent: settings.agent }
    this.#traffic = new Traffic(profile, new Random(settings.seed))
    this.#templateIntervalMs = settings.templateIntervalMs
    this.#encoder =
      settings.protocol === 'v5'
        ? new NetFlow5Encoder(facts)
        : settings.protocol === 'sflow'
          ? new SflowEncoder(facts, profile.sampling)
          : new TemplateEncoder(facts, settings.protocol)
  }

  /** Let traffic pass without exporting it, so that conversations of every age are under way. */
  warmUp(fromMs: number, toMs: number, flowsPerSecond: number): void {
    const step = 1000 / flowsPerSecond
    for (let at = fromMs; at < toMs; at += step) this.#traffic.next(at)
  }

  /** One more flow record that ends at `nowMs`; what is full leaves with `exportMs` in its header. */
  flow(nowMs: number, exportMs: number, out: Buffer[]): void {
    this.#housekeep(exportMs, out)
    const flow = this.#traffic.next(nowMs)
    this.flows++
    if (!this.#encoder.add(flow)) {
      const full = this.#encoder.flush(exportMs)
      if (full !== null) out.push(full)
      this.#encoder.add(flow)
      this.#heldSinceMs = exportMs
    }
    this.#heldSinceMs ??= exportMs
  }

  /** Time passes: what was held long enough leaves, and templates when they are due. */
  tick(exportMs: number, out: Buffer[]): void {
    this.#housekeep(exportMs, out)
    if (this.#heldSinceMs !== null && exportMs - this.#heldSinceMs >= HOLD_MS) this.flush(exportMs, out)
  }

  flush(exportMs: number, out: Buffer[]): void {
    const rest = this.#encoder.flush(exportMs)
    if (rest !== null) out.push(rest)
    this.#heldSinceMs = null
  }

  #housekeep(exportMs: number, out: Buffer[]): void {
    if (exportMs - this.#housekeptMs < this.#templateIntervalMs) return
    this.#housekeptMs = exportMs
    out.push(...this.#encoder.housekeeping(exportMs))
  }
}

/** What the format can say: v5 knows no IPv6, and sFlow always samples. */
function expressible(profile: Profile, protocol: Protocol): Profile {
  if (protocol === 'v5') return { ...profile, ipv6: false }
  if (protocol === 'sflow' && profile.sampling === 1) return { ...profile, sampling: SFLOW_SAMPLING }
  return profile
}
