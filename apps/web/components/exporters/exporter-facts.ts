import type { ExporterObject } from '@weir/db/contracts'
import { duration } from '../format.ts'

/** What the figures of an exporter mean for a person. Pure. */

export const FORMATS: Readonly<Record<string, string>> = {
  NETFLOW_V1: 'NetFlow v1',
  NETFLOW_V5: 'NetFlow v5',
  NETFLOW_V7: 'NetFlow v7',
  NETFLOW_V8: 'NetFlow v8',
  NETFLOW_V9: 'NetFlow v9',
  IPFIX: 'IPFIX',
  SFLOW_5: 'sFlow v5',
}

export const stateTone = (one: ExporterObject): 'ok' | 'warn' | 'neutral' =>
  one.state === 'live' ? 'ok' : one.state === 'silent' ? 'warn' : 'neutral'

export const stateWord = (one: ExporterObject): string => ({ live: 'Live', silent: 'Silent', retired: 'Retired' })[one.state]

/** Why the sampling is in doubt; null when it is known. */
export const samplingDoubt = (one: ExporterObject): string | null =>
  one.samplingRate === null || one.samplingRate === 0
    ? 'The exporter did not say whether it samples. Its flows are counted as exported (×1); the true traffic may be higher. Send sampling options: “option sampler-table” on Cisco, the option template on Junos.'
    : null

/** From this many seconds on a clock is worth correcting; flows are then stored at the corrected time. */
export const CLOCK_TOLERANCE_SECONDS = 30

export const clockDoubt = (one: ExporterObject): string | null =>
  one.skewSeconds !== null && Math.abs(one.skewSeconds) >= CLOCK_TOLERANCE_SECONDS
    ? `Its clock is ${duration(Math.abs(one.skewSeconds))} ${one.skewSeconds > 0 ? 'ahead' : 'behind'}. Weir corrects for it; point the device at a time server.`
    : null
