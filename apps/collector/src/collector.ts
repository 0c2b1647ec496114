import { readFileSync } from 'node:fs'
import { cancelRunning, closePool, createPool, endsWithin, type Pool } from '@weir/db/connection'
import { seedAsNames } from '@weir/db/ingest'
import { Decoder } from '@weir/decoder'
import type { DestinationStream } from 'pino'
import { Account } from './account.ts'
import { Alarms } from './alerts/alarms.ts'
import { Book } from './book.ts'
import { Assembly, type Component, type StopReport } from './component.ts'
import type { Config } from './config.ts'
import { admittingAll, DecoderState } from './decoder-state.ts'
import { Detect } from './detect/detect.ts'
import { Enforce } from './enforce/enforce.ts'
import { Enricher } from './enrich/enrich.ts'
import { type GeoData, loadGeoData } from './enrich/geo-data.ts'
import { Exporters } from './exporters.ts'
import { Ingest } from './ingest.ts'
import { LatencyWindow } from './latency.ts'
import { CLOSE_REASONS, type CloseReason, StreamListener } from './listeners/tcp.ts'
import { UdpListener, type UdpSettings } from './listeners/udp.ts'
import { Maintenance } from './maintenance.ts'
import { OneTruth } from './one-truth.ts'
import { Reporter } from './reporter.ts'
import { type Listening, Status } from './status.ts'
import { Store } from './store.ts'

/** A running collector. `ports` are those really open, by listener name. */
export interface Collector {
  readonly reporter: Reporter
  readonly account: Account
  readonly status: Status
  readonly store: Store
  readonly ingest: Ingest
  readonly oneTruth: OneTruth
  readonly alarms: Alarms
  /** null where this process does not detect. */
  readonly detect: Detect | null
  readonly ports: Record<string, number>
  stop(budgetMs?: number): Promise<StopReport>
}

const SEED_RETRY_MS = 10_000
const POOL_GRACE_MS = 200
/** Of the time for a stop, so much may pass before the database is no longer waited for. */
const PATIENCE_SHARE = 0.4
const IMPATIENT_EVERY_MS = 250

/**
 * Put the parts together and start them: what is fed starts before what feeds it, so a datagram never meets a part that is not there.
 * Stopping goes the other way: sockets close, what was received is decoded, what was decoded is stored.
 *
 * Throws ConfigError, ListenError or GeoDataError, with nothing left running. An unreachable database is no error: flows wait for it.
 */
