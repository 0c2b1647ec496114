import { execFileSync } from 'node:child_process'
import type { AuditEntry } from '@weir/db/contracts'
import { describe, expect, it } from 'vitest'
import { hasWords, sentence } from '../../apps/web/components/audit/words.ts'
import { ROOT } from '../support/program.ts'

/** Every event that the code can record, by its name in the sources: 'thing.verb' beside `event:`, and the names of changes by route. */
function recorded(): string[] {
  const files = execFileSync('git', ['ls-files', 'packages/db/src', 'apps/web/server', 'apps/web/app', 'apps/collector/src'], { cwd: ROOT })
    .toString()
    .split('\n')
    .filter((file) => /\.tsx?$/.test(file) && !/\.test\.ts$|\/testing?\//.test(file))
  const text = execFileSync('cat', files, { cwd: ROOT, maxBuffer: 64e6 }).toString()
  const names = [...text.matchAll(/\bevent: (?:[^'\n]*\? )?'([a-z-]+\.[a-z-]+)'(?: : '([a-z-]+\.[a-z-]+)')?/g)].flatMap(
    ([, one, other]) => [one, other],
  )
  // Written to try the log, and rolled back each time: nobody ever reads it.
  return [...new Set(names)]
    .filter((name) => name !== undefined)
    .filter((name) => name !== 'audit.probe')
    .sort()
}

const entry = (over: Partial<AuditEntry>): AuditEntry => ({
  seq: 1,
  at: '2026-11-21T00:00:00.000Z',
  actor: 'person:u1',
  actorRole: 'operator',
  approver: null,
  session: null,
  event: 'block.request',
  phase: 'outcome',
  subject: 'block:blk-1',
  reason: null,
  before: null,
  after: null,
  prevHash: '',
  hash: '',
  ...over,
})

describe('the audit page', () => {
  it('has words for every event that can be recorded', () => {
    const events = recorded()
    expect(events.length).toBeGreaterThan(30)
    expect(events.filter((event) => !hasWords(event))).toEqual([])
  })

  it('tells what is about to be done from what was done', () => {
    const said = (over: Partial<AuditEntry>) => {
      const { verb, object } = sentence(entry(over), {})
      return `${verb} ${object}`
    }
    expect(said({})).toBe('asked for block blk-1')
    expect(said({ event: 'block.apply', phase: 'intent' })).toBe('is about to put on the devices: block blk-1')
    expect(said({ event: 'block.apply' })).toBe('put on the devices: block blk-1')
    expect(said({ event: 'nobody.knows' })).toBe('recorded “nobody.knows” for block blk-1')
  })
})
