import { execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { captureFiles, datagramsOf, decodeAll, TESTDATA } from './captures.ts'

/** Whether a program can be run here. */
function present(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Sums of what Wireshark reads from a capture: records with a source address, their octets and packets. */
function tshark(path: string): { octets: bigint; packets: bigint } {
  const text = execFileSync(
    'tshark',
    [
      '-r',
      path,
      '-d',
      'udp.port==2055,cflow',
      '-d',
      'udp.port==4444,cflow',
      '-Y',
      'cflow',
      '-T',
      'fields',
      '-E',
      'occurrence=a',
      '-E',
      'separator=;',
      '-E',
      'aggregator=,',
      '-e',
      'cflow.octets',
      '-e',
      'cflow.packets',
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 64 << 20 },
  )
  let octets = 0n
  let packets = 0n
  for (const line of text.split('\n')) {
    const [o = '', p = ''] = line.split(';')
    for (const value of o.split(',')) if (value !== '') octets += BigInt(value)
    for (const value of p.split(',')) if (value !== '') packets += BigInt(value)
  }
  return { octets, packets }
}

/**
 * Captures whose octet counters Wireshark shows under the one name that is summed here, once a record.
 * Not graylog-softflowd: that exporter counts only data records in its header, and Wireshark stops there; nfdump reads all.
 */
const PLAIN = [
  'netflow5/graylog-pmacctd.pcap',
  'netflow5/graylog-softflowd.pcap',
  'netflow5/softflowd.pcap',
  'netflow9/graylog-pmacctd.pcap',
  'netflow9/goflow2-asr9k.pcap',
  'netflow9/fluent-asr9k-sampler.pcap',
  'netflow9/huawei-netstream.pcap',
  'ipfix/mikrotik-routeros.pcap',
  'ipfix/openbsd-pflow.pcap',
  'ipfix/gen-pmacct-nfprobe-ipfix.pcap',
  'ipfix/ipfixcol-02-odid0.pcap',
  'ipfix/ipfixcol-03-a.pcap',
  'ipfix/viptela-vpn.pcap',
]

describe.skipIf(!present('tshark'))('totals equal Wireshark’s (skipped without tshark)', () => {
  test.each(PLAIN)(
    '%s',
    (path) => {
      const file = join(TESTDATA, path)
      const oracle = tshark(file)
      let octets = 0n
      let packets = 0n
      for (const flow of decodeAll(datagramsOf(file))) {
        octets += BigInt((flow.bytes as number | undefined) ?? 0)
        packets += BigInt((flow.packets as number | undefined) ?? 0)
      }
      expect({ octets, packets }).toEqual(oracle)
      expect(octets).toBeGreaterThan(0n)
    },
    30_000,
  )
})

/** Captures of one exporter that nfdump reads whole. */
const NFDUMP = [
  'netflow5/graylog-pmacctd.pcap',
  'netflow5/softflowd.pcap',
  'netflow9/graylog-softflowd.pcap',
  'netflow9/goflow2-asr9k.pcap',
  'ipfix/openbsd-pflow.pcap',
  'ipfix/ipfixcol-02-odid0.pcap',
]

/** A UDP port that nobody holds. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(() => resolve()))
  return port
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** What nfcapd stores of the same datagrams, as nfdump sums it up. */
async function nfdump(path: string): Promise<{ flows: number; octets: number; packets: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'weir-oracle-'))
  const port = await freePort()
  const daemon = spawn('nfcapd', ['-w', directory, '-l', directory, '-b', '127.0.0.1', '-p', String(port), '-t', '3600'], {
    stdio: 'ignore',
  })
  const socket = createSocket('udp4')
  try {
    await sleep(800)
    for (const { octets } of datagramsOf(path)) {
      await new Promise<void>((resolve, reject) =>
        socket.send(octets, port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error))),
      )
      await sleep(2)
    }
    await sleep(300)
    const ended = new Promise<void>((resolve) => daemon.once('exit', () => resolve()))
    daemon.kill('SIGTERM')
    await ended
    const text = execFileSync('nfdump', ['-R', directory, '-N', '-o', 'long'], { encoding: 'utf8' })
    const [, flows = '', octets = '', packets = ''] = /total flows: (\d+), total bytes: (\d+), total packets: (\d+)/.exec(text) ?? []
    return { flows: Number(flows), octets: Number(octets), packets: Number(packets) }
  } finally {
    socket.close()
    daemon.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
}

function nfdumpPresent(): boolean {
  return ['nfcapd', 'nfdump'].every((program) => {
    try {
      execFileSync(program, ['-V'], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })
}

describe.skipIf(!nfdumpPresent())('totals equal nfdump’s (skipped without nfcapd and nfdump)', () => {
  test.each(NFDUMP)(
    '%s',
    async (path) => {
      const file = join(TESTDATA, path)
      const oracle = await nfdump(file)
      const flows = decodeAll(datagramsOf(file)).filter((flow) => flow.event_kind === undefined)
      const sum = (field: 'bytes' | 'packets'): number => flows.reduce((total, flow) => total + Number(flow[field] ?? 0), 0)
      expect({ flows: flows.length, octets: sum('bytes'), packets: sum('packets') }).toEqual(oracle)
    },
    30_000,
  )
})

test('the captures named here exist', () => {
  const all = ['netflow5', 'netflow9', 'ipfix'].flatMap((folder) => captureFiles(folder))
  for (const path of [...PLAIN, ...NFDUMP]) expect(all).toContain(path)
})
