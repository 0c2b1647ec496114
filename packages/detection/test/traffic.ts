import { Engine, type Finding, type FlowEvent } from '../src/index.ts'

/** Noon of a Tuesday, aligned to an hour. */
export const T0 = Date.UTC(2026, 2, 3, 12)
export const HOME = ['10.0.0.0/16', '203.0.113.0/24']

export const CONFIG = { homeNetworks: HOME, billingDay: 1, billingOffsetMinutes: 0, allowedCountries: [] as string[], roles: {} }

export function flow(at: number, over: Partial<FlowEvent>): FlowEvent {
  return {
    startMs: at,
    endMs: at,
    src: '198.51.100.1',
    dst: '203.0.113.10',
    srcPort: 40_000,
    dstPort: 443,
    proto: 6,
    bytes: 60,
    packets: 1,
    tcpFlags: 2,
    icmpType: -1,
    etype: 0x0800,
    samplingRate: 1,
    exporter: '192.0.2.1',
    inIf: 1,
    outIf: 2,
    srcCountry: '',
    dstCountry: '',
    srcAs: -1,
    dstAs: -1,
    ...over,
  }
}

/** A made connection of `bytes` each way, as its two records. */
export function connection(at: number, client: string, server: string, port: number, over: Partial<FlowEvent> = {}): FlowEvent[] {
  const srcPort = 30_000 + (at % 30_000)
  const up = flow(at, {
    src: client,
    dst: server,
    srcPort,
    dstPort: port,
    packets: 12,
    bytes: 2_000,
    tcpFlags: 27,
    endMs: at + 900,
    ...over,
  })
  return [up, { ...up, src: server, dst: client, srcPort: port, dstPort: srcPort, startMs: at + 2 }]
}

/** Run the records through a fresh engine on their own clock, ended by ten quiet minutes. */
export function run(events: FlowEvent[], config: Partial<typeof CONFIG> = {}, engine = new Engine({ ...CONFIG, ...config })): Finding[] {
  const found: Finding[] = []
  const ordered = [...events].sort((a, b) => a.endMs - b.endMs)
  for (const event of ordered) {
    found.push(...engine.advance(event.endMs))
    engine.push(event, event.endMs)
  }
  const end = ordered.at(-1)?.endMs ?? T0
  found.push(...engine.advance(end + 600_000))
  return found
}

export const address = (i: number) => `198.${18 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`
