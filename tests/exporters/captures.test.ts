/**
 * sFlow captures of real devices, read by Weir's decoder and by nfdump's sfcapd: the same flows, packets and octets.
 *
 * sfcapd multiplies by the sampling rate before it stores; Weir keeps what was exported and multiplies when asked. So scaled is compared.
 */
import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { allCaptures, datagramsOf, decodeAll, TESTDATA } from '../../packages/decoder/test/captures.ts'
import { findTool, type Tool, toolEnvironment } from '../../scripts/test/tools.ts'
import { newFolder } from '../support/folder.ts'
import { freePorts } from '../support/ports.ts'
import { Program } from '../support/program.ts'
import { sleep } from '../support/wait.ts'

const run = promisify(execFile)
const have = (...names: Tool[]) => names.every((name) => findTool(name) !== null)
const CAPTURES = allCaptures().filter((name) => name.startsWith('sflow/'))

/** Where the two differ, and why Weir is right. */
const REASONS: Record<string, string> = {
  // Its one sample holds an extended_ipv4_tunnel_ingress record and no packet: sfcapd stores an empty flow of no address, Weir nothing.
  'sflow/gopacket-ipv4-tunnel-ingress.dat': 'a sample without a packet',
}

interface Sums {
  flows: number
  packets: number
  octets: number
}

describe.skipIf(!have('sfcapd', 'nfdump'))('sFlow totals equal nfdump’s (skipped without sfcapd and nfdump)', () => {
  const folder = newFolder('captures')
  afterAll(() => folder.remove())

  async function theirs(name: string): Promise<Sums> {
    const [port = 0] = await freePorts(1)
    const stored = path.join(folder.path, path.basename(name))
    mkdirSync(stored)
    const sfcapd = findTool('sfcapd') ?? ''
    const program = new Program(sfcapd, ['-b', '127.0.0.1', '-p', String(port), '-w', stored, '-t', '3600'], {
      env: toolEnvironment(sfcapd),
    })
    await sleep(400)
    if (program.ended !== null) throw new Error(program.output)
    const socket = createSocket('udp4')
    for (const { octets } of datagramsOf(path.join(TESTDATA, name))) {
      await new Promise<void>((resolve, reject) =>
        socket.send(octets, port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error))),
      )
      await sleep(2)
    }
    await sleep(200)
    socket.close()
    await program.stop()
    const nfdump = findTool('nfdump') ?? ''
    const { stdout } = await run(nfdump, ['-R', stored, '-N', '-q', '-o', 'fmt:%pkt|%byt'], { env: toolEnvironment(nfdump) }).catch(
      (error: unknown) => {
        // It ends with an error when the files hold no flow.
        if (error instanceof Error && 'stdout' in error) return { stdout: String(error.stdout) }
        throw error
      },
    )
    const sums = { flows: 0, packets: 0, octets: 0 }
    for (const line of stdout.split('\n')) {
      const [packets, octets] = line.split('|').map((cell) => Number(cell.trim()))
      if (packets === undefined || octets === undefined || Number.isNaN(octets)) continue
      sums.flows++
      sums.packets += packets
      sums.octets += octets
    }
    return sums
  }

  function ours(name: string): Sums {
    const sums = { flows: 0, packets: 0, octets: 0 }
    for (const flow of decodeAll(datagramsOf(path.join(TESTDATA, name)))) {
      // One capture holds NetFlow beside sFlow, which sfcapd does not read.
      if (flow.type !== 'SFLOW_5') continue
      const rate = Number(flow.sampling_rate ?? 1) || 1
      sums.flows++
      sums.packets += Number(flow.packets ?? 0) * rate
      sums.octets += Number(flow.bytes ?? 0) * rate
    }
    return sums
  }

  it.each(CAPTURES.filter((name) => REASONS[name] === undefined))('%s', async (name) => {
    expect(ours(name)).toEqual(await theirs(name))
  })

  it.each(Object.entries(REASONS))('%s differs: %s', async (name) => {
    expect(await theirs(name)).toEqual({ flows: 1, packets: 1, octets: 0 })
    expect(ours(name)).toEqual({ flows: 0, packets: 0, octets: 0 })
  })

  it('most of them hold flows', () => {
    expect(CAPTURES.filter((name) => ours(name).flows > 0).length).toBeGreaterThanOrEqual(12)
  })
})
