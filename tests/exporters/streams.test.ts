/**
 * The same packets, exported by the same program, are the same flows in Weir whether IPFIX came over UDP, TCP, or TLS through a tunnel that
 * shows a certificate (stunnel, openssl).
 */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findTool, type Tool, toolEnvironment } from '../../scripts/test/tools.ts'
import { type RunningCollector, startCollector } from '../support/collector.ts'
import { newFolder } from '../support/folder.ts'
import { freePorts } from '../support/ports.ts'
import { Program, ROOT } from '../support/program.ts'
import { sleep, until } from '../support/wait.ts'
import { traffic } from './traffic.ts'

const run = promisify(execFile)
const have = (...names: Tool[]) => names.every((name) => findTool(name) !== null)
const CONVERSATIONS = 300
const pem = (name: string) => path.join(ROOT, 'apps/collector/test/tls', name)

describe.skipIf(!have('softflowd'))('softflowd over streams (skipped without softflowd)', () => {
  const folder = newFolder('streams')
  const pcap = path.join(folder.path, 'traffic.pcap')
  let plain: RunningCollector
  let secure: RunningCollector
  /** What came over UDP: one line per flow, in order. */
  let overUdp: string[] = []

  beforeAll(async () => {
    writeFileSync(pcap, traffic({ seed: 11, conversations: CONVERSATIONS, start: Date.now() - 240_000, seconds: 120, families: 46 }).pcap)
    plain = await startCollector('streams-plain')
    secure = await startCollector('streams-tls', {
      WEIR_TLS_CERT: pem('server.pem'),
      WEIR_TLS_KEY: pem('server.key'),
      WEIR_TLS_CA: pem('ca.pem'),
    })
    await exported(plain.ipfix, 'udp')
    overUdp = await flowsOf(plain)
    // Both directions of each conversation; pings of one pair may share a flow.
    expect(overUdp.length).toBeGreaterThan(CONVERSATIONS * 1.5)
  }, 120_000)
  afterAll(async () => {
    await plain?.stop()
    await secure?.stop()
    folder.remove()
  })

  /** Read the file and export what is in it; resolves when the exporter has ended. */
  async function exported(port: number, transport: 'udp' | 'tcp'): Promise<void> {
    const softflowd = findTool('softflowd') ?? ''
    await run(
      softflowd,
      ['-d', '-r', pcap, '-v', '10', '-P', transport, '-n', `127.0.0.1:${port}`].concat([
        '-p',
        path.join(folder.path, 'pid'),
        '-c',
        'none',
      ]),
      { env: toolEnvironment(softflowd), timeout: 30_000 },
    )
  }

  /** Every stored flow without what differs from run to run (clocks, sequence), once no more come. */
  async function flowsOf({ pool }: RunningCollector): Promise<string[]> {
    let rows: string[] = []
    await until('the flows to be complete', async () => {
      const before = rows.length
      const answer = await pool.query<{ line: string }>(
        `select concat_ws(' ', type, proto, host(src_addr), src_port, host(dst_addr), dst_port, bytes, packets, tcp_flags, ip_tos, etype,
           icmp_type, icmp_code, duration_ms) as line from flow order by 1`,
      )
      rows = answer.rows.map(({ line }) => line)
      await sleep(700)
      return rows.length > 0 && rows.length === before
    })
    await pool.query('delete from flow')
    return rows
  }

  const metric = async ({ metrics }: RunningCollector, line: RegExp): Promise<number> =>
    Number(line.exec(await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text())?.[1] ?? Number.NaN)

  it('TCP brings the flows that UDP brought', async () => {
    await exported(plain.ipfix, 'tcp')
    expect(await flowsOf(plain)).toEqual(overUdp)
    expect(await metric(plain, /^weir_accounting_gap (\d+)/m)).toBe(0)
  })

  it.skipIf(!have('stunnel4'))('TLS by stunnel brings the flows that UDP brought (skipped without stunnel)', async () => {
    const [port = 0] = await freePorts(1)
    const conf = path.join(folder.path, 'stunnel.conf')
    writeFileSync(
      conf,
      [
        'foreground = yes',
        'pid =',
        'syslog = no',
        '[ipfix]',
        'client = yes',
        `accept = 127.0.0.1:${port}`,
        `connect = 127.0.0.1:${secure.ipfix}`,
        `cert = ${pem('client.pem')}`,
        `key = ${pem('client.key')}`,
        `CAfile = ${pem('ca.pem')}`,
        'verifyChain = yes',
        '',
      ].join('\n'),
    )
    const stunnel = findTool('stunnel4') ?? ''
    const tunnel = new Program(stunnel, [conf], { env: toolEnvironment(stunnel) })
    try {
      await until('stunnel to be ready', () => {
        if (tunnel.ended !== null) throw new Error(tunnel.output)
        return tunnel.output.includes('Configuration successful')
      })
      await exported(port, 'tcp')
      expect(await flowsOf(secure)).toEqual(overUdp)
    } finally {
      await tunnel.stop()
    }
  })

  it.skipIf(!have('openssl'))('TLS by openssl brings the flows that UDP brought (skipped without openssl)', async () => {
    const tunnel = await throughOpenssl(secure.ipfix)
    try {
      await exported(tunnel.port, 'tcp')
      expect(await flowsOf(secure)).toEqual(overUdp)
      expect(await metric(secure, /^weir_accounting_gap (\d+)/m)).toBe(0)
    } finally {
      await tunnel.close()
    }
  })

  it.skipIf(!have('openssl'))('a tunnel without a certificate brings nothing, and the refusal is counted', async () => {
    const refused = /^weir_stream_closed_total\{reason="handshake"\} (\d+)/m
    const before = await metric(secure, refused)
    const tunnel = await throughOpenssl(secure.ipfix, false)
    try {
      // Whether softflowd notices depends on how much it has sent when the tunnel breaks.
      await exported(tunnel.port, 'tcp').catch(() => undefined)
      await until('the refusal', async () => (await metric(secure, refused)) > before)
    } finally {
      await tunnel.close()
    }
    expect((await secure.pool.query('select from flow')).rowCount).toBe(0)
  })

  /** A port whose connections openssl carries to `target` under TLS. */
  async function throughOpenssl(target: number, certificate = true): Promise<{ port: number; close(): Promise<void> }> {
    const openssl = findTool('openssl') ?? ''
    const children: Promise<unknown>[] = []
    const server: Server = createServer((socket) => {
      const identity = certificate ? ['-cert', pem('client.pem'), '-key', pem('client.key')] : []
      const child = execFile(
        openssl,
        ['s_client', '-quiet', '-verify_return_error', '-CAfile', pem('ca.pem'), '-connect', `127.0.0.1:${target}`, ...identity],
        { env: toolEnvironment(openssl) },
      )
      children.push(new Promise((resolve) => child.once('close', resolve)))
      child.stdin?.on('error', () => socket.destroy())
      socket.on('error', () => undefined)
      if (child.stdin !== null) socket.pipe(child.stdin)
      // With -quiet it stays when its input ends; what was sent has gone by then.
      socket.once('close', () => setTimeout(() => child.kill('SIGTERM'), 500))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    return {
      port: typeof address === 'object' && address !== null ? address.port : 0,
      close: async () => {
        await new Promise<void>((resolve) => server.close(() => resolve()))
        await Promise.all(children)
      },
    }
  }
})
