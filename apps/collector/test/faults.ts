import { createSocket } from 'node:dgram'
import { numbered } from './chaos.ts'
import { datagrams } from './harness.ts'

const V9_HEADER = 20

/** A NetFlow v9 datagram of the given flowsets. */
function v9(sequence: number, ...sets: Buffer[]): Buffer {
  const header = Buffer.alloc(V9_HEADER)
  header.writeUInt16BE(9, 0)
  header.writeUInt16BE(sets.length, 2)
  header.writeUInt32BE(60_000, 4)
  header.writeUInt32BE(Math.floor(Date.now() / 1000), 8)
  header.writeUInt32BE(sequence, 12)
  return Buffer.concat([header, ...sets])
}

/** A flowset: its id, and 16-bit words. */
function words(id: number, ...values: number[]): Buffer {
  const set = Buffer.alloc(4 + values.length * 2)
  set.writeUInt16BE(id, 0)
  set.writeUInt16BE(set.length, 2)
  for (const [i, value] of values.entries()) set.writeUInt16BE(value, 4 + i * 2)
  return set
}

/** A template of one field. */
const template = (id: number, field: number, octets: number): number[] => [id, 1, field, octets]

/** Sends what `make` gives from an address, again and again, until stopped. */
export function injector(port: number, from: string, everyMs: number, make: (turn: number) => Buffer[]): { stop(): Promise<void> } {
  const socket = createSocket('udp4')
  let turn = 0
  socket.bind(0, from)
  const timer = setInterval(() => {
    for (const datagram of make(turn)) socket.send(datagram, port, '127.0.0.1')
    turn++
  }, everyMs)
  let open = true
  return {
    stop: async () => {
      clearInterval(timer)
      if (!open) return
      open = false
      await new Promise<void>((resolve) => socket.close(() => resolve()))
    },
  }
}

/** What exporters do wrong, by the alert that it must raise: what each sends, from where, how often. */
export interface ExporterFault {
  alert: string
  from: string
  everyMs: number
  make(turn: number): Buffer[]
}

/** Addresses that a table with the constraint of `refusesPoison` does not take. */
const POISON = 0x01020301
export const refusesPoison = `alter table flow add constraint poison check (host(src_addr) not like '1.2.3.%')`

/** The faults of exporters in the failure matrix, one address each. */
export function exporterFaults(): ExporterFault[] {
  let at = 100
  return [
    {
      alert: 'exporter_clock_skew',
      from: '127.0.0.21',
      everyMs: 500,
      make: (turn) => datagrams('v5', 30, { seed: turn, endMs: Date.now() + 7_200_000 }),
    },
    {
      alert: 'duplicate_exporter',
      from: '127.0.0.22',
      everyMs: 200,
      make: (turn) => [numbered(1_000_000 + turn * 30, turn * 30), numbered(1_000_000 + turn * 30, turn * 30)],
    },
    {
      alert: 'malformed',
      from: '127.0.0.23',
      everyMs: 200,
      make: () => Array.from({ length: 5 }, () => Buffer.from('GET / HTTP/1.0\r\n\r\n')),
    },
    {
      alert: 'template_pressure',
      from: '127.0.0.24',
      everyMs: 500,
      make: () =>
        Array.from({ length: 8 }, () =>
          v9(at++, words(0, ...Array.from({ length: 160 }, () => template(256 + (at++ % 60_000), 1, 4)).flat())),
        ),
    },
    {
      alert: 'template_contested',
      from: '127.0.0.25',
      everyMs: 500,
      make: (turn) => [v9(turn, words(0, ...template(300, 1 + (turn % 3), 4)), words(300, 0, 9))],
    },
    {
      alert: 'output_limit',
      from: '127.0.0.26',
      everyMs: 1_000,
      make: (turn) => [v9(turn, words(0, ...template(300, 4, 1)), words(300, ...new Array<number>(2_500).fill(0x0606)))],
    },
    { alert: 'quarantined', from: '127.0.0.27', everyMs: 1_000, make: (turn) => [numbered(POISON, turn * 30)] },
  ]
}
