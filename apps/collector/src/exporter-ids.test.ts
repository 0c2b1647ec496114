import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ExporterIds } from './exporter-ids.ts'
import { Reporter } from './reporter.ts'

const DATABASE = 'postgres://weir:secr@secret@db.example:5432/weir?sslpassword=hidden&sslmode=verify-full'
let dir = ''
let lines: string[] = []
const open = (url = DATABASE) =>
  new ExporterIds(dir, url, new Reporter({ level: 'info', metricsPort: null, destination: { write: (line) => void lines.push(line) } }))
const file = () => join(dir, 'exporters.json')

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'weir-ids-'))
  lines = []
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

describe('the ids of exporters', () => {
  it('are there again, for the database that gave them, and hold no secret', () => {
    const ids = open()
    ids.note('192.0.2.1', 7)
    ids.note('2001:db8::1', 8)
    ids.note('192.0.2.1', 9)
    ids.save()
    expect(readFileSync(file(), 'utf8')).not.toMatch(/secret|hidden/)
    const again = open(DATABASE.replace('secret', 'changed'))
    expect([again.get('192.0.2.1'), again.get('2001:db8::1'), again.get('192.0.2.2')]).toEqual([9, 8, undefined])
    expect(open(DATABASE.replace('5432/weir', '5432/other')).get('192.0.2.1')).toBeUndefined()
    expect(lines).toEqual([])
  })

  it.each([
    ['empty', ''],
    ['cut short', '{"database":"'],
    ['of another make', '{"ids":{"192.0.2.1":1}}'],
    ['with ids that are none', '{"database":"x","ids":[["192.0.2.1",-1]]}'],
    ['huge', 'x'.repeat(17 * 1024 * 1024)],
  ])('a file that is %s costs what it held, says so once, and is replaced', (_what, content) => {
    writeFileSync(file(), content)
    const ids = open()
    expect(ids.get('192.0.2.1')).toBeUndefined()
    expect(lines.filter((line) => line.includes('saved exporters'))).toHaveLength(1)
    ids.note('192.0.2.1', 3)
    ids.save()
    expect(open().get('192.0.2.1')).toBe(3)
  })

  it('that cannot be saved are saved the next time', () => {
    const ids = open()
    ids.note('192.0.2.1', 3)
    rmSync(dir, { recursive: true })
    ids.save()
    expect(lines.some((line) => line.includes('could not be saved'))).toBe(true)
    mkdirSync(dir)
    ids.save()
    expect(open().get('192.0.2.1')).toBe(3)
  })
})
