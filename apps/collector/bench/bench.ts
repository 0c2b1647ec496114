import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import {
  accessSync,
  constants,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Decoder } from '@weir/decoder'
import { descendants, kernelDrops, median, TICKS } from './processes.ts'
import { PROTOCOLS, type Protocol, type Traffic, traffic } from './traffic.ts'

/**
 * npm run bench -- [--rounds 5] [--flows 400000] [--rate 100000] [--port 21020] [--only v5,v9,ipfix,sflow]
 *
 * CPU per flow, for NetFlow v5, v9, IPFIX and sFlow over loopback, of processes that receive the same datagrams at the same rate, in turns:
 *
 *   weir      datagram → decoded, enriched, encoded row, one thread (bench/receiver.ts: the collector's own code)
 *   nfacctd   pmacct's collector, every flow a CSV row of the same columns (sfacctd for sFlow); no country is looked up
 *   nfcapd    nfdump's collector into its own files, uncompressed (sfcapd for sFlow)
 *   goflow2   decoding to its raw output, which is thrown away (GOFLOW2 names the binary)
 *
 * and of the decoder alone in this process. What is not installed is left out. CPU is user and system time from /proc, of the process and
 * of whatever it starts, after a start-up that is not counted; medians of all rounds. Every contender's output is counted too: one that
 * lost flows is charged for those it kept.
 */
const option = (name: string, otherwise: string): string => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : (process.argv[at + 1] ?? otherwise)
}
const rounds = Number(option('rounds', '5'))
const flows = Number(option('flows', '400000'))
const rate = Number(option('rate', '100000'))
const firstPort = Number(option('port', '21020'))
const only = option('only', PROTOCOLS.join(',')).split(',')
const directory = mkdtempSync(join(tmpdir(), 'weir-bench-'))

/** Share of the datagrams sent before the measurement: with all of them the compilers are done, and 400,000 more tell no other figure. */
const WARM_UP = 1

const WEIR = 'weir, datagram to row'
const ALONE = 'weir, decode alone'
const ACCOUNTING = 'nfacctd to CSV'
const GOFLOW = 'goflow2 to raw'

interface Contender {
  name: string
  /** null where it cannot take the protocol. Files go into `folder`. */
  command(protocol: Protocol, port: number, folder: string): string[] | null
  /** Wait this long after the last datagram: whoever writes in intervals must have written. */
  settleMs: number
  signal: NodeJS.Signals
  /** Flows in its output once it has ended; null when that cannot be told. */
  seen(folder: string, printed: string): Promise<number | null>
}

function find(binary: string): string | null {
  for (const folder of (process.env.PATH ?? '').split(':').concat('/usr/sbin', '/usr/local/sbin')) {
    try {
      accessSync(join(folder, binary), constants.X_OK)
      return join(folder, binary)
    } catch {
      // Not in this one.
    }
  }
  return null
}

/** Every flow a row: with its own stamps as keys nothing is added up. About what a row of Weir's holds, as far as pmacct knows it. */
const COLUMNS =
  'src_host,dst_host,src_port,dst_port,proto,tos,tcpflags,in_iface,out_iface,src_as,dst_as,src_mask,dst_mask,peer_src_ip,peer_dst_ip,' +
  'sampling_rate,timestamp_start,timestamp_end,timestamp_arrival,timestamp_export,export_proto_seqno,export_proto_version,' +
  'export_proto_sysid,etype,vlan'
const REFRESH_SECONDS = 3

function accounting(daemon: 'nfacctd' | 'sfacctd', port: number, folder: string): string {
  return [
    'daemonize: false',
    `${daemon}_ip: 127.0.0.1`,
    `${daemon}_port: ${port}`,
    `${daemon}_pipe_size: 33554432`,
    `${daemon}_as: ${daemon === 'sfacctd' ? 'sflow' : 'netflow'}`,
    `${daemon}_net: ${daemon === 'sfacctd' ? 'sflow' : 'netflow'}`,
    'plugins: print[csv]',
    `aggregate: ${COLUMNS}`,
    // Stamps as numbers: written as dates they would cost it three times as much.
    'timestamps_since_epoch: true',
    'print_output: csv',
    `print_output_file: ${join(folder, 'flows.csv')}`,
    'print_output_file_append: true',
    `print_refresh_time: ${REFRESH_SECONDS}`,
    'plugin_pipe_size: 67108864',
    'plugin_buffer_size: 10240',
    '',
  ].join('\n')
}

/** Rows of a CSV file, its repeated headers left out. */
async function csvRows(file: string): Promise<number> {
  if (!existsSync(file)) return 0
  let rows = 0
  for await (const line of createInterface({ input: createReadStream(file) })) if (line !== '' && !/^[A-Z_]+,/.test(line)) rows++
  return rows
}

const receiver = fileURLToPath(new URL('receiver.ts', import.meta.url))

