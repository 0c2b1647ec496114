import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { AlreadyRunningError, claimDataDir } from './instance.ts'

const dir = mkdtempSync(join(tmpdir(), 'weir-instance-'))
afterAll(() => rmSync(dir, { recursive: true }))

describe('the data directory', () => {
  it('belongs to one collector at a time, and can be had again after it', () => {
    const release = claimDataDir(dir)
    expect(() => claimDataDir(dir)).toThrow(AlreadyRunningError)
    expect(() => claimDataDir(dir)).toThrow(new RegExp(`process ${process.pid}`))
    release()
    claimDataDir(dir)()
  })

  it.each(['999999999 1', `${process.pid} 1`, '', 'garbage', '0 0'])('is taken over from a process that is gone (%j)', (content) => {
    writeFileSync(join(dir, 'collector.pid'), content)
    claimDataDir(dir)()
  })
})
