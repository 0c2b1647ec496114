import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { readDatagrams } from './pcap.ts'

const USAGE = `usage: weir replay FILE… --to HOST:PORT [--speed N]

Sends the export datagrams of captures to a collector, in order.
  --to HOST:PORT   where to ([ADDRESS]:PORT for IPv6)
  --speed N        N times as fast as captured (default 1); 0 sends without waiting
`

/** A pause in the capture longer than this is cut short, so that a capture of a quiet night can be replayed by day. */
const LONGEST_PAUSE_MS = 60_000

interface Options {
  files: string[]
  host: string
  port: number
  speed: number
}

interface Held {
  octets: Uint8Array
  ms: number
}

function parse(args: readonly string[]): Options | string {
  const options: Options = { files: [], host: '', port: 0, speed: 1 }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? ''
    const [name, inline] =
      arg.startsWith('--') && arg.includes('=') ? [arg.slice(0, arg.indexOf('=')), arg.slice(arg.indexOf('=') + 1)] : [arg, null]
    if (name === '--to') {
      const to = inline ?? args[++i] ?? ''
      const match = /^\[(.+)\]:(\d+)$/.exec(to) ?? /^([^:]+):(\d+)$/.exec(to)
      if (match === null) return `--to wants HOST:PORT, not “${to}”`
      options.host = match[1] ?? ''
      options.port = Number(match[2])
      if (options.port < 1 || options.port > 65_535) return `there is no port ${options.port}`
    } else if (name === '--speed') {
      const speed = Number(inline ?? args[++i])
      if (!Number.isFinite(speed) || speed < 0) return '--speed wants a number of 0 or more'
      options.speed = speed
    } else if (name.startsWith('--')) return `there is no option ${name}`
    else options.files.push(arg)
  }
  if (options.files.length === 0) return 'which file?'
  if (options.host === '') return 'where to? Give --to HOST:PORT'
  return options
}

function send(socket: Socket, octets: Uint8Array, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(octets, port, address, (error) => (error === null ? resolve() : reject(error)))
  })
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Replay captures; returns the exit code: 0 sent, 1 a file or the network failed, 2 wrong usage. */
export async function run(args: string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(USAGE)
    return 0
  }
  const options = parse(args)
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n\n${USAGE}`)
    return 2
  }
  const { address, family } = await lookup(options.host)
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
  let code = 0
  let sent = 0
  try {
    for (const file of options.files) {
      const held: Held[] = []
      const problem = readDatagrams(file, (octets, source) => void held.push({ octets: octets.slice(), ms: source.receivedMs }))
      if (problem !== null) process.stderr.write(`${file}: ${problem}\n`)
      sent += await sendAll(socket, held, options, address)
    }
    process.stderr.write(`${sent} datagrams sent to ${options.host}:${options.port}\n`)
  } catch (error) {
    code = 1
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  } finally {
    socket.close()
  }
  return code
}

/** Send in the capture's rhythm: waits are counted from the start, so that small delays do not add up. */
async function sendAll(socket: Socket, held: readonly Held[], options: Options, address: string): Promise<number> {
  const start = performance.now()
  let clock = 0
  let last = held[0]?.ms ?? 0
  for (const { octets, ms } of held) {
    if (options.speed > 0) {
      clock += Math.min(Math.max(0, ms - last), LONGEST_PAUSE_MS) / options.speed
      last = ms
      const wait = clock - (performance.now() - start)
      if (wait > 1) await sleep(wait)
    }
    await send(socket, octets, options.port, address)
  }
  return held.length
}