function contenders(): Contender[] {
  const list: Contender[] = [
    {
      name: WEIR,
      command: (_protocol, port) => [process.execPath, receiver, String(port), directory],
      settleMs: 1500,
      signal: 'SIGTERM',
      seen: async (_folder, printed) => Number(/"flows":(\d+)/.exec(printed)?.[1] ?? Number.NaN),
    },
  ]
  if (find('nfacctd') !== null) {
    list.push({
      name: ACCOUNTING,
      command: (protocol, port, folder) => {
        const daemon = protocol === 'sflow' ? 'sfacctd' : 'nfacctd'
        const binary = find(daemon)
        if (binary === null) return null
        writeFileSync(join(folder, 'conf'), accounting(daemon, port, folder))
        return [binary, '-f', join(folder, 'conf')]
      },
      settleMs: REFRESH_SECONDS * 1000 + 2000,
      signal: 'SIGINT',
      seen: (folder) => csvRows(join(folder, 'flows.csv')),
    })
  }
  if (find('nfcapd') !== null) {
    list.push({
      name: 'nfcapd to files',
      command: (protocol, port, folder) => {
        const binary = find(protocol === 'sflow' ? 'sfcapd' : 'nfcapd')
        if (binary === null) return null
        return [binary, '-w', folder, '-b', '127.0.0.1', '-p', String(port), '-B', '33554432', '-t', '3600']
      },
      settleMs: 500,
      signal: 'SIGTERM',
      seen: async (folder) => {
        const nfdump = find('nfdump')
        if (nfdump === null) return null
        let sum = 0
        for (const file of readdirSync(folder).filter((name) => name.startsWith('nfcapd.2')))
          sum += Number(/^Flows: (\d+)/m.exec(execFileSync(nfdump, ['-r', join(folder, file), '-I'], { encoding: 'utf8' }))?.[1] ?? 0)
        return sum
      },
    })
  }
  const goflow = process.env.GOFLOW2 || find('goflow2')
  if (goflow !== null) {
    list.push({
      name: GOFLOW,
      command: (protocol, port) =>
        [
          [goflow],
          ['-listen', `${protocol === 'sflow' ? 'sflow' : 'netflow'}://127.0.0.1:${port}?count=1&workers=1`],
          ['-produce', 'raw', '-format', 'bin', '-transport', 'file', '-transport.file', '/dev/null'],
          ['-addr', `127.0.0.1:${port + 1}`, '-loglevel', 'error'],
        ].flat(),
      settleMs: 500,
      signal: 'SIGTERM',
      seen: async () => null,
    })
  }
  return list
}

/**
 * CPU seconds of a process and all below it. Looks ten times a second and keeps what each process had when it was last seen, because
 * pmacct writes its files in processes that end at once; what one uses between the last look and its end is missing.
 */
class Meter {
  readonly #pid: number
  readonly #used = new Map<number, number>()
  readonly #timer: NodeJS.Timeout

  constructor(pid: number) {
    this.#pid = pid
    this.#timer = setInterval(() => this.look(), 100)
  }

  look(): number {
    for (const pid of [this.#pid, ...descendants(this.#pid)]) {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        this.#used.set(pid, (Number(fields[11]) + Number(fields[12])) / TICKS)
      } catch {
        // Ended meanwhile.
      }
    }
    return [...this.#used.values()].reduce((sum, seconds) => sum + seconds, 0)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** `share` of the datagrams, from the first on. */
async function send(socket: Socket, t: Traffic, port: number, flowsPerSecond: number, share = 1): Promise<void> {
  const count = Math.ceil(t.datagrams.length * share)
  t.stamp(Math.floor(Date.now() / 1000), count)
  const perSecond = (flowsPerSecond * t.datagrams.length) / t.flows
  const start = performance.now()
  for (const [i, datagram] of t.datagrams.slice(0, count).entries()) {
    socket.send(datagram, port, '127.0.0.1')
    if (i % 32 === 31) {
      const ahead = (i / perSecond) * 1000 - (performance.now() - start)
      if (ahead > 1) await sleep(ahead)
      else await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }
}

/** CPU microseconds per flow; null when the contender is not to be had. */
async function measure(contender: Contender, protocol: Protocol, t: Traffic, port: number): Promise<number | null> {
  const folder = mkdtempSync(join(directory, 'run-'))
  const flowsPerSecond = protocol === 'sflow' ? rate / 2 : rate
  const [command, ...args] = contender.command(protocol, port, folder) ?? []
  if (command === undefined) return null
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], cwd: folder, env: { ...process.env, TZ: 'UTC' } })
  let printed = ''
  child.stdout.on('data', (chunk: Buffer) => {
    if (printed.length < 65_536) printed += chunk.toString()
  })
  const socket = createSocket('udp4')
  let meter: Meter | null = null
  try {
    // Only ours says when it listens; the others take part of a second, ours as long as its tables need.
    if (contender.name === WEIR) for (let i = 0; i < 600 && !printed.includes('ready'); i++) await sleep(100)
    else await sleep(2000)
    if (child.pid === undefined || child.exitCode !== null) {
      process.stderr.write(`${contender.name} did not start: ${printed.trim().split('\n').at(-1)}\n`)
      return null
    }
    meter = new Meter(child.pid)
    // A collector runs for months: programs compile, tables fill and files are opened before it counts. Whoever writes in intervals has
    // written before the clock starts.
    await send(socket, t, port, flowsPerSecond, WARM_UP)
    await sleep(contender.settleMs)
    const before = meter.look()
    await send(socket, t, port, flowsPerSecond)
    await sleep(contender.settleMs)
    const used = meter.look() - before
    const lost = kernelDrops(port)
    await end(child, contender.signal)
    const sent = t.datagrams.length + Math.ceil(t.datagrams.length * WARM_UP)
    const kept =
      ((await contender.seen(folder, printed)) ?? (t.flows * (sent - lost)) / t.datagrams.length) / ((t.flows * sent) / t.datagrams.length)
    if (!(kept > 0.5)) throw new Error(`${contender.name}, ${protocol}: ${kept} of the flows arrived; ${printed.slice(-200)}`)
    if (kept < 0.999)
      process.stderr.write(`${contender.name}, ${protocol}: kept ${(kept * 100).toFixed(1)} % (${lost} datagrams dropped by the kernel)\n`)
    return (used * 1e6) / (t.flows * kept)
  } finally {
    meter?.stop()
    socket.close()
    await end(child, contender.signal)
    rmSync(folder, { recursive: true, force: true })
  }
}

/** End a contender and the processes below it, by their ids. */
async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const pids = [child.pid, ...descendants(child.pid)]
  const gone = new Promise<void>((resolve) => void child.once('exit', () => resolve()))
  child.kill(signal)
  await Promise.race([gone, sleep(2500)])
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Ended by itself.
    }
  }
  await gone
}

