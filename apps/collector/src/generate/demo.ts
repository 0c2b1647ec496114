import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { addressOctets } from '../config.ts'
import type { Protocol } from './encoder.ts'
import { SimulatedExporter } from './exporter.ts'
import { PROFILES, type Profile } from './network.ts'
import { Sender, type Target } from './sender.ts'

interface DemoExporter {
  address: string
  protocol: Protocol
  profile: Profile
  /** Flow records a second at noon. */
  flowsPerSecond: number
  seed: number
}

/** The demo's routers, each with an address of its own in the demo network. About 240 flows a second together at their busiest. */
const EXPORTERS: DemoExporter[] = [
  { address: '127.66.1.1', protocol: 'ipfix', profile: { ...PROFILES.edge, sampling: 100 }, flowsPerSecond: 96, seed: 101 },
  { address: '127.66.2.1', protocol: 'v9', profile: PROFILES.core, flowsPerSecond: 66, seed: 102 },
  { address: '127.66.3.1', protocol: 'v9', profile: { ...PROFILES.plant, sampling: 16 }, flowsPerSecond: 34, seed: 103 },
  { address: '127.66.4.1', protocol: 'v5', profile: PROFILES.branch, flowsPerSecond: 24, seed: 104 },
  { address: '127.66.5.1', protocol: 'sflow', profile: { ...PROFILES.rack, sampling: 512 }, flowsPerSecond: 22, seed: 105 },
]

const HOUR_MS = 3_600_000
const TICK_MS = 100
const TEMPLATE_MS = 30_000
const WARM_UP_MS = 300_000
/**
 * Flows of the past hour sent per second. The web app is being built meanwhile on the same cores: at 40,000 the collector then shed one flow
 * in eight, and the history is there before the build is done either way.
 */
const HISTORY_RATE = 15_000
/** History is sent in slices of this much virtual time, all exporters in step, so that minutes fill in order. */
const SLICE_MS = 10_000
const SAVE_MS = 10_000

/**
 * How busy the network is at a moment, 0.45–1.25: the working day in UTC, a few slow waves so that no hour is flat, and a livelier first
 * five minutes of every half hour, when calls begin and jobs run.
 */
export function activity(atMs: number): number {
  const hour = (atMs / HOUR_MS) % 24
  const day = 0.72 - 0.28 * Math.cos(((hour - 3) / 24) * 2 * Math.PI)
  const minutes = atMs / 60_000
  const waves =
    0.09 * Math.sin((2 * Math.PI * minutes) / 37) +
    0.06 * Math.sin((2 * Math.PI * minutes) / 11.3) +
    0.03 * Math.sin((2 * Math.PI * minutes) / 4.1)
  const sinceHalfHour = minutes % 30
  const meeting = sinceHalfHour < 6 ? 0.14 * Math.sin((Math.PI * sinceHalfHour) / 6) : 0
  return Math.max(0.3, day + waves + meeting)
}

/**
 * The demo: an hour of history (or what is missing of it since the last run), then the present, for ever.
 *
 * History is real too: the same datagrams as later, with flow times inside the past hour and the present time in their headers, so that no
 * clock looks wrong. sFlow stamps nothing, so its exporter has no past and begins now.
 */
export async function runDemo(target: Target, dataDir: string, say: (line: string) => void, stopped: () => boolean): Promise<void> {
  const file = join(dataDir, 'demo-sent')
  const now = Date.now()
  const from = Math.max(now - HOUR_MS, lastSent(file, now))
  const senders: Sender[] = []
  try {
    await play(target, dataDir, file, from, now, senders, say, stopped)
  } finally {
    // Open sockets would keep a failed demo alive.
    for (const sender of senders) await sender.close()
  }
}

async function play(
  target: Target,
  dataDir: string,
  file: string,
  from: number,
  now: number,
  senders: Sender[],
  say: (line: string) => void,
  stopped: () => boolean,
): Promise<void> {
  const routers = await Promise.all(
    EXPORTERS.map(async (exporter, i) => {
      const sender = await Sender.open(target, exporter.address)
      senders.push(sender)
      const agent = addressOctets(exporter.address)
      if (agent === null) throw new RangeError(exporter.address)
      const startMs = exporter.protocol === 'sflow' ? now : from
      return {
        ...exporter,
        startMs,
        // Where in the stream of flows this router stands: fractions of a flow carry over from tick to tick.
        credit: i / EXPORTERS.length,
        sender,
        simulated: new SimulatedExporter({
          protocol: exporter.protocol,
          profile: exporter.profile,
          // Another seed each time: a second hour must not repeat the first.
          seed: exporter.seed + Math.floor(startMs / 1000),
          startMs,
          templateIntervalMs: TEMPLATE_MS,
          agent,
          domain: 1,
        }),
      }
    }),
  )
  for (const router of routers) router.simulated.warmUp(router.startMs - WARM_UP_MS, router.startMs, router.flowsPerSecond * 0.7)

  const advance = async (router: (typeof routers)[number], atMs: number, stepMs: number, exportMs: number): Promise<number> => {
    const out: Buffer[] = []
    router.credit += (router.flowsPerSecond * activity(atMs) * stepMs) / 1000
    const due = Math.floor(router.credit)
    router.credit -= due
    for (let i = 0; i < due; i++) router.simulated.flow(Math.floor(atMs - stepMs + ((i + 1) * stepMs) / due), exportMs, out)
    router.simulated.tick(exportMs, out)
    for (const datagram of out) await router.sender.send(datagram)
    return due
  }

  let sent = 0
  const began = Date.now()
  let at = from
  const past = routers.filter(({ protocol }) => protocol !== 'sflow')
  if (now - from > 5_000) say(`sending ${Math.round((now - from) / 60_000)} minutes of history`)
  while (at + SLICE_MS <= Date.now() && !stopped()) {
    at += SLICE_MS
    for (const router of past) {
      for (let step = at - SLICE_MS + 1_000; step <= at; step += 1_000) sent += await advance(router, step, 1_000, Date.now())
    }
    const ahead = began + (sent / HISTORY_RATE) * 1000 - Date.now()
    if (ahead > 1) await sleep(ahead)
  }
  say(`history sent: ${sent} flows in ${((Date.now() - began) / 1000).toFixed(1)} s; live from here`)

  let saved = 0
  for (let tick = at; !stopped(); ) {
    const wait = tick + TICK_MS - Date.now()
    if (wait > 0) await sleep(wait)
    tick += TICK_MS
    // After a sleep of the machine the gap stays a gap: nothing is made up for it.
    if (Date.now() - tick > 60_000) tick = Date.now()
    for (const router of routers) if (tick > router.startMs) await advance(router, tick, TICK_MS, tick)
    if (tick - saved > SAVE_MS) {
      saved = tick
      save(dataDir, file, tick)
    }
  }
  const end = Date.now()
  for (const { simulated, sender } of routers) {
    const out: Buffer[] = []
    simulated.flush(end, out)
    for (const datagram of out) await sender.send(datagram)
  }
  save(dataDir, file, end)
}

function lastSent(file: string, now: number): number {
  try {
    const at = Number(readFileSync(file, 'utf8'))
    return at > 0 && at <= now ? at : 0
  } catch {
    // Never sent here: the whole hour is missing.
    return 0
  }
}

/** Without this note a restart would send the past hour twice. */
function save(dataDir: string, file: string, at: number): void {
  mkdirSync(dataDir, { recursive: true })
  writeFileSync(file, `${Math.floor(at)}\n`)
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
