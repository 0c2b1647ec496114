import { big64, text, u32 } from './bytes.ts'
import type { DecoderLimits } from './limits.ts'
import type { DatagramSource, FlowSink } from './record.ts'

/**
 * One counter record. Generic interface counters (format 1) and port names (1005) are told to the sink; the others are valid
 * and counted, but nothing here uses them.
 *
 *     generic (88): index 4 · type 4 · speed 8 · direction 4 · status 4 · in: octets 8 · unicast 4 · multicast 4 · broadcast 4 ·
 *                   discards 4 · errors 4 · unknown 4 · out: octets 8 · unicast 4 · multicast 4 · broadcast 4 · discards 4 · errors 4 · promiscuous 4
 */
export function readCounterRecord(
  kind: number,
  sourceIndex: number,
  subAgent: number,
  agent: string,
  b: Uint8Array,
  from: number,
  to: number,
  source: DatagramSource,
  sink: FlowSink,
  limits: DecoderLimits,
): void {
  if (kind === 1 && to - from >= 88 && sink.counters !== undefined) {
    sink.counters(source, agent, {
      ifIndex: u32(b, from),
      ifSpeed: u32(b, from + 8) * 4294967296 + u32(b, from + 12),
      ifInOctets: big64(b, from + 24),
      ifOutOctets: big64(b, from + 56),
      ifInUcastPkts: u32(b, from + 32),
      ifOutUcastPkts: u32(b, from + 64),
      ifInDiscards: u32(b, from + 44),
      ifOutDiscards: u32(b, from + 76),
      ifInErrors: u32(b, from + 48),
      ifOutErrors: u32(b, from + 80),
    })
  } else if (kind === 1005 && to - from >= 4) {
    const length = Math.min(u32(b, from), to - from - 4)
    const name = text(b, from + 4, from + 4 + length, limits.valueOctets)
    if (name !== '') sink.name?.(source, subAgent, { kind: 'interface', key: String(sourceIndex), name, description: '' })
  }
}
