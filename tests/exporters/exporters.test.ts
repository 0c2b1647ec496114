/**
 * Real exporters send the same traffic to Weir and to nfdump's collectors at the same time; what Weir's `top` counts must equal
 * what nfdump counts: flows, packets and bytes, in total, per protocol and per source address.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { top } from '@weir/db/queries'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findTool, type Tool, toolEnvironment } from '../../scripts/test/tools.ts'
import { type RunningCollector, startCollector } from '../support/collector.ts'
import { newFolder } from '../support/folder.ts'
import { freePorts } from '../support/ports.ts'
import { Program } from '../support/program.ts'
import { sleep, until } from '../support/wait.ts'
import { traffic } from './traffic.ts'

const run = promisify(execFile)

interface Sums {
  flows: number
  packets: number
  bytes: number
}
interface Counted {
  total: Sums
  byProto: Record<string, Sums>
  bySource: Record<string, Sums>
}

const PROTO: Record<string, string> = { ICMP: '1', TCP: '6', UDP: '17', ICMP6: '58', 'IPv6-ICMP': '58' }

function add(into: Record<string, Sums>, key: string, more: Sums): void {
  const sums = into[key] ?? { flows: 0, packets: 0, bytes: 0 }
  into[key] = { flows: sums.flows + more.flows, packets: sums.packets + more.packets, bytes: sums.bytes + more.bytes }
}

/** What nfdump stored: one line per flow, summed here so that nothing is scaled, rounded or aggregated on the way. */
async function nfdumpCounts(folder: string): Promise<Counted> {
  const nfdump = tool('nfdump')
  const { stdout } = await run(nfdump, ['-R', folder, '-N', '-6', '-q', '-o', 'fmt:%pr|%sa|%pkt|%byt'], {
    env: { ...toolEnvironment(nfdump), TZ: 'UTC' },
    maxBuffer: 64e6,
  })
  const counted: Counted = { total: { flows: 0, packets: 0, bytes: 0 }, byProto: {}, bySource: {} }
  for (const line of stdout.split('\n')) {
    const [proto, source, packets, bytes] = line.split('|').map((cell) => cell.trim())
    if (proto === undefined || source === undefined || packets === undefined || bytes === undefined) continue
    const more = { flows: 1, packets: Number(packets), bytes: Number(bytes) }
    add(counted.byProto, PROTO[proto] ?? proto, more)
    add(counted.bySource, source, more)
    counted.total = {
      flows: counted.total.flows + 1,
      packets: counted.total.packets + more.packets,
      bytes: counted.total.bytes + more.bytes,
    }
  }
  return counted
}

/** What Weir answers for the same. Times are clamped into the last 24 hours, so the window holds whatever was received just now. */
async function weirCounts({ pool }: RunningCollector, filter: string): Promise<Counted> {
  const window = { from: Date.now() - 25 * 3_600_000, to: Date.now() + 60_000, filter, limit: 1000, metric: 'bytes' }
  const byProto = await top(pool, { ...window, dimension: 'proto' })
  const bySource = await top(pool, { ...window, dimension: 'src_addr' })
  const rows = (answer: typeof byProto) =>
    Object.fromEntries(answer.rows.map(({ key, flows, packets, bytes }) => [key ?? '', { flows, packets, bytes }]))
  const { flows, packets, bytes } = bySource.total
  return { total: { flows, packets, bytes }, byProto: rows(byProto), bySource: rows(bySource) }
}

/** Protocol rows of `top` are keyed as the filter language writes them (`tcp`); nfdump's by number. Compared by number. */
const NUMBERS: Record<string, string> = { icmp: '1', tcp: '6', udp: '17', 'ipv6-icmp': '58', icmp6: '58', icmpv6: '58' }
const numbered = (rows: Record<string, Sums>) => Object.fromEntries(Object.entries(rows).map(([key, sums]) => [NUMBERS[key] ?? key, sums]))

function tool(name: Tool): string {
  const file = findTool(name)
  if (file === null) throw new Error(`${name} is not here`)
  return file
}

/** A collector of nfdump's on a port of its own, writing into `folder`. */
async function startPeer(
  name: 'nfcapd' | 'sfcapd',
  folder: string,
  repeatTo: number | undefined,
): Promise<{ port: number; stop(): Promise<void> }> {
  const [port = 0] = await freePorts(1)
  mkdirSync(folder, { recursive: true })
  const repeat = repeatTo === undefined ? [] : ['-R', `127.0.0.1/${repeatTo}`]
  const program = new Program(tool(name), ['-b', '127.0.0.1', '-p', String(port), '-w', folder, '-t', '3600', ...repeat], {
    env: toolEnvironment(tool(name)),
  })
  await sleep(300)
  if (program.ended !== null) throw new Error(`${name} ended:\n${program.output}`)
  return { port, stop: () => program.stop('SIGTERM') }
}

const have = (...names: Tool[]) => names.every((name) => findTool(name) !== null)

