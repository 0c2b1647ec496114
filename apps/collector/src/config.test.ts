import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { addressOctets, ConfigError, contains, parsePrefix, readConfig } from './config.ts'

const dir = mkdtempSync(join(tmpdir(), 'weir-config-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const base = { WEIR_DATA_DIR: dir, DATABASE_URL: 'postgres://u@127.0.0.1/weir' }

describe('settings', () => {
  it('have defaults for all but the database', () => {
    const config = readConfig(base)
    expect([config.netflowPort, config.ipfixPort, config.sflowPort, config.metricsPort]).toEqual([2055, 4739, 6343, 9464])
    expect(config.listenHost).toBe('0.0.0.0')
    expect(config.demoNetwork).toBeNull()
    expect(config.tls).toBeNull()
  })

  it.each([
    ['WEIR_NETFLOW_PORT', '70000'],
    ['WEIR_NETFLOW_PORT', '-1'],
    ['WEIR_IPFIX_PORT', '2055'],
    ['WEIR_SFLOW_PORT', 'x'],
    ['WEIR_LISTEN_HOST', 'localhost'],
    ['WEIR_LOG_LEVEL', 'loud'],
    ['WEIR_DEMO_NETWORK', '127.66.0.0'],
    ['WEIR_GEO_DIR', join(dir, 'absent')],
    ['WEIR_TLS_KEY', join(dir, 'absent')],
    ['WEIR_FLUSH_MS', '5000'],
    ['WEIR_QUEUE_MIB', '0'],
    ['DATABASE_URL', 'mysql://x'],
    ['WEIR_DATA_DIR', '/dev/null/weir'],
  ])('fail at start with the key and a remedy: %s=%s', (key, value) => {
    let error: unknown
    try {
      readConfig({ ...base, [key]: value })
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(ConfigError)
    if (!(error instanceof ConfigError)) return
    expect([key, 'WEIR_TLS_CERT', 'WEIR_SFLOW_PORT']).toContain(error.key)
    expect(error.remedy.length).toBeGreaterThan(10)
  })

  it('take the embedded database of the data directory when no URL is set', () => {
    const own = mkdtempSync(join(tmpdir(), 'weir-config-'))
    expect(() => readConfig({ WEIR_DATA_DIR: own })).toThrow(/DATABASE_URL: not set.*npm start/)
    writeFileSync(join(own, 'database-url'), 'postgres://weir@127.0.0.1:5555/weir\n')
    expect(readConfig({ WEIR_DATA_DIR: own }).databaseUrl).toBe('postgres://weir@127.0.0.1:5555/weir')
    rmSync(own, { recursive: true })
  })

  it('switch listeners off one by one, but not all', () => {
    expect(readConfig({ ...base, WEIR_SFLOW_PORT: 'off' }).sflowPort).toBeNull()
    expect(() => readConfig({ ...base, WEIR_NETFLOW_PORT: 'off', WEIR_IPFIX_PORT: 'off', WEIR_SFLOW_PORT: 'off' })).toThrow(/at least one/)
  })
})

describe('addresses and prefixes', () => {
  it('are read in every spelling', () => {
    expect(addressOctets('127.66.1.1')).toEqual(Uint8Array.of(127, 66, 1, 1))
    expect([...(addressOctets('::ffff:192.0.2.1') ?? [])].slice(10)).toEqual([255, 255, 192, 0, 2, 1])
    expect([...(addressOctets('2001:db8::1%eth0') ?? [])]).toEqual([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    expect(addressOctets('::')).toEqual(new Uint8Array(16))
    expect(addressOctets('1.2.3')).toBeNull()
  })

  it('contain what they should, to the bit', () => {
    const inside = (prefix: string, address: string) => {
      const parsed = parsePrefix(prefix)
      const octets = addressOctets(address)
      if (parsed === null || octets === null) throw new Error('bad example')
      return contains(parsed, octets)
    }
    expect(inside('127.66.0.0/16', '127.66.255.1')).toBe(true)
    expect(inside('127.66.0.0/16', '127.67.0.1')).toBe(false)
    expect(inside('10.0.0.128/25', '10.0.0.127')).toBe(false)
    expect(inside('10.0.0.128/25', '10.0.0.128')).toBe(true)
    expect(inside('0.0.0.0/0', '255.255.255.255')).toBe(true)
    expect(inside('0.0.0.0/0', '::1')).toBe(false)
    expect(inside('2001:db8::/33', '2001:db8:8000::')).toBe(false)
    expect(parsePrefix('10.0.0.0/33')).toBeNull()
    expect(parsePrefix('ten/8')).toBeNull()
  })
})
