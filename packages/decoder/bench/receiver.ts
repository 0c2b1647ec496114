import { createSocket } from 'node:dgram'
import { Decoder } from '../src/index.ts'

/** A bare collector: a socket, the decoder and a sink that adds up. Prints its flows when it is told to end. */
const port = Number(process.argv[2])
const decoder = new Decoder()
let octets = 0
const source = { address: '127.0.0.1', port: 0, receivedMs: 0 }
const sink = {
  flow: (record: { bytes: number }) => {
    octets += record.bytes
  },
}
const socket = createSocket('udp4', (message, from) => {
  source.port = from.port
  source.receivedMs = Date.now()
  decoder.decode(message, source, sink)
})
socket.bind({ port, address: '127.0.0.1' }, () => {
  socket.setRecvBufferSize(32 << 20)
  process.stdout.write('ready\n')
})
process.on('SIGTERM', () => {
  process.stdout.write(`flows ${decoder.counters.flows} octets ${octets}\n`)
  process.exit(0)
})
