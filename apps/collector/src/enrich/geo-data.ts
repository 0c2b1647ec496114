import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asNames, type Files, type GeoSource, type GeoTables, locate } from './geo-build.ts'
import { GeoDataError } from './mmdb-ranges.ts'
import { Table4, Table6 } from './range-table.ts'

/** Countries and autonomous systems of the address space, ready for look-ups. */
export interface GeoData extends GeoTables {
  /** Number and holder of every autonomous system, each once; read from the data files when iterated. */
  asNames(): Iterable<readonly [asn: number, name: string]>
}

/** The tables as plain arrays: what a file can hold. */
export interface PackedTables {
  source: GeoSource
  asEdition: string
  arrays: Uint32Array<ArrayBuffer>[]
}

const CACHE_MAGIC = 'WEIRGEO1'
const ARRAYS = 10

/**
 * Load the geo and AS data: the bundled packages, or what `geoDir` holds in their place (MMDB files with a country, such as GeoLite2-City
 * or DB-IP; and with an AS number, such as GeoLite2-ASN).
 *
 * The first load reads 33 MB of CSV and 134 MB of MMDB: 4.6 s and 490 MB of memory when measured, so a process of its own does it; a thread
 * left 100 MB behind. There is a cache of 13 MB afterwards in `<dataDir>/geo-cache` that later starts read in 6–16 ms. A cache that does not match the
 * files or is damaged is rebuilt. Rejects with GeoDataError when a file is missing or unusable.
 */
export async function loadGeoData(dataDir: string, geoDir: string | null): Promise<GeoData> {
  const files = locate(geoDir)
  const key = cacheKey(files)
  const path = join(dataDir, 'geo-cache', `${key}.bin`)
  let packed = readCache(path, key)
  if (packed === null) {
    const file = await buildInProcess(files, key)
    packed = parseCache(file, key)
    if (packed === null) throw new Error('the process that reads the geo data gave no tables')
    try {
      writeCache(join(dataDir, 'geo-cache'), path, file)
    } catch {
      // Without a cache the next start takes some seconds longer; a full disk must not keep flows from being collected.
    }
  }
  return { ...unpack(packed), asNames: () => asNames(files) }
}

const MOST_OCTETS = 256 * 1024 * 1024

function buildInProcess(files: Files, key: string): Promise<Buffer> {
  const script = fileURLToPath(new URL('./geo-process.ts', import.meta.url))
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [script, JSON.stringify({ files, key })],
      { encoding: 'buffer', maxBuffer: MOST_OCTETS },
      (error, file, said) => {
        if (error === null) resolve(file)
        else if (error.code === 2) reject(new GeoDataError(said.toString()))
        else reject(new Error(`the process that reads the geo data failed: ${said.toString().trim() || error.message}`))
      },
    )
  })
}

function cacheKey(files: Files): string {
  const hash = createHash('sha256').update(CACHE_MAGIC)
  for (const path of [files.city4, files.city6, files.asCsv4, files.asCsv6, ...files.extra]) {
    const { size, mtimeMs } = statSync(path)
    hash.update(`${path}\0${size}\0${mtimeMs}\0`)
  }
  return hash.digest('hex').slice(0, 24)
}

/** The inverse of `unpack`. */
export function pack(tables: GeoTables): PackedTables {
  const { source, asEdition, country4, country6, as4, as6 } = tables
  const columns = [
    country4.starts,
    country4.values,
    country6.high,
    country6.low,
    country6.values,
    as4.starts,
    as4.values,
    as6.high,
    as6.low,
    as6.values,
  ]
  return { source, asEdition, arrays: columns.map((column) => Uint32Array.from(column)) }
}

function unpack({ source, asEdition, arrays }: PackedTables): GeoTables {
  const at = (index: number): Uint32Array => arrays[index] ?? new Uint32Array(0)
  return {
    source,
    asEdition,
    country4: new Table4(at(0), at(1)),
    country6: new Table6(at(2), at(3), at(4)),
    as4: new Table4(at(5), at(6)),
    as6: new Table6(at(7), at(8), at(9)),
  }
}

// Cache file: 8 octets magic, 4 octets length of the header (little endian), header (JSON, padded with spaces so that what follows begins
// at a multiple of 8 octets), then the arrays as 32-bit words of this machine in the order of `pack`.

/** The content of a cache file. */
export function cacheFile({ source, asEdition, arrays }: PackedTables, key: string): Buffer {
  const header = JSON.stringify({ key, source, asEdition, lengths: arrays.map((array) => array.length) })
  const headerLength = Math.ceil((12 + Buffer.byteLength(header)) / 8) * 8 - 12
  const head = Buffer.alloc(12 + headerLength, ' ')
  head.write(CACHE_MAGIC, 0, 'latin1')
  head.writeUInt32LE(headerLength, 8)
  head.write(header, 12)
  return Buffer.concat([head, ...arrays.map((array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength))])
}

function writeCache(dir: string, path: string, file: Buffer): void {
  mkdirSync(dir, { recursive: true })
  for (const old of readdirSync(dir)) rmSync(join(dir, old), { force: true })
  const temporary = `${path}.${process.pid}`
  writeFileSync(temporary, file)
  renameSync(temporary, path)
}

function readCache(path: string, key: string): PackedTables | null {
  try {
    return parseCache(readFileSync(path), key)
  } catch {
    // Absent, unreadable or not JSON where JSON should be: all mean "build it again".
    return null
  }
}

/** Exported for its tests: null for anything but an undamaged cache of this key. May throw a SyntaxError or RangeError on a damaged one. */
export function parseCache(file: Buffer, key: string): PackedTables | null {
  if (file.length < 12 || file.toString('latin1', 0, 8) !== CACHE_MAGIC) return null
  const headerLength = file.readUInt32LE(8)
  const header: { key?: unknown; source?: GeoSource; asEdition?: string; lengths?: unknown } = JSON.parse(
    file.toString('utf8', 12, 12 + headerLength),
  )
  const { source, asEdition, lengths } = header
  if (header.key !== key || source === undefined || asEdition === undefined) return null
  if (!Array.isArray(lengths) || lengths.length !== ARRAYS) return null
  if (!lengths.every((n: unknown): n is number => typeof n === 'number' && Number.isInteger(n) && n >= 0)) return null
  let at = 12 + headerLength
  if (file.length !== at + 4 * lengths.reduce((sum, n) => sum + n, 0)) return null
  const arrays = lengths.map((length) => {
    const array = new Uint32Array(length)
    Buffer.from(array.buffer).set(file.subarray(at, at + 4 * length))
    at += 4 * length
    return array
  })
  return { source, asEdition, arrays }
}
