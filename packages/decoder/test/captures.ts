import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CaptureReader, DatagramFinder, isCapture } from '../src/capture/index.ts'
import { type DatagramSource, Decoder, type FlowSink, type InterchangeFlow, toInterchange } from '../src/index.ts'

/** One export datagram of a capture, copied out of it. */
export interface CapturedDatagram {
  readonly octets: Uint8Array
  readonly source: DatagramSource
}

export const TESTDATA = fileURLToPath(new URL('../testdata/', import.meta.url))

/** The datagrams of a capture or raw file, in order. */
export function datagramsOf(path: string): CapturedDatagram[] {
  const file = new Uint8Array(readFileSync(path))
  const out: CapturedDatagram[] = []
  if (!isCapture(file)) return [{ octets: file, source: { address: '', port: 0, receivedMs: 0 } }]
  const reader = new CaptureReader()
  const finder = new DatagramFinder((octets, source) => void out.push({ octets: octets.slice(), source: { ...source } }))
  reader.push(file, (frame) => finder.frame(frame))
  reader.end()
  return out
}

/** Every capture file under a folder of the test data, by relative path. */
export function captureFiles(folder: string): string[] {
  return readdirSync(join(TESTDATA, folder))
    .map((name) => `${folder}/${name}`)
    .filter((path) => statSync(join(TESTDATA, path)).isFile() && /\.(pcap|pcapng|dat)$/.test(path))
    .sort()
}

export const PROTOCOL_FOLDERS = ['ipfix', 'netflow1', 'netflow5', 'netflow7', 'netflow9', 'sflow'] as const

export function allCaptures(): string[] {
  return PROTOCOL_FOLDERS.flatMap((folder) => captureFiles(folder))
}

/** A sink that keeps interchange objects. */
export function collector(): FlowSink & { flows: InterchangeFlow[] } {
  const flows: InterchangeFlow[] = []
  return { flows, flow: (record) => void flows.push(toInterchange(record)) }
}

/** Decode datagrams with one fresh decoder. */
export function decodeAll(datagrams: readonly CapturedDatagram[], decoder = new Decoder()): InterchangeFlow[] {
  const sink = collector()
  for (const { octets, source } of datagrams) decoder.decode(octets, source, sink)
  return sink.flows
}