/** CPU microseconds per flow of the decoder alone, after a warm-up. */
function alone(t: Traffic): number {
  const decoder = new Decoder()
  let octets = 0
  const sink = {
    flow: (record: { bytes: number }) => {
      octets += record.bytes
    },
  }
  const source = { address: '127.0.0.1', port: 2055, receivedMs: Date.now() }
  for (let i = 0; i < 2; i++) for (const datagram of t.datagrams) decoder.decode(datagram, source, sink)
  octets = 0
  const before = process.cpuUsage()
  for (const datagram of t.datagrams) decoder.decode(datagram, source, sink)
  const used = process.cpuUsage(before)
  if (octets === 0) throw new Error('the decoder read nothing')
  return (used.user + used.system) / t.flows
}

/** The targets: at most this share of pmacct's CPU, and at least goflow2's rate. */
const SHARE: Record<Protocol, number> = { v5: 1 / 3, v9: 1 / 2.5, ipfix: 1 / 2.5, sflow: 1 / 1.5 }

function report(protocol: Protocol, t: Traffic, results: ReadonlyMap<string, number[]>): void {
  const weir = median(results.get(WEIR) ?? [])
  process.stdout.write(
    `\n${protocol}: ${t.flows} flows in ${t.datagrams.length} datagrams; CPU per flow, median of ${rounds} (least–most)\n`,
  )
  for (const [name, values] of results) {
    const m = median(values)
    const range = `${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)}`
    const perCore = Math.round(1e6 / m).toLocaleString('en')
    const times = name === WEIR || name === ALONE ? '' : `${(m / weir).toFixed(2)} × ours`
    process.stdout.write(
      `  ${name.padEnd(24)}${m.toFixed(3).padStart(8)} µs  (${range})  ${perCore.padStart(10)} flows/s per core  ${times}\n`,
    )
  }
  const theirs = results.get(ACCOUNTING)
  if (theirs !== undefined) {
    const share = weir / median(theirs)
    process.stdout.write(
      `  ${protocol === 'v5' ? 'P1' : 'P2'}: ${share.toFixed(3)} of ${ACCOUNTING}, at most ${SHARE[protocol].toFixed(3)}: ${share <= SHARE[protocol] ? 'met' : 'MISSED'}\n`,
    )
  }
  const go = results.get(GOFLOW)
  if (go !== undefined) {
    const times = median(go) / median(results.get(ALONE) ?? [])
    process.stdout.write(`  P3: decoding ${times.toFixed(1)} × as fast as goflow2, at least 1: ${times >= 1 ? 'met' : 'MISSED'}\n`)
  }
}

mkdirSync(join(directory, 'geo-cache'), { recursive: true })
const all = contenders()
let port = firstPort
try {
  for (const protocol of PROTOCOLS) {
    if (!only.includes(protocol)) continue
    const t = traffic(protocol, protocol === 'sflow' ? flows / 2 : flows, Date.now())
    const results = new Map<string, number[]>()
    const add = (name: string, value: number | null): void => {
      if (value !== null) results.set(name, [...(results.get(name) ?? []), value])
    }
    // Once unmeasured: the first start of the receiver builds the geo tables.
    if (port === firstPort && all[0] !== undefined) await measure(all[0], protocol, t, port++)
    for (let round = 0; round < rounds; round++) {
      add(ALONE, alone(t))
      for (const contender of all) {
        add(contender.name, await measure(contender, protocol, t, port))
        port = firstPort + ((port + 2 - firstPort) % 80)
      }
    }
    report(protocol, t, results)
  }
} finally {
  rmSync(directory, { recursive: true, force: true })
}