export async function startCollector(config: Config, log?: DestinationStream): Promise<Collector> {
  const reporter = new Reporter({ level: config.logLevel, metricsPort: config.metricsPort, ...(log ? { destination: log } : {}) })
  const geo = await loadGeoData(config.dataDir, config.geoDir)
  const pool = createPool({
    connectionString: config.databaseUrl,
    applicationName: 'weir-collector',
    max: 6,
    onError: (error) => reporter.limited('warn', 'pool', { err: error }, 'an idle database connection broke'),
  })
  const account = new Account()
  const latency = new LatencyWindow()
  const { elements } = config
  const decoder = new Decoder({ elements, limits: admittingAll(config.maxExporters) })
  const store = new Store(pool, config, account, latency, reporter)
  const exporters = new Exporters(pool, config, reporter)
  exporters.templates = () => new Map([...decoder.exporters()].map(({ address, templates }) => [address, templates]))
  const detect =
    config.detect === 'off'
      ? null
      : new Detect({ databaseUrl: config.databaseUrl, dataDir: config.dataDir, sameThread: config.detect === 'same-thread' }, reporter)
  const oneTruth = new OneTruth(pool, store, exporters, config.dataDir, reporter)
  const ingest = new Ingest({
    // Strangers are judged by a decoder with little room: it only has to recognise what it sees.
    newDecoder: () =>
      new Decoder({
        elements,
        limits: { exporters: 256, probationExporters: 256, parkedOctets: 1 << 20, parkedOctetsPerExporter: 1 << 16 },
      }),
    decoder,
    enricher: new Enricher(geo),
    exporters,
    store,
    account,
    reporter,
    inboxBytes: config.inboxBytes,
    sightings: oneTruth.sightings,
    detect,
  })
  const udp = udpListeners(config, reporter, ingest)
  const streams = streamListeners(config, reporter, ingest)
  const status = new Status({
    pool,
    account,
    exporters,
    store,
    ingest,
    latency,
    reporter,
    listeners: () => [...udp.map(describeUdp), ...streams.map(describeStream)],
    geo: geo.source,
    version: version(),
  })
  if (detect !== null) {
    detect.intake = () => ({
      intake: { arrived: account.received + status.kernelDrops, dropped: account.refusedTotal + status.kernelDrops },
      exporters: exporters.all(),
    })
    detect.oldestUnstoredMs = () => store.oldestMs
  }
  const templates = new DecoderState(config.dataDir, decoder, reporter)
  const alarms = new Alarms({
    pool,
    account,
    exporters,
    store,
    ingest,
    status,
    templates,
    setsWaiting: () => decoder.parkingCounters.waiting,
    closed: () => {
      const sums = Object.fromEntries(CLOSE_REASONS.map((reason) => [reason, 0])) as Record<CloseReason, number>
      for (const { listener } of streams) for (const reason of CLOSE_REASONS) sums[reason] += listener.closed[reason]
      return sums
    },
    reporter,
    ...(config.alertPace === undefined ? {} : { pace: config.alertPace }),
  })
  status.alerts = () => alarms.active
  reporter.details = () => ({ alerts: alarms.active })
  const patience = patienceOf(pool)
  const assembly = new Assembly([
    poolCloser(pool),
    store,
    patience,
    new Maintenance(pool, store, reporter),
    asNameSeeder(pool, store, geo, reporter),
    templates,
    oneTruth,
    exporters,
    status,
    alarms,
    ...(detect === null ? [] : [detect]),
    ...(config.enforce === 'off'
      ? []
      : [
          new Enforce(
            pool,
            {
              databaseUrl: config.databaseUrl,
              keyDir: config.enforceKeyDir,
              reconcileMs: config.reconcileMs,
              quietMs: config.proofMs,
            },
            reporter,
          ),
        ]),
    ingest,
    ...streams.map(({ listener }) => listener),
    ...udp,
    // Last, so that whoever waits for the metrics finds everything else ready.
    reporter,
  ])
  await assembly.start()
  return {
    reporter,
    account,
    status,
    store,
    ingest,
    oneTruth,
    alarms,
    detect,
    ports: Object.fromEntries([
      ...[...udp, ...streams.map(({ listener }) => listener)].map((l) => [l.name, l.port]),
      ['metrics', reporter.port ?? 0],
    ]),
    stop: (budgetMs = 9_000) => {
      patience.endsIn(budgetMs * PATIENCE_SHARE)
      return assembly.stop(budgetMs)
    },
  }
}

function udpListeners(config: Config, reporter: Reporter, ingest: Ingest): UdpListener[] {
  const wanted = [
    { name: 'netflow', key: 'WEIR_NETFLOW_PORT', port: config.netflowPort },
    { name: 'ipfix', key: 'WEIR_IPFIX_PORT', port: config.ipfixPort },
    { name: 'sflow', key: 'WEIR_SFLOW_PORT', port: config.sflowPort },
  ]
  return wanted.flatMap(({ name, key, port }) =>
    port === null
      ? []
      : [udpListener({ name, key, port, host: config.listenHost, receiveBufferBytes: config.receiveBufferBytes }, reporter, ingest)],
  )
}

function udpListener(settings: UdpSettings, reporter: Reporter, ingest: Ingest): UdpListener {
  const book = new Book()
  return new UdpListener(settings, reporter, book, (datagram, address, port) => ingest.accept(datagram, address, port, book))
}

