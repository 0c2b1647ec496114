import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket as TcpSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createPool, type Pool } from '@weir/db/connection'
import { type EmbeddedDatabase, startEmbedded } from '@weir/db/embedded'
import { COPY_COLUMNS } from '@weir/db/ingest'
import { migrate } from '@weir/db/migrate'
import { Spool } from '../src/spool/spool.ts'

/*
 * Faults on purpose. Every flow carries a number of its own (its source address), so that what was sent, accepted and stored can be compared
 * as sets: accepted ⊆ stored ⊆ sent, and nothing stored twice (GUARANTEES, bar B1).
 */

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const PER_DATAGRAM = 30

/** A NetFlow v5 datagram of 30 flows numbered from `first`; with `hosts` from so many sources, and then told apart by sequence and source port. */
export function numbered(first: number, sequence: number, hosts = 0): Buffer {
  const now = Date.now()
  const out = Buffer.alloc(24 + 48 * PER_DATAGRAM)
  out.writeUInt16BE(5, 0)
  out.writeUInt16BE(PER_DATAGRAM, 2)
  out.writeUInt32BE(60_000, 4)
  out.writeUInt32BE(Math.floor(now / 1000), 8)
  out.writeUInt32BE((now % 1000) * 1_000_000, 12)
  out.writeUInt32BE(sequence, 16)
  for (let i = 0; i < PER_DATAGRAM; i++) {
    const at = 24 + 48 * i
    out.writeUInt32BE(hosts === 0 ? first + i : 0x0a000000 + ((first + i) % hosts), at)
    out.writeUInt32BE(0xc6336401, at + 4)
    out.writeUInt32BE(1 + (i % 9), at + 16)
    out.writeUInt32BE(1000 + i, at + 20)
    out.writeUInt32BE(50_000, at + 24)
    out.writeUInt32BE(59_000, at + 28)
    out.writeUInt16BE(40_000 + i, at + 32)
    out.writeUInt16BE(443, at + 34)
    out.writeUInt8(6, at + 38)
  }
  return out
}

/** Sends numbered flows from four exporters (loopback addresses) at a steady rate until stopped. */
export class NumberedLoad {
  /** Numbers 1 to `sent` were handed to the kernel. */
  sent = 0
  /** Datagrams of these that the kernel refused. */
  refused = 0
  readonly #port: number
  readonly #flowsPerSecond: number
  readonly #hosts: number
  #sockets: Socket[] = []
  #sequences: number[] = []
  #timer: NodeJS.Timeout | null = null
  #began = 0
  #before = 0

  /** `hosts`: sources in all; without it every flow has its own. */
  constructor(port: number, flowsPerSecond: number, { hosts = 0 } = {}) {
    this.#port = port
    this.#flowsPerSecond = flowsPerSecond
    this.#hosts = hosts
  }

  async start(): Promise<void> {
    if (this.#sockets.length === 0) {
      this.#sockets = [1, 2, 3, 4].map(() => createSocket('udp4'))
      this.#sequences = this.#sockets.map(() => 0)
      await Promise.all(this.#sockets.map((socket, i) => new Promise<void>((resolve) => socket.bind(0, `127.0.0.${11 + i}`, resolve))))
    }
    this.#began = performance.now()
    this.#before = this.sent
    this.#timer = setInterval(() => this.#step(), 10)
  }

  #step(): void {
    // A machine that stood still does not catch up in one burst: the kernel's buffer is not what is tested.
    const due = this.#before + ((performance.now() - this.#began) / 1000) * this.#flowsPerSecond
    for (let i = 0; i < 8 && this.sent + PER_DATAGRAM <= due; i++) this.one()
  }

  /** One datagram more. */
  one(): void {
    const at = (this.sent / PER_DATAGRAM) % this.#sockets.length
    const sequence = this.#sequences[at] ?? 0
    this.#sockets[at]?.send(numbered(this.sent + 1, sequence, this.#hosts), this.#port, '127.0.0.1', (error) => {
      if (error !== null) this.refused++
    })
    this.#sequences[at] = sequence + PER_DATAGRAM
    this.sent += PER_DATAGRAM
  }

  pause(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  close(): void {
    this.pause()
    for (const socket of this.#sockets) socket.close()
  }
}

/** A database server of the test's own, which may be killed. */
export class KillableDatabase {
  readonly dir = mkdtempSync(join(tmpdir(), 'weir-chaos-db-'))
  #server: EmbeddedDatabase | null = null
  #pool: Pool | null = null
  url = ''

  async start(): Promise<void> {
    this.#server = await startEmbedded({ dataDir: this.dir })
    if (this.url === '') await migrate(this.#server.url)
    this.url = this.#server.url
  }

  get pool(): Pool {
    this.#pool ??= createPool({ connectionString: this.url, applicationName: 'weir-chaos', max: 4, onError: () => undefined })
    return this.#pool
  }

  /** SIGKILL to every process of the server. */
  async kill(): Promise<void> {
    const root = this.#server?.pid ?? 0
    if (root <= 1) throw new Error('the server does not run')
    const pids = [root, ...childrenOf(root)]
    // The parent first: it would otherwise restart what its children were.
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
      }
    }
    for (let i = 0; i < 500 && pids.some(isAlive); i++) await sleep(10)
  }

  /** A clean stop, as a maintenance would do it. */
  async stop(): Promise<void> {
    await this.#server?.stop()
  }

  async remove(): Promise<void> {
    await this.#pool?.end()
    await this.#server?.stop()
    rmSync(this.dir, { recursive: true, force: true })
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => statOf(pid)?.parent === parent)
}

