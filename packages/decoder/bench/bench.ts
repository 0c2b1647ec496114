import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Decoder } from '../src/index.ts'
import { type Protocol, type Traffic, traffic } from './traffic.ts'

/**
 * node packages/decoder/bench/bench.ts [--rounds 5] [--flows 600000] [--port 21020] [--only v5,v9]
 *
 * Flows per second and core for NetFlow v5, v9, IPFIX and sFlow: the decoder alone, and processes that receive the same
 * datagrams over loopback: the decoder behind a Node socket, nfcapd (or sfcapd), nfacctd (or sfacctd) writing CSV, goflow2
 * (GOFLOW2 names its binary). CPU is user and system time of the process from /proc; contenders take turns, medians of all rounds.
 */
const option = (name: string, otherwise: string): string => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : (process.argv[at + 1] ?? otherwise)
}
const rounds = Number(option('rounds', '5'))
const flows = Number(option('flows', '600000'))
const firstPort = Number(option('port', '21020'))
const only = option('only', 'v5,v9,ipfix,sflow').split(',')
const ticks = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
const directory = mkdtempSync(join(tmpdir(), 'weir-bench-'))

interface Contender {
  name: string
  command(protocol: Protocol, port: number): string[]
}

function find(binary: string): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(':').concat('/usr/sbin'))
    if (existsSync(join(folder, binary))) return join(folder, binary)
  return null
}

function contenders(): Contender[] {
  const list: Contender[] = [
    {
      name: 'weir, socket and decode',
      command: (_p, port) => [process.execPath, fileURLToPath(new URL('receiver.ts', import.meta.url)), String(port)],
    },
  ]
  const capture = (p: Protocol): string | null => find(p === 'sflow' ? 'sfcapd' : 'nfcapd')
  if (capture('v5') !== null) {
    list.push({
      name: 'nfcapd to files',
      command: (p, port) =>
        capture(p) === null
          ? []
          : [
              capture(p) as string,
              '-w',
              directory,
              '-l',
              directory,
              '-b',
              '127.0.0.1',
              '-p',
              String(port),
              '-B',
              '33554432',
              '-t',
              '3600',
            ].filter((a, i, all) => !(p === 'sflow' && (a === '-w' || all[i - 1] === '-w'))),
    })
  }
  const goflow = process.env['GOFLOW2'] ?? find('goflow2')
  if (goflow !== null && goflow !== undefined) {
    list.push({
      name: 'goflow2 to raw output',
      command: (p, port) => [
        goflow,
        '-listen',
        `${p === 'sflow' ? 'sflow' : 'netflow'}://127.0.0.1:${port}?count=1&workers=1`,
        '-produce',
        'raw',
        '-format',
        'bin',
        '-transport',
        'file',
        '-transport.file',
        '/dev/null',
        '-addr',
        `127.0.0.1:${port + 1}`,
        '-loglevel',
        'error',
      ],
    })
  }
  const accounting = (p: Protocol): string | null => find(p === 'sflow' ? 'sfacctd' : 'nfacctd')
  if (accounting('v5') !== null) {
    list.push({
      name: 'nfacctd to CSV',
      command: (p, port) => {
        const daemon = accounting(p)
        const prefix = p === 'sflow' ? 'sfacctd' : 'nfacctd'
        return daemon === null
          ? []
          : [
              daemon,
              '-L',
              '127.0.0.1',
              '-l',
              String(port),
              '-P',
              'print',
              '-c',
              'src_host,dst_host,src_port,dst_port,proto,tos,tcpflags,in_iface,out_iface,src_as,dst_as',
              '-O',
              'csv',
              '-o',
              join(directory, `${prefix}.csv`),
              '-r',
              '60',
            ].filter(Boolean)
      },
    })
  }
  return list
}

