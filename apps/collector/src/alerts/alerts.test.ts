import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { AlertBook, type Rule } from './book.ts'
import { type Facts, RULES } from './rules.ts'

const NOW = 1_790_000_000_000

/** A collector that is well. */
function well(): Facts {
  return {
    nowMs: NOW,
    upMs: 3_600_000,
    database: { downSinceMs: null, reason: '', sqlstate: null, slowestWriteMs: 40, roundTripMs: 2 },
    spool: { refusing: null, refusingSinceMs: null, share: 0, flows: 0, holdsMinutes: 90, ioErrors: 0, tailDiscarded: 0 },
    lagSeconds: 0.4,
    queue: { share: 0.01, name: 'spool' },
    received: 10_000,
    kernelDrops: [{ port: 2055, drops: 0 }],
    unreadable: 0,
    malformedSets: 0,
    badReasons: [],
    worstSender: null,
    badShareOfDay: 0,
    exporters: [
      {
        address: '192.0.2.1',
        skewSeconds: -0.5,
        datagrams: 900,
        duplicates: 0,
        malformed: 0,
        limited: 0,
        templatesLost: 0,
        contested: false,
      },
    ],
    silent: [],
    gap: { sum: 0, parts: '' },
    quarantined: { rows: 0, frames: 0 },
    templatesLost: null,
    webGoneMs: null,
    tlsRefused: [],
    replayed: 0,
  }
}

const exporter = (more: Partial<Facts['exporters'][number]>): Partial<Facts> => ({
  exporters: well().exporters.map((one) => ({ ...one, ...more })),
})

/** Each alert with the facts that must raise it, and how it is classed. */
const FAULTS: [name: string, severity: string, facts: Partial<Facts>][] = [
  ['db_unreachable', 'page', { database: { ...well().database, downSinceMs: NOW - 9_000, reason: 'ECONNREFUSED' } }],
  ['db_slow', 'warn', { database: { ...well().database, slowestWriteMs: 2_400 } }],
  ['db_slow', 'warn', { database: { ...well().database, roundTripMs: 500 } }],
  ['db_no_space', 'page', { database: { ...well().database, downSinceMs: NOW, reason: 'no space', sqlstate: '53100' } }],
  ['spool_full', 'page', { spool: { ...well().spool, refusing: 'spool_full', refusingSinceMs: NOW - 4_000 } }],
  ['spool_io_error', 'page', { spool: { ...well().spool, refusing: 'spool_io_error' } }],
  ['spool_tail_discarded', 'ticket', { spool: { ...well().spool, tailDiscarded: 77 }, upMs: 10_000 }],
  ['templates_lost', 'warn', { templatesLost: 'not JSON' }],
  ['kernel_drops', 'warn', { kernelDrops: [{ port: 2055, drops: 50 }] }],
  ['kernel_drops', 'page', { kernelDrops: [{ port: 2055, drops: 500 }] }],
  ['exporter_clock_skew', 'warn', exporter({ skewSeconds: -3_600 })],
  ['duplicate_exporter', 'warn', exporter({ duplicates: 300 })],
  ['malformed', 'warn', { unreadable: 900, badReasons: [['too-short', 900]], worstSender: '198.51.100.9' }],
  ['malformed', 'ticket', { badShareOfDay: 0.002 }],
  ['template_pressure', 'warn', exporter({ templatesLost: 3 })],
  ['template_contested', 'page', exporter({ contested: true })],
  ['output_limit', 'warn', exporter({ limited: 1 })],
  ['tls_refused', 'warn', { tlsRefused: [{ reason: 'handshake', count: 4 }] }],
  ['quarantined', 'ticket', { quarantined: { rows: 1, frames: 0 } }],
  ['frame_isolated', 'ticket', { quarantined: { rows: 0, frames: 30 } }],
  ['web_down', 'page', { webGoneMs: NOW - 6_000 }],
  ['exporter_silent', 'page', { silent: [{ address: '192.0.2.9', name: 'edge', seconds: 360 }] }],
  ['ingest_lag', 'warn', { lagSeconds: 9 }],
  ['ingest_lag', 'page', { lagSeconds: 61 }],
  ['queue', 'warn', { queue: { share: 0.2, name: 'spool' } }],
  ['queue', 'page', { queue: { share: 0.8, name: 'inbox' } }],
  ['accounting_gap', 'page', { gap: { sum: 1, parts: 'flows 1' } }],
]

describe('the named alerts', () => {
  it.each(FAULTS)('%s is raised as %s within 30 s, alone, and gone within 60 s', (name, severity, fault) => {
    const book = new AlertBook(RULES)
    for (let second = 0; second <= 30; second++) book.evaluate({ ...well(), ...fault }, NOW + second * 1_000)
    expect(book.active.map((alert) => [alert.name, alert.severity])).toEqual([[name, severity]])
    const [alert] = book.active
    expect(alert?.sentence).toMatch(/^\S.{40,}[.]$/)
    expect(alert?.counter).toMatch(/^weir_/)
    for (let second = 31; second <= 90; second++) book.evaluate(well(), NOW + second * 1_000)
    expect(book.active).toEqual([])
  })

  it('say nothing of a collector that is well', () => {
    const book = new AlertBook(RULES)
    for (let second = 0; second < 1_800; second++) book.evaluate(well(), NOW + second * 1_000)
    expect(book.raised).toBe(0)
  })

  it('lasting trouble with what cannot be read becomes a page after five minutes', () => {
    const book = new AlertBook(RULES)
    const fault = { ...well(), unreadable: 900, badReasons: [], worstSender: '198.51.100.9' }
    for (let second = 0; second <= 299; second++) book.evaluate(fault, NOW + second * 1_000)
    expect(book.active.map(({ name }) => name)).toEqual(['malformed'])
    book.evaluate(fault, NOW + 300_000)
    expect(book.active.map(({ name }) => name)).toEqual(['malformed_lasting', 'malformed'])
  })

  it('an alert keeps its beginning, takes the latest figures, and a blink before its time is none', () => {
    const rule: Rule<number> = {
      name: 'test',
      counter: 'weir_test',
      afterMs: 3_000,
      clearMs: 5_000,
      look: (n) => (n > 0 ? [{ subject: '', severity: n > 5 ? 'page' : 'warn', value: n, sentence: `It is ${n}.` }] : []),
    }
    const book = new AlertBook([rule])
    for (const [second, n] of [1, 1, 0, 1, 1, 1, 1, 7].entries()) book.evaluate(n, NOW + second * 1_000)
    expect(book.active).toMatchObject([{ name: 'test', severity: 'page', value: 7, since: new Date(NOW + 6_000).toISOString() }])
    for (let second = 8; second < 12; second++) expect(book.evaluate(0, NOW + second * 1_000).cleared).toEqual([])
    expect(book.evaluate(0, NOW + 12_000).cleared).toHaveLength(1)
    expect(book.raised).toBe(1)
  })

  it('does not grow with ever more exporters', () => {
    const book = new AlertBook(RULES)
    const many = Array.from({ length: 1_000 }, (_, i) => ({ address: `10.0.${i >> 8}.${i & 255}`, name: null, seconds: 400 }))
    book.evaluate({ ...well(), silent: many }, NOW)
    expect(book.active).toHaveLength(16)
    expect(book.active.map(({ sentence }) => sentence).join(' ')).toContain('984 more')
  })

  it('each has its line in the runbook', () => {
    const runbook = readFileSync(new URL('../../../../docs/troubleshooting.md', import.meta.url), 'utf8')
    for (const { name } of RULES) expect(runbook).toContain(`\n### ${name}\n`)
  })
})
