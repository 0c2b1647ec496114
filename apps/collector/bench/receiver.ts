import { createPool } from '@weir/db/connection'
import { FlowBatch } from '@weir/db/ingest'
import { Decoder } from '@weir/decoder'
import { Account } from '../src/account.ts'
import { Book } from '../src/book.ts'
import { readConfig } from '../src/config.ts'
import { Enricher } from '../src/enrich/enrich.ts'
import { loadGeoData } from '../src/enrich/geo-data.ts'
import { Exporter, Exporters } from '../src/exporters.ts'
import { Ingest } from '../src/ingest.ts'
import { LatencyWindow } from '../src/latency.ts'
import { UdpListener } from '../src/listeners/udp.ts'
import { Reporter } from '../src/reporter.ts'
import { Sightings } from '../src/sightings.ts'
import { type Load, Store } from '../src/store.ts'

/**
 * node apps/collector/bench/receiver.ts PORT DATA_DIR
 *
 * The collector's own way from a datagram to an encoded, enriched row: its listener, inbox, decoder, enricher (country and AS from the
 * shipped tables, service port, house clock) and batch of binary COPY tuples. Only the ends are missing: an exporter needs no row in a
 * database, and a full batch is emptied instead of going to the spool. Prints what it counted when it is told to end.
 */
const [port = '', dataDir = ''] = process.argv.slice(2)
const config = readConfig({ WEIR_DATA_DIR: dataDir, DATABASE_URL: 'postgres://nowhere.invalid/none', WEIR_DETECT: 'off' })
const reporter = new Reporter({ level: 'error', metricsPort: null })
const pool = createPool({ connectionString: config.databaseUrl, applicationName: 'weir-bench', max: 1, onError: () => undefined })
const account = new Account()

class KnownExporters extends Exporters {
  readonly #known = new Map<string, Exporter>()
  override get(address: string): Exporter | undefined {
    return this.#known.get(address)
  }
  override admit(address: string): Exporter {
    const exporter = new Exporter(address, false)
    exporter.id = this.#known.size + 1
    this.#known.set(address, exporter)
    return exporter
  }
  override askAgain(): void {
    // Nobody to ask.
  }
}

class EncodeOnly extends Store {
  readonly #load: Load = {
    batch: new FlowBatch({ rows: config.batchRows, bytes: config.batchRows * 360 + 65_536 }),
    firstMs: 0,
    marks: [],
    owners: [],
  }
  rows = 0
  octets = 0
  override room(receivedMs: number): Load {
    if (this.#load.batch.rows === 0) this.#load.firstMs = receivedMs
    return this.#load
  }
  override took(): void {
    this.rows++
  }
  override seal(): void {
    this.octets += this.#load.batch.body().length
    this.#load.batch.reset()
  }
}

const store = new EncodeOnly(pool, config, account, new LatencyWindow(), reporter)
const enricher = new Enricher(await loadGeoData(dataDir, config.geoDir))
const ingest = new Ingest({
  newDecoder: () => new Decoder(),
  decoder: new Decoder(),
  enricher,
  exporters: new KnownExporters(pool, config, reporter),
  store,
  account,
  reporter,
  inboxBytes: config.inboxBytes,
  sightings: new Sightings(1 << 20),
})
const book = new Book()
const listener = new UdpListener(
  { name: 'netflow', key: 'PORT', port: Number(port), host: '127.0.0.1', receiveBufferBytes: config.receiveBufferBytes },
  reporter,
  book,
  (datagram, address, senderPort) => ingest.accept(datagram, address, senderPort, book),
)
await listener.start()
process.stdout.write('ready\n')
process.on('SIGTERM', () => {
  store.seal()
  process.stdout.write(
    `${JSON.stringify({ datagrams: account.processed, flows: store.rows, octets: store.octets, placed: enricher.placed / Math.max(1, enricher.lookups) })}\n`,
  )
  process.exit(0)
})