/** CPU seconds of a process and of the children it has waited for, and of those still running below it. */
function cpuSeconds(pid: number): number {
  let sum = 0
  for (const one of [pid, ...descendants(pid)]) {
    const stat = readFileSync(`/proc/${one}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    sum += (Number(fields[11]) + Number(fields[12])) / ticks
  }
  return sum
}

function descendants(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`
  if (!existsSync(path)) return []
  const own = readFileSync(path, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number)
  return own.flatMap((child) => [child, ...descendants(child)])
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Send at a rate that every contender keeps up with; what the kernel dropped is checked by the socket's counter. */
async function send(socket: Socket, t: Traffic, port: number): Promise<void> {
  const perSecond = 6_000
  const start = performance.now()
  for (let i = 0; i < t.datagrams.length; i++) {
    socket.send(t.datagrams[i] as Uint8Array, port, '127.0.0.1')
    if (i % 64 === 63) {
      const ahead = (i / perSecond) * 1000 - (performance.now() - start)
      if (ahead > 0) await sleep(ahead)
      else await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }
}

function drops(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  for (const line of readFileSync('/proc/net/udp', 'utf8').split('\n'))
    if (line.includes(`:${hex} 00000000`)) return Number(line.trim().split(/\s+/).at(-1))
  return 0
}

async function measure(contender: Contender, protocol: Protocol, t: Traffic, port: number): Promise<number | null> {
  const [command, ...args] = contender.command(protocol, port)
  if (command === undefined) return null
  const child: ChildProcess = spawn(command, args, { stdio: 'ignore', cwd: directory })
  const socket = createSocket('udp4')
  try {
    await sleep(1200)
    if (child.pid === undefined || child.exitCode !== null) return null
    const before = cpuSeconds(child.pid)
    await send(socket, t, port)
    await sleep(700)
    const lost = drops(port)
    if (lost > 0) process.stderr.write(`${contender.name}: the kernel dropped ${lost} datagrams\n`)
    // Only what reached the process counts.
    const delivered = (t.flows * (t.datagrams.length - lost)) / t.datagrams.length
    return ((cpuSeconds(child.pid) - before) * 1e6) / delivered
  } finally {
    socket.close()
    await end(child)
  }
}

/** End a contender and the processes below it, by their ids. */
async function end(child: ChildProcess): Promise<void> {
  const pids = child.pid === undefined ? [] : [child.pid, ...descendants(child.pid)]
  const gone = new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve()
    else child.once('exit', () => resolve())
  })
  child.kill('SIGTERM')
  await Promise.race([gone, sleep(1500)])
  for (const pid of pids) if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL')
  await gone
}

/** CPU microseconds per flow of the decoder alone, after a warm-up. */
function alone(t: Traffic): number {
  const decoder = new Decoder()
  let _octets = 0
  const sink = {
    flow: (record: { bytes: number }) => {
      _octets += record.bytes
    },
  }
  const source = { address: '127.0.0.1', port: 2055, receivedMs: Date.now() }
  for (let i = 0; i < 2; i++) for (const datagram of t.datagrams) decoder.decode(datagram, source, sink)
  const before = process.cpuUsage()
  for (const datagram of t.datagrams) decoder.decode(datagram, source, sink)
  const used = process.cpuUsage(before)
  return (used.user + used.system) / t.flows
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

const all = contenders()
let port = firstPort
for (const protocol of ['v5', 'v9', 'ipfix', 'sflow'] as const) {
  if (!only.includes(protocol)) continue
  const t = traffic(protocol, flows)
  const results = new Map<string, number[]>()
  const add = (name: string, value: number | null): void => {
    if (value !== null) results.set(name, [...(results.get(name) ?? []), value])
  }
  for (let round = 0; round < rounds; round++) {
    add('weir, decode alone', alone(t))
    for (const contender of all) {
      add(contender.name, await measure(contender, protocol, t, port))
      port = firstPort + ((port - firstPort + 2) % 60)
    }
  }
  process.stdout.write(`\n${protocol}: ${t.flows} flows in ${t.datagrams.length} datagrams, CPU per flow, median of ${rounds}\n`)
  const base = median(results.get('weir, decode alone') ?? [])
  for (const [name, values] of results) {
    const m = median(values)
    process.stdout.write(
      `  ${name.padEnd(26)} ${m.toFixed(3).padStart(8)} µs  ${Math.round(1e6 / m)
        .toLocaleString('en')
        .padStart(12)} flows/s per core  ${(m / base).toFixed(1).padStart(6)} ×\n`,
    )
  }
}
rmSync(directory, { recursive: true, force: true })