describe('real exporters, counted by Weir and by nfdump', () => {
  const folder = newFolder('exporters')
  let weir: RunningCollector
  let cases = 7

  beforeAll(async () => {
    weir = await startCollector('exporters')
  })
  afterAll(async () => {
    await weir.stop()
    folder.remove()
  })

  /** Cases run one after the other on one collector; formats are told apart by `type`, and what a case adds is the difference. */
  async function compare(options: {
    peer: 'nfcapd' | 'sfcapd'
    name: string
    filter: string
    families: 4 | 46
    conversations: number
    /** A port of Weir's to which the peer passes every datagram on; without it the exporter sends to both. */
    repeatTo?: number
    send: (pcap: string, peerPort: number) => Promise<void>
  }): Promise<void> {
    const made = traffic({
      // Other conversations each time: here all exporters have one address, and what one told is not to be told again by the next.
      seed: ++cases,
      conversations: options.conversations,
      start: Date.now() - 240_000,
      seconds: 120,
      families: options.families,
    })
    const pcap = path.join(folder.path, `${options.name}.pcap`)
    writeFileSync(pcap, made.pcap)
    const stored = path.join(folder.path, options.name)
    const before = await weirCounts(weir, options.filter)
    const peer = await startPeer(options.peer, stored, options.repeatTo)
    await options.send(pcap, peer.port)
    // Nothing says "that was all" in these protocols: the exporter has ended, and what was on the way has arrived.
    await sleep(500)
    await peer.stop()
    const expected = await nfdumpCounts(stored)
    expect(expected.total.flows).toBeGreaterThan(options.conversations)

    await until(`${expected.total.flows} flows of ${options.name} in Weir`, async () => {
      const { total } = await weirCounts(weir, options.filter)
      return total.flows - before.total.flows >= expected.total.flows
    })
    const got = await weirCounts(weir, options.filter)
    const less = (now: Sums, then: Sums | undefined): Sums => ({
      flows: now.flows - (then?.flows ?? 0),
      packets: now.packets - (then?.packets ?? 0),
      bytes: now.bytes - (then?.bytes ?? 0),
    })
    const change = (now: Record<string, Sums>, then: Record<string, Sums>) =>
      Object.fromEntries(
        Object.entries(now)
          .map(([key, sums]) => [key, less(sums, then[key])] as const)
          .filter(([, { flows }]) => flows !== 0),
      )
    expect(less(got.total, before.total)).toEqual(expected.total)
    expect(numbered(change(got.byProto, before.byProto))).toEqual(expected.byProto)
    expect(change(got.bySource, before.bySource)).toEqual(expected.bySource)
  }

  describe.each([
    { version: '5', filter: 'type = NETFLOW_V5', families: 4 },
    { version: '9', filter: 'type = NETFLOW_V9', families: 46 },
    { version: '10', filter: 'type = IPFIX', families: 46 },
  ] as const)('version $version', ({ version, filter, families }) => {
    it.skipIf(!have('softflowd', 'nfcapd', 'nfdump'))('softflowd', async () => {
      await compare({
        peer: 'nfcapd',
        name: `softflowd-v${version}`,
        filter,
        families,
        conversations: 300,
        send: async (pcap, port) => {
          const softflowd = tool('softflowd')
          // -d stays in the foreground (-a would replay in the file's own time); both destinations get
          // every datagram, and the end of the file flushes. With a control socket 1.1.0 sometimes waits there for ever, so it gets none.
          await run(
            softflowd,
            [
              '-d',

              '-r',
              pcap,
              '-v',
              version,
              '-n',
              `127.0.0.1:${weir.netflow},127.0.0.1:${port}`,
              '-p',
              path.join(folder.path, `softflowd-${version}.pid`),
              '-c',
              'none',
            ],
            { env: toolEnvironment(softflowd), timeout: 30_000 },
          )
        },
      })
    })

    it.skipIf(!have('pmacctd', 'nfcapd', 'nfdump'))('pmacct nfprobe', async () => {
      await compare({
        peer: 'nfcapd',
        name: `nfprobe-v${version}`,
        filter,
        families,
        conversations: 300,
        send: (pcap, port) =>
          pmacct(`nfprobe-${version}`, pcap, [
            'plugins: nfprobe[weir], nfprobe[peer]',
            'aggregate: src_host, dst_host, src_port, dst_port, proto, tos',
            `nfprobe_receiver[weir]: 127.0.0.1:${weir.netflow}`,
            `nfprobe_receiver[peer]: 127.0.0.1:${port}`,
            `nfprobe_version: ${version}`,
          ]),
      })
    })
  })

  it.skipIf(!have('pmacctd', 'sfcapd', 'nfdump'))('sFlow: pmacct sfprobe', async () => {
    await compare({
      peer: 'sfcapd',
      name: 'sfprobe',
      filter: 'type = SFLOW_5',
      families: 46,
      // sfprobe drops what it has not sent when it is ended, and two probes drop differently: so one probe, and sfcapd repeats to Weir.
      repeatTo: weir.sflow,
      // Every packet is a sample; few enough that one burst fits into any receive buffer.
      conversations: 80,
      send: (pcap, port) =>
        pmacct('sfprobe', pcap, [
          'plugins: sfprobe',
          'sampling_rate: 1',
          `sfprobe_receiver: 127.0.0.1:${port}`,
          'sfprobe_agentip: 127.0.0.1',
        ]),
    })
  })

  /** Let pmacctd read the file, give its plugins time to send (they are processes of their own), then end it: that flushes their caches. */
  async function pmacct(name: string, pcap: string, lines: string[]): Promise<void> {
    const file = path.join(folder.path, `${name}.conf`)
    const common = [
      'daemonize: false',
      `pcap_savefile: ${pcap}`,
      'pcap_sf_wait: true',
      'plugin_pipe_size: 67108864',
      'plugin_buffer_size: 10240',
    ]
    writeFileSync(file, [...common, ...lines, ''].join('\n'))
    const pmacctd = tool('pmacctd')
    const program = new Program(pmacctd, ['-f', file], { env: toolEnvironment(pmacctd) })
    // It sleeps two seconds before the file and says nothing after it; sFlow samples leave once a second.
    await sleep(5_000)
    await program.stop('SIGINT')
  }
})
