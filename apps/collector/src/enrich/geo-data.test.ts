import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addressOctets } from '../config.ts'
import { countryCode, countryValue } from './country.ts'
import { type GeoData, loadGeoData, parseCache } from './geo-data.ts'

let dir: string
let geo: GeoData
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'weir-geo-'))
  geo = await loadGeoData(dir, null)
}, 60_000)
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function look(address: string): [country: string, as: number] {
  const octets = addressOctets(address)
  if (octets === null) throw new Error(`${address} is no address`)
  const view = new DataView(octets.buffer)
  const high = view.getUint32(0)
  if (octets.length === 4) return [countryCode(geo.country4.lookup(high)), geo.as4.lookup(high)]
  return [countryCode(geo.country6.lookup(high, view.getUint32(4))), geo.as6.lookup(high, view.getUint32(4))]
}

describe('the bundled geo and AS data', () => {
  it.each([
    ['8.8.8.8', 'US', 15169],
    ['80.130.2.2', 'DE', 3320],
    ['193.0.6.139', 'NL', 3333],
    ['2a00:1450:4001:82b::200e', 'DE', 15169],
  ])('%s lies in %s, AS %d', (address, country, as) => {
    expect(look(address)).toEqual([country, as])
  })

  it.each([
    '10.0.0.1',
    '192.168.1.1',
    '172.31.255.255',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.1.1',
    '192.0.2.1',
    '224.0.0.5',
    '255.255.255.255',
    '::1',
    'fe80::1',
    'fd00::1',
    '2001:db8::1',
    'ff02::1',
  ])('%s lies nowhere', (address) => {
    expect(look(address)).toEqual(['', 0])
  })

  it('says how old it is and whom to thank', () => {
    expect(geo.source).toEqual({
      edition: expect.stringMatching(/^20\d\d-\d\d$/),
      attribution: 'IP Geolocation by DB-IP',
      url: 'https://db-ip.com',
    })
  })

  it('names the autonomous systems, each once', () => {
    const names = new Map<number, string>()
    let rows = 0
    for (const [asn, name] of geo.asNames()) {
      names.set(asn, name)
      rows++
    }
    expect(names.get(13335)).toBe('Cloudflare, Inc.')
    expect(names.size).toBe(rows)
    expect(rows).toBeGreaterThan(50_000)
  })

  it('comes from the cache the second time, and a damaged cache is rebuilt', async () => {
    const cacheDir = join(dir, 'geo-cache')
    const name = readdirSync(cacheDir)[0] ?? ''
    const whole = readFileSync(join(cacheDir, name))
    const key = name.replace('.bin', '')
    expect(parseCache(whole, key)).not.toBeNull()
    expect(parseCache(whole, 'another')).toBeNull()
    expect(parseCache(whole.subarray(0, whole.length - 4), key)).toBeNull()
    expect(parseCache(Buffer.alloc(0), key)).toBeNull()
    const start = performance.now()
    await loadGeoData(dir, null)
    expect(performance.now() - start).toBeLessThan(1_000)
    writeFileSync(join(cacheDir, name), whole.subarray(0, 1000))
    const rebuilt = await loadGeoData(dir, null)
    expect(rebuilt.country4.starts.length).toBe(geo.country4.starts.length)
    expect(readFileSync(join(cacheDir, name)).equals(whole)).toBe(true)
  }, 60_000)

  it('refuses a directory without data, saying what to put there', async () => {
    await expect(loadGeoData(dir, dir)).rejects.toThrow(/holds no .mmdb file/)
  })

  it('refuses a file that is no MMDB, naming it', async () => {
    const own = mkdtempSync(join(tmpdir(), 'weir-geo-own-'))
    writeFileSync(join(own, 'broken.mmdb'), 'not a database')
    await expect(loadGeoData(dir, own)).rejects.toThrow(/broken\.mmdb is not a MaxMind DB file/)
    rmSync(own, { recursive: true })
  })
})

describe('country values', () => {
  it('are the codes and back', () => {
    for (const code of ['AA', 'DE', 'US', 'ZZ']) expect(countryCode(countryValue(code))).toBe(code)
    expect(countryValue('')).toBe(0)
    expect(countryValue('de')).toBe(0)
    expect(countryCode(0)).toBe('')
  })
})
