import { closeSync, openSync, readSync } from 'node:fs'
import { CaptureReader, DatagramFinder, type DatagramHandler, isCapture } from '@weir/decoder/capture'

/** Octets read from a file at once. */
const CHUNK = 1 << 20
/** A file that is no capture is one datagram; larger ones are refused. */
const MAXIMUM_RAW = 65_535

/**
 * Give out the export datagrams of a file in order: all UDP payloads (and IPFIX over TCP) of a pcap or pcapng, or the file's own
 * octets as one datagram. Returns what was wrong with the file, or null. Throws when the file cannot be read.
 */
export function readDatagrams(path: string, handler: DatagramHandler): string | null {
  const file = openSync(path, 'r')
  try {
    const buffer = new Uint8Array(CHUNK)
    let size = readSync(file, buffer, 0, CHUNK, null)
    if (!isCapture(buffer.subarray(0, size))) {
      if (size === 0) return 'the file is empty'
      if (size > MAXIMUM_RAW) return `not a capture, and too long for one datagram`
      handler(buffer.subarray(0, size), { address: '', port: 0, receivedMs: 0 }, 0)
      return null
    }
    const reader = new CaptureReader()
    const finder = new DatagramFinder(handler)
    while (size > 0 && reader.problem === null) {
      reader.push(buffer.subarray(0, size), (frame) => finder.frame(frame))
      size = readSync(file, buffer, 0, CHUNK, null)
    }
    reader.end()
    return reader.problem
  } finally {
    closeSync(file)
  }
}
