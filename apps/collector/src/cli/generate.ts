import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { addressOctets } from '../config.ts'
import { runDemo } from '../generate/demo.ts'
import { PROTOCOLS, type Protocol } from '../generate/encoder.ts'
import { SimulatedExporter } from '../generate/exporter.ts'
import { PROFILES } from '../generate/network.ts'
import { ownAddress, resolveTarget, SendError, Sender, type Target } from '../generate/sender.ts'

const SCENARIOS = Object.keys(PROFILES)

const USAGE = `Usage: weir generate --to HOST:PORT [options]

Sends the flow export of a believable router. Addresses inside are private, those outside are real networks;
nothing is sent to them, they only stand in the records.

  --to HOST:PORT            the collector
  --protocol NAME           ${PROTOCOLS.join(', ')} (default ipfix)
  --scenario NAME           what passes through the router: ${SCENARIOS.join(', ')} (default edge)
  --rate N                  flow records a second (default 100)
  --count N                 stop after N flow records (default: go on until Ctrl-C)
  --sampling N              the router sees 1 packet in N and says so (default 1; sFlow 512)
  --seed N                  same seed, same octets: the exporter's clock then begins at 2026-01-01, and the collector
                            corrects it as it would any wrong clock
  --clock now               with --seed: begin at the present instead; all but the times is the same
  --template-interval S     seconds between templates, options and counters (default 60)
  --from ADDRESS            send from this address of this machine
  --demo                    five routers of all formats from 127.66.0.0/16, an hour of history first, then the present
`

const FIXED_START_MS = Date.UTC(2026, 0, 1)

