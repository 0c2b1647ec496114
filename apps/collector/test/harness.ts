import { createSocket } from 'node:dgram'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Collector, startCollector } from '../src/collector.ts'
import { type Config, readConfig } from '../src/config.ts'
import type { Protocol } from '../src/generate/encoder.ts'
import { SimulatedExporter } from '../src/generate/exporter.ts'
import { PROFILES } from '../src/generate/network.ts'
import { metricOf } from './chaos.ts'

/** A data directory of its own; the geo cache is shared, because building it takes seconds. */
export function newDataDir(): { path: string; remove(): void } {
  const shared = join(tmpdir(), 'weir-test-geo-cache')
  mkdirSync(shared, { recursive: true })
  const path = mkdtempSync(join(tmpdir(), 'weir-collector-'))
  symlinkSync(shared, join(path, 'geo-cache'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export interface Running extends Collector {
  lines: { level: string; msg: string; [key: string]: unknown }[]
  dataDir: string
  metric(name: string): Promise<number>
  close(): Promise<void>
}

/** A collector in this process on free ports of the loopback. */
export async function startTestCollector(databaseUrl: string, settings: Partial<Config> = {}, dir = newDataDir()): Promise<Running> {
  const lines: Running['lines'] = []
  const config: Config = {
    ...readConfig({
      WEIR_DATA_DIR: dir.path,
      DATABASE_URL: databaseUrl,
      WEIR_NETFLOW_PORT: '0',
      WEIR_IPFIX_PORT: '0',
      WEIR_SFLOW_PORT: '0',
      WEIR_METRICS_PORT: '0',
      WEIR_LISTEN_HOST: '127.0.0.1',
      WEIR_DEMO_NETWORK: '127.66.0.0/16',
      // Only the tests of detection pay for it.
      WEIR_DETECT: 'off',
      WEIR_ENFORCE: 'off',
    }),
    ...settings,
  }
  const collector = await startCollector(config, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const metric = (name: string) => metricOf(collector.ports.metrics ?? 0, name)
  return {
    ...collector,
    lines,
    dataDir: dir.path,
    metric,
    close: async () => {
      await collector.stop()
      dir.remove()
    },
  }
}

/** Datagrams of a simulated exporter: `flows` records spread over the ten seconds before `endMs`. */
export function datagrams(
  protocol: Protocol,
  flows: number,
  options: { endMs?: number; seed?: number; agent?: number[]; sampling?: number } = {},
): Buffer[] {
  const endMs = options.endMs ?? Date.now()
  const exporter = new SimulatedExporter({
    protocol,
    profile: { ...PROFILES.edge, sampling: options.sampling ?? 1 },
    seed: options.seed ?? 1,
    startMs: endMs - 10_000,
    templateIntervalMs: 60_000,
    agent: Uint8Array.from(options.agent ?? [192, 0, 2, 7]),
    domain: 7,
  })
  const out: Buffer[] = []
  for (let i = 0; i < flows; i++) {
    const at = endMs - 10_000 + Math.floor((i * 10_000) / flows)
    exporter.flow(at, at, out)
  }
  exporter.flush(endMs, out)
  return out
}

/** Send datagrams from one socket, in order, with room for the receiver to read. */
export async function send(port: number, payloads: readonly Uint8Array[], from = '127.0.0.1'): Promise<void> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, from, resolve))
  for (const [i, payload] of payloads.entries()) {
    await new Promise<void>((resolve, reject) => socket.send(payload, port, '127.0.0.1', (error) => (error ? reject(error) : resolve())))
    if (i % 50 === 49) await sleep(2)
  }
  await new Promise<void>((resolve) => socket.close(() => resolve()))
}

export async function until(what: string, condition: () => Promise<boolean> | boolean, withinMs = 15_000): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${withinMs} ms in vain for ${what}`)
    await sleep(25)
  }
}

/** A way to a database that can be cut, made to swallow everything without a word, and mended. */
export async function breakableWay(
  url: string,
): Promise<{ url: string; cut(): void; swallow(): void; mend(): void; close(): Promise<void> }> {
  const target = new URL(url)
  const open = new Set<Socket>()
  let whole = true
  let swallowing = false
  const server = createServer((near) => {
    if (!whole) {
      near.destroy()
      return
    }
    if (swallowing) {
      open.add(near)
      near.on('error', () => undefined)
      return
    }
    const far = connect(Number(target.port), target.hostname)
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
      one.pipe(other)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const detour = new URL(url)
  detour.hostname = '127.0.0.1'
  detour.port = String(port)
  const cut = () => {
    whole = false
    for (const socket of open) socket.destroy()
  }
  return {
    url: detour.href,
    cut,
    swallow: () => {
      swallowing = true
      for (const socket of open) socket.unpipe()
    },
    mend: () => {
      whole = true
      swallowing = false
    },
    close: async () => {
      cut()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
