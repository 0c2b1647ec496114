/**
 * One truth from many exporters (ACCEPTANCE, N8): three real softflowd see the same packets, and Weir's totals are those of the packets. Their
 * datagrams come from three addresses, mixed, with the collector restarted in the middle.
 */
import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { exporters, top } from '@weir/db/queries'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findTool, toolEnvironment } from '../../scripts/test/tools.ts'
import { type RunningCollector, startCollector } from '../support/collector.ts'
import { newFolder } from '../support/folder.ts'
import { sleep, until } from '../support/wait.ts'
import { traffic } from './traffic.ts'

const run = promisify(execFile)
const softflowd = findTool('softflowd')

interface Sums {
  flows: number
  packets: number
  bytes: number
}

/** What softflowd exports of a capture, as it left it. */
async function exported(pcap: string, version: string, folder: string): Promise<Buffer[]> {
  if (softflowd === null) throw new Error('softflowd is not here')
  const socket = createSocket('udp4')
  const datagrams: Buffer[] = []
  socket.on('message', (datagram) => datagrams.push(datagram))
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const target = `127.0.0.1:${socket.address().port}`
  // With a control socket 1.1.0 sometimes waits there for ever, so it gets none.
  await run(softflowd, ['-d', '-r', pcap, '-v', version, '-n', target, '-p', path.join(folder, `softflowd-${version}.pid`), '-c', 'none'], {
    env: toolEnvironment(softflowd),
    timeout: 30_000,
  })
  await sleep(300)
  socket.close()
  return datagrams
}

async function send(from: string, port: number, datagrams: readonly Buffer[]): Promise<void> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, from, resolve))
  for (const datagram of datagrams) {
    await new Promise<void>((resolve, reject) => socket.send(datagram, port, '127.0.0.1', (e) => (e ? reject(e) : resolve())))
    await sleep(2)
  }
  socket.close()
}

const ADDRESSES = ['127.0.1.1', '127.0.1.2', '127.0.1.3']

describe.skipIf(softflowd === null)('the same packets through three softflowd', () => {
  const folder = newFolder('one-truth')
  let weir: RunningCollector
  beforeAll(async () => {
    weir = await startCollector('one-truth')
  })
  afterAll(async () => {
    await weir.stop()
    folder.remove()
  })

  const rows = async (): Promise<Map<string, Sums>> => {
    const { rows } = await weir.pool.query<{ address: string; flows: number; packets: number; bytes: number }>(
      `select host(e.address) as address, count(*)::int as flows, sum(f.packets)::float8 as packets, sum(f.bytes)::float8 as bytes
       from flow f join exporter e on e.id = f.exporter_id where f.slice is not true group by 1`,
    )
    return new Map(rows.map(({ address, ...sums }) => [address, sums]))
  }
  const total = async (dimension: 'src_addr' | 'conversation' | 'service' | 'proto'): Promise<Sums> => {
    const answer = await top(weir.pool, {
      from: Date.now() - 25 * 3_600_000,
      to: Date.now() + 60_000,
      limit: 10,
      metric: 'bytes',
      dimension,
    })
    const { flows, packets, bytes } = answer.total
    return { flows, packets, bytes }
  }

  it('come to the totals of one, whoever was faster, over a restart and a kill; all three are there, with every row', async () => {
    const made = traffic({ seed: 11, conversations: 400, start: Date.now() - 240_000, seconds: 120, families: 46 })
    const pcap = path.join(folder.path, 'one.pcap')
    writeFileSync(pcap, made.pcap)
    const sent = await Promise.all(['9', '10', '9'].map((version) => exported(pcap, version, folder.path)))
    // The third one begins in the middle and wraps around: templates first, then the data in another order.
    const [first = [], second = [], third = []] = sent
    const [template = Buffer.alloc(0), ...data] = third
    const turned = [template, ...data.slice(data.length >> 1), ...data.slice(0, data.length >> 1)]
    const streams = [first, second, turned]
    const part = (from: number, to: number) =>
      Promise.all(
        streams.map((stream, i) =>
          send(ADDRESSES[i] ?? '', weir.netflow, stream.slice(Math.floor(stream.length * from), Math.floor(stream.length * to))),
        ),
      )
    await part(0, 0.4)
    // Names of the exporters' templates are saved with the orderly stop; what the kill comes upon is in the journal.
    await until('flows', async () => (await rows()).size === 3)
    await weir.restart('SIGTERM')
    await part(0.4, 0.7)
    await sleep(1_000)
    await weir.restart('SIGKILL')
    await part(0.7, 1)

    await until('all rows of all three', async () => {
      const seen = await rows()
      return ADDRESSES.every((address) => (seen.get(address)?.packets ?? 0) >= made.packets)
    })
    const seen = await rows()
    const one = seen.get(ADDRESSES[0] ?? '')
    expect(one).toMatchObject({ packets: made.packets, bytes: made.bytes })
    for (const address of ADDRESSES) expect(seen.get(address)).toEqual(one)
    for (const dimension of ['src_addr', 'conversation', 'service', 'proto'] as const) expect(await total(dimension)).toEqual(one)

    const { rows: witnesses } = await weir.pool.query<{ n: number }>('select count(*)::int as n from flow where witness')
    expect(witnesses[0]?.n).toBe(2 * (one?.flows ?? 0))
    await until('the exporters to be described', async () => {
      const known = (await exporters(weir.pool)).exporters
      return known.length === 3 && known.every(({ witnessShare }) => witnessShare !== null)
    })
  })

  it('count three times when the rule is switched off', async () => {
    await weir.pool.query(`insert into setting (key, value) values ('one_truth', 'false')`)
    await until('the collector to know', async () => {
      const text = await (await fetch(`http://127.0.0.1:${weir.metrics}/metrics`)).text()
      return /^weir_one_truth 0$/m.test(text)
    })
    const before = await total('src_addr')
    const made = traffic({ seed: 12, conversations: 60, start: Date.now() - 240_000, seconds: 60, families: 4 })
    const pcap = path.join(folder.path, 'two.pcap')
    writeFileSync(pcap, made.pcap)
    const datagrams = await exported(pcap, '5', folder.path)
    await Promise.all(ADDRESSES.map((address) => send(address, weir.netflow, datagrams)))
    await until('three times the packets', async () => (await total('src_addr')).packets === before.packets + 3 * made.packets)
    expect((await total('src_addr')).bytes).toBe(before.bytes + 3 * made.bytes)
  })
})