/** The command `weir generate`; returns the exit code. */
export async function run(args: string[]): Promise<number> {
  let options: ReturnType<typeof parse>
  try {
    options = parse(args)
  } catch (error) {
    process.stderr.write(`weir generate: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    return 2
  }
  if (options === null) {
    process.stdout.write(USAGE)
    return 0
  }
  const { stopped, release } = stopSignal()
  try {
    const target = await resolveTarget(options.to)
    if (options.demo) {
      await runDemo(target, resolve(process.env.WEIR_DATA_DIR ?? '.weir'), say, stopped)
      return 0
    }
    return await generate(target, options, stopped)
  } catch (error) {
    if (!(error instanceof SendError)) throw error
    process.stderr.write(`weir generate: ${error.message}. ${error.remedy}\n`)
    return 1
  } finally {
    release()
  }
}

interface Options {
  to: string
  demo: boolean
  protocol: Protocol
  scenario: keyof typeof PROFILES
  rate: number
  count: number
  sampling: number
  seed: number
  startMs: number
  templateIntervalMs: number
  from: string | undefined
}

function parse(args: string[]): Options | null {
  const { values } = parseArgs({
    args,
    options: {
      to: { type: 'string' },
      protocol: { type: 'string', default: 'ipfix' },
      scenario: { type: 'string', default: 'edge' },
      rate: { type: 'string', default: '100' },
      count: { type: 'string' },
      sampling: { type: 'string', default: '1' },
      seed: { type: 'string' },
      clock: { type: 'string' },
      'template-interval': { type: 'string', default: '60' },
      from: { type: 'string' },
      demo: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return null
  if (values.to === undefined) throw new RangeError('--to is missing: where should the datagrams go?')
  const protocol = PROTOCOLS.find((name) => name === values.protocol)
  if (protocol === undefined) throw new RangeError(`--protocol ${values.protocol} is none of ${PROTOCOLS.join(', ')}`)
  if (!isScenario(values.scenario)) throw new RangeError(`--scenario ${values.scenario} is none of ${SCENARIOS.join(', ')}`)
  if (values.clock !== undefined && values.clock !== 'now') throw new RangeError('--clock knows only "now"')
  if (values.from !== undefined && addressOctets(values.from) === null) throw new RangeError(`--from ${values.from} is no address`)
  const number = (name: string, text: string, least: number, most: number): number => {
    const value = Number(text)
    if (!(value >= least && value <= most)) throw new RangeError(`--${name} ${text} is not a number from ${least} to ${most}`)
    return value
  }
  const fixed = values.seed !== undefined && values.clock !== 'now'
  return {
    to: values.to,
    demo: values.demo,
    protocol,
    scenario: values.scenario,
    rate: number('rate', values.rate, 0.1, 1_000_000),
    count: values.count === undefined ? Number.POSITIVE_INFINITY : Math.floor(number('count', values.count, 1, 1e12)),
    sampling: Math.floor(number('sampling', values.sampling, 1, 16_383)),
    seed: values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : number('seed', values.seed, 0, Number.MAX_SAFE_INTEGER),
    startMs: fixed ? FIXED_START_MS : Date.now(),
    templateIntervalMs: number('template-interval', values['template-interval'], 0.1, 86_400) * 1000,
    from: values.from,
  }
}

function isScenario(name: string): name is keyof typeof PROFILES {
  return Object.hasOwn(PROFILES, name)
}

/**
 * Send at the rate asked. Virtual time moves in fixed ticks and decides what each datagram holds; the wall clock only decides when a tick
 * is played. So a slow machine sends late, never something else.
 */
async function generate(target: Target, options: Options, stopped: () => boolean): Promise<number> {
  const { startMs, rate, count } = options
  const sender = await Sender.open(target, options.from)
  const agent = addressOctets(options.from ?? (await ownAddress(target)))
  const simulated = new SimulatedExporter({
    protocol: options.protocol,
    profile: { ...PROFILES[options.scenario], sampling: options.sampling },
    seed: options.seed,
    startMs,
    templateIntervalMs: options.templateIntervalMs,
    // sFlow names its agent inside; 0.0.0.0 means "look at the sender".
    agent: agent?.length === 4 ? agent : new Uint8Array(4),
    domain: 1,
  })
  const tickMs = rate >= 1_000 ? 10 : 100
  const began = performance.now()
  for (let tick = 1; simulated.flows < count && !stopped(); tick++) {
    const ahead = tick * tickMs - (performance.now() - began)
    if (ahead > 0) await new Promise((done) => setTimeout(done, ahead))
    const nowMs = startMs + tick * tickMs
    const until = Math.min(count, Math.floor((rate * tick * tickMs) / 1000))
    const out: Buffer[] = []
    while (simulated.flows < until) simulated.flow(nowMs, nowMs, out)
    if (simulated.flows >= count) simulated.flush(nowMs, out)
    else simulated.tick(nowMs, out)
    for (const datagram of out) await sender.send(datagram)
  }
  const seconds = (performance.now() - began) / 1000
  if (stopped()) {
    const out: Buffer[] = []
    simulated.flush(startMs + Math.ceil(seconds * 1000), out)
    for (const datagram of out) await sender.send(datagram)
  }
  await sender.close()
  const { datagrams, octets, failed, lastError } = sender
  say(
    `${simulated.flows} flows in ${datagrams} datagrams (${octets} octets) in ${seconds.toFixed(1)} s: ${Math.round(simulated.flows / seconds)} flows/s`,
  )
  if (failed > 0) {
    say(`${failed} datagrams could not be sent (${lastError?.message ?? 'unknown'}). Does a collector listen at ${options.to}?`)
    return 1
  }
  return 0
}

function say(line: string): void {
  process.stderr.write(`weir generate: ${line}\n`)
}

/**
 * `stopped` is true once the process was asked to end; the second request ends it at once.
 * `release` gives the signals back: a listener on 'disconnect' would keep a supervised process alive for ever.
 */
function stopSignal(): { stopped: () => boolean; release: () => void } {
  let asked = false
  const ask = () => {
    if (asked) process.exit(130)
    asked = true
  }
  const events = ['SIGINT', 'SIGTERM', 'disconnect'] as const
  for (const event of events) process.on(event, ask)
  return {
    stopped: () => asked,
    release: () => {
      for (const event of events) process.off(event, ask)
    },
  }
}
