import { writeSync } from 'node:fs'
import { Decoder, type FlowRecord, toInterchangeLine } from '@weir/decoder'
import { ConfigError, readElementSetting } from '../config.ts'
import { readDatagrams } from './pcap.ts'

const USAGE = `usage: weir decode FILE…

Decodes pcap, pcapng or raw export datagrams (one datagram per file), in order and with one collector state.
Prints one JSON object per flow and line; problems go to standard error.
WEIR_ELEMENTS names a file with elements of your own, as for the collector.
`

/** Octets of output gathered before a write. */
const BLOCK = 1 << 16

export interface DecodeOutput {
  out(text: string): void
  err(text: string): void
}

/** Write all of a text to a descriptor, waiting where a pipe is full. False when nobody reads any more. */
function writeAll(descriptor: number, text: string): boolean {
  const octets = Buffer.from(text)
  let at = 0
  while (at < octets.length) {
    try {
      at += writeSync(descriptor, octets, at)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : ''
      if (code === 'EAGAIN') {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
        continue
      }
      if (code === 'EPIPE') return false
      throw error
    }
  }
  return true
}

/** One line, whatever the text: control characters of a hostile capture never reach a terminal. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '\u00b7')
}

/**
 * Decode files into interchange lines. Exit code 0 when every file could be read, 1 when one could not, 2 for wrong usage.
 * Malformed datagrams are reported and never change the code: hostile input is normal.
 */
export async function decodeCommand(args: readonly string[], output: DecodeOutput): Promise<number> {
  const files = args.filter((arg) => arg !== '--')
  if (files.length === 0 || files.some((file) => file === '--help' || file === '-h')) {
    output.err(USAGE)
    return files.length === 0 ? 2 : 0
  }
  let decoder: Decoder
  try {
    decoder = new Decoder({ elements: readElementSetting(process.env) })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    output.err(`${oneLine(error.message)}\n`)
    return 2
  }
  const sink = { flow: (record: FlowRecord) => output.out(`${toInterchangeLine(record)}\n`) }
  let code = 0
  for (const file of files) {
    let number = 0
    try {
      const problem = readDatagrams(file, (octets, source) => {
        number++
        const result = decoder.decode(octets, source, sink)
        // Ports of other protocols are in most captures: only what looks like an export is worth a line.
        for (const p of result.problems)
          output.err(`${oneLine(`${file}: datagram ${number}, octet ${p.offset}: ${p.code}: ${p.detail}`)}\n`)
      })
      if (problem !== null) output.err(`${oneLine(`${file}: ${problem}`)}\n`)
    } catch (error) {
      code = 1
      output.err(`${oneLine(`${file}: ${error instanceof Error ? error.message : String(error)}`)}\n`)
    }
  }
  const { waiting } = decoder.parkingCounters
  if (waiting > 0) output.err(`${waiting} data sets still wait for their template\n`)
  return code
}

export async function run(args: string[]): Promise<number> {
  let block = ''
  let open = true
  const flush = (): void => {
    if (open && block !== '') open = writeAll(1, block)
    block = ''
  }
  const code = await decodeCommand(args, {
    out: (text) => {
      block += text
      if (block.length >= BLOCK) flush()
    },
    err: (text) => void writeAll(2, text),
  })
  flush()
  return code
}