/** A listener for connections, with its books. */
interface StreamDoor {
  listener: StreamListener
  book: Book
}

function streamListeners(config: Config, reporter: Reporter, ingest: Ingest): StreamDoor[] {
  if (config.ipfixPort === null) return []
  const book = new Book()
  const listener = new StreamListener(
    { key: 'WEIR_IPFIX_PORT', port: config.ipfixPort, host: config.listenHost, tls: config.tls },
    reporter,
    {
      message: (octets, address, port, session) => ingest.accept(octets, address, port, book, session),
      ended: (address, port, session) => ingest.endSession(address, port, session),
      ready: () => ingest.ready,
    },
  )
  reporter.gauge('stream_sessions', 'Open TCP and TLS connections.', [], () => [[{}, listener.sessions]])
  reporter.counter('stream_closed_total', 'Connections refused or closed by the collector.', ['reason'], () =>
    CLOSE_REASONS.map((reason) => [{ reason }, listener.closed[reason]]),
  )
  return [{ listener, book }]
}

function describeStream({ listener, book }: StreamDoor): Listening {
  const { name, transport, key, port, open, messages, octets, sessions } = listener
  return { name, transport, key, port, open, datagrams: messages, octets, grantedBufferBytes: null, sessions, book }
}

function describeUdp(listener: UdpListener): Listening {
  const { name, key, port, open, datagrams, octets, grantedBufferBytes, book } = listener
  return { name, transport: 'udp', key, port, open, datagrams, octets, grantedBufferBytes, sessions: null, book }
}

/**
 * Started first and so stopped last. Whatever a part left running after its stop, housekeeping above all, is given up; connections to a
 * database that says nothing at all end with the process.
 */
function poolCloser(pool: Pool): Component {
  return {
    name: 'pool',
    needsMs: 500,
    start: async () => undefined,
    stop: async (leftMs) => {
      await endsWithin(leftMs * 0.9, closePool(pool, POOL_GRACE_MS))
    },
  }
}

/**
 * Of all that has to stop, what stops before the store only tells the database something, once more. When that takes too long, because the
 * database stands still (a lock, a full disk), it is told after the next start.
 */
function patienceOf(pool: Pool): Component & { endsIn(ms: number): void } {
  let timer: NodeJS.Timeout | undefined
  return {
    name: 'patience',
    start: async () => undefined,
    endsIn: (ms) => {
      timer = setTimeout(() => {
        timer = setInterval(() => void cancelRunning(pool), IMPATIENT_EVERY_MS)
      }, ms)
    },
    stop: async () => clearTimeout(timer),
  }
}

/** Brings the names of autonomous systems into the database when their edition changed; needs the database and no haste. */
function asNameSeeder(pool: Pool, store: Store, geo: GeoData, reporter: Reporter): Component {
  let timer: NodeJS.Timeout | null = null
  let running: Promise<void> | null = null
  let stopped = false
  const attempt = async (): Promise<void> => {
    if (stopped) return
    try {
      if (store.engine !== null) {
        const names = await seedAsNames(pool, geo.asEdition, geo.asNames())
        if (names > 0) reporter.log.info({ names, edition: geo.asEdition }, 'names of autonomous systems stored')
        return
      }
    } catch (error) {
      if (!stopped) reporter.limited('warn', 'as-names', { err: error }, 'the names of autonomous systems could not be stored; tried again')
    }
    plan(store.engine === null ? 500 : SEED_RETRY_MS)
  }
  const plan = (delayMs: number): void => {
    if (stopped) return
    timer = setTimeout(() => {
      running = attempt()
    }, delayMs)
  }
  return {
    name: 'as-names',
    start: async () => plan(200),
    stop: async () => {
      stopped = true
      if (timer !== null) clearTimeout(timer)
      if (running !== null) await endsWithin(1_000, running)
    },
  }
}

function version(): string {
  const manifest: { version?: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return manifest.version ?? '0'
}
