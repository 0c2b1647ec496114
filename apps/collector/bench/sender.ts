import { createSocket } from 'node:dgram'
import { restamp, traffic } from './traffic.ts'

/*
 * node sender.ts PORT FLOWS_PER_SECOND SECONDS SOURCE
 *
 * Sends NetFlow v5 to 127.0.0.1:PORT from SOURCE (an address of 127.0.0.0/8) and prints the number of flows sent. Says "ready" when the
 * datagrams are made, and begins on a line of standard input.
 */
const [port = '', rate = '', seconds = '', source = '127.0.0.1'] = process.argv.slice(2)
const RECORDS = 30
const perMs = Number(rate) / RECORDS / 1_000
const total = Math.round((Number(rate) * Number(seconds)) / RECORDS)
const pool = traffic('v5', Math.min(total, 12_000) * RECORDS, Date.now()).datagrams

const socket = createSocket('udp4')
await new Promise<void>((resolve) => socket.bind(0, source, resolve))
await new Promise<void>((resolve) => socket.connect(Number(port), '127.0.0.1', resolve))
socket.setSendBufferSize(8 << 20)
process.stdout.write('ready\n')
await new Promise((resolve) => process.stdin.once('data', resolve))

const start = performance.now()
const startMs = Date.now()
let sent = 0
let refused = 0
while (sent < total) {
  const due = Math.min(total, Math.floor((performance.now() - start) * perMs))
  while (sent < due) {
    const one = pool[sent % pool.length]
    if (one === undefined) break
    restamp(one, Date.now(), startMs, sent * RECORDS)
    socket.send(one, (error) => {
      if (error !== null) refused++
    })
    sent++
    // The buffers go out in the next turn; they are stamped anew only after the whole pool has gone round.
    if (sent % 64 === 0) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  await new Promise((resolve) => setTimeout(resolve, 1))
}
await new Promise((resolve) => setTimeout(resolve, 50))
socket.close()
process.stdout.write(`${JSON.stringify({ flows: (sent - refused) * RECORDS, seconds: (performance.now() - start) / 1_000 })}\n`)
process.exit(0)
