import type { Pool } from '../connection.ts'
import { servicePort } from '../contracts/service-port.ts'
import { readEngine } from '../engine.ts'
import { StorageError } from '../errors.ts'
import { FlowBatch } from '../ingest/batch.ts'
import { addressText } from '../ingest/extra.ts'
import { importExporter, NO_SAMPLER } from '../ingest/import.ts'
import { createImportedFlow, readInterchange } from '../ingest/interchange.ts'
import { createWriter } from '../ingest/writer.ts'

/** Most records of one call. */
export const RECORDS_MAX = 20_000
/** Octets of batch room per record; what does not fit goes out in another batch. */
const ROOM = 400

export interface StoredRecords {
  stored: number
  /** Records left out, by their place in the call (from 0), with the cause in words. The others are stored all the same. */
  errors: { index: number; detail: string }[]
}

/**
 * Store interchange records (one JSON text each) with their own times: at most 20,000. Country stays unknown where the record does not say;
 * AS numbers are the record's. Each batch is one transaction; throws StorageError when the database refuses or cannot be reached, and what
 * earlier batches of the call stored stays.
 */
export async function storeRecords(pool: Pool, records: readonly string[]): Promise<StoredRecords> {
  const answer: StoredRecords = { stored: 0, errors: [] }
  const flow = createImportedFlow()
  const exporters = new Map<string, number>()
  const writer = createWriter(pool, await readEngine(pool))
  const batch = new FlowBatch({ rows: RECORDS_MAX, bytes: Math.max(1 << 20, records.length * ROOM) })
  const send = async () => {
    if (batch.rows === 0) return
    // Slices are parts of long flows, and no records.
    const { slices } = batch
    answer.stored += (await writer.write(batch)).rows - slices
    batch.reset()
  }
  for (const [index, text] of records.entries()) {
    const cause = readInterchange(text, flow)
    if (cause !== null) {
      answer.errors.push({ index, detail: cause })
      continue
    }
    const sampler = flow.samplerAddress.length === 0 ? NO_SAMPLER : addressText(flow.samplerAddress)
    const exporterId = exporters.get(sampler) ?? (await importExporter(pool, sampler, new Date(flow.endMs)))
    exporters.set(sampler, exporterId)
    const context = {
      exporterId,
      timeMs: flow.endMs,
      durationMs: flow.startMs >= 0 ? Math.max(0, flow.endMs - flow.startMs) : 0,
      servicePort: servicePort(flow.proto, flow.srcPort, flow.dstPort),
      srcAs: flow.srcAs,
      dstAs: flow.dstAs,
      srcCountry: flow.srcCountry,
      dstCountry: flow.dstCountry,
    }
    try {
      if (!batch.append(flow, context)) {
        await send()
        batch.append(flow, context)
      }
    } catch (error) {
      if (!(error instanceof StorageError) || error.kind !== 'data') throw error
      answer.errors.push({ index, detail: error.message })
    }
  }
  await send()
  return answer
}