function statOf(pid: number): { state: string; parent: number } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const [state = '', parent = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state, parent: Number(parent) }
  } catch {
    // Gone between the two looks.
    return null
  }
}

function isAlive(pid: number): boolean {
  const stat = statOf(pid)
  return stat !== null && stat.state !== 'Z'
}

export interface Program {
  child: ChildProcess
  ports: Record<string, number>
  output(): string
  /** Resolves with exit code or signal. */
  ended: Promise<number | NodeJS.Signals>
}

/** The collector as a process of its own; resolves when it is ready. Rejects when it ends before. */
export async function startProgram(env: Record<string, string>): Promise<Program> {
  const child = spawn(process.execPath, [MAIN], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, WEIR_SFLOW_PORT: 'off', WEIR_IPFIX_PORT: 'off', WEIR_LISTEN_HOST: '127.0.0.1', ...env },
  })
  let output = ''
  const keep = (text: Buffer) => {
    output = (output + text.toString()).slice(-20_000)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  const ended = new Promise<number | NodeJS.Signals>((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal ?? -1)))
  const ready = once(child, 'message').then(([message]: { ports: Record<string, number> }[]) => message?.ports ?? {})
  const ports = await Promise.race([
    ready,
    ended.then((how) => {
      throw new Error(`the collector ended (${how}) before it was ready:\n${output}`)
    }),
  ])
  return { child, ports, output: () => output, ended }
}

/** All metrics of a running collector, as it tells them. */
export async function metricsOf(port: number): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
}

/** A metric of a running collector, summed over its labels. */
export async function metricOf(port: number, name: string): Promise<number> {
  return (await metricsOf(port))
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

/** What a spool holds, read from a copy, by the numbers of its flows. The place of the source address is found by walking the columns. */
export async function acceptedIn(spoolDir: string): Promise<Set<number>> {
  const copy = mkdtempSync(join(tmpdir(), 'weir-chaos-spool-'))
  cpSync(spoolDir, copy, { recursive: true })
  rmSync(join(copy, 'spool.lock'), { force: true })
  const spool = await Spool.open({ dir: copy, columns: COPY_COLUMNS, maxBytes: 1 << 30 })
  const numbers = new Set<number>()
  const column = COPY_COLUMNS.indexOf('src_addr')
  for (let frames = await spool.next(100_000); frames.length > 0; frames = await spool.next(100_000)) {
    for (const { body, lengths } of frames) {
      let start = 0
      for (const length of lengths) {
        let at = start + 2
        for (let i = 0; i < column; i++) at += 4 + Math.max(0, body.readInt32BE(at))
        numbers.add(body.readUInt32BE(at + 8))
        start += length
      }
    }
  }
  await spool.close()
  rmSync(copy, { recursive: true })
  return numbers
}

export interface StoredNumbers {
  numbers: Set<number>
  /** Rows beyond one per number. */
  twice: number
}

/** The numbers of the stored flows. */
export async function storedNumbers(pool: Pool): Promise<StoredNumbers> {
  const { rows } = await pool.query<{ n: string; times: string }>(
    `select src_addr - '0.0.0.0'::inet as n, count(*) as times from flow where slice is not true group by 1`,
  )
  return { numbers: new Set(rows.map((row) => Number(row.n))), twice: rows.reduce((sum, row) => sum + Number(row.times) - 1, 0) }
}

/** A way to the database that throws commit answers away: the server commits, and the client learns of a broken connection. */
export async function lossyWay(url: string, every: number): Promise<{ url: string; lost(): number; close(): Promise<void> }> {
  const target = new URL(url)
  const open = new Set<TcpSocket>()
  let commits = 0
  let lost = 0
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname)
    let cutting = false
    near.on('data', (data: Buffer) => {
      // The commit that ends a batch comes in one message with the record for the rollups, or as the end of a simple query.
      if (data.includes(' commit\0') && ++commits % every === 0) {
        cutting = true
        lost++
      }
      far.write(data)
    })
    far.on('data', (data: Buffer) => {
      if (cutting) {
        near.destroy()
        far.destroy()
      } else near.write(data)
    })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one)
      one.on('error', () => undefined)
      one.on('close', () => {
        open.delete(one)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const detour = new URL(url)
  detour.hostname = '127.0.0.1'
  detour.port = String((server.address() as AddressInfo).port)
  return {
    url: detour.href,
    lost: () => lost,
    close: async () => {
      for (const socket of open) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
