import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createAuditKeeper } from '@weir/db/commands'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const NAMESPACE = `weir-glass-${process.pid}`
const can = process.getuid?.() === 0 && spawnSync('ip', ['netns', 'add', NAMESPACE]).status === 0 && spawnSync('nft', ['-v']).status === 0
const nft = (...words: string[]) => spawnSync('ip', ['netns', 'exec', NAMESPACE, 'nft', ...words], { encoding: 'utf8' })

describe.skipIf(!can)('breaking the glass', () => {
  let database: TestDatabase
  let dataDir: string
  beforeAll(async () => {
    database = await createTestDatabase('postgres')
    dataDir = mkdtempSync(path.join(tmpdir(), 'weir-glass-'))
    await database.pool.query(`insert into device (id, name, dialect, transport, config) values ('lab', 'Lab', 'nftables', 'local', $1)`, [
      JSON.stringify({ netns: NAMESPACE }),
    ])
    await database.pool.query(`insert into block (id, state, intent, sentence, hash, verdict, requester, requester_role, requested_at, requester_step_up_at)
      values ('blk-1', 'enforced', '{}', 'Drop everything from 198.51.100.7', repeat('a', 64), '{}', 'person:op', 'oncall', now(), now())`)
    await database.pool.query(
      `insert into block_device (block_id, device_id, slot, state, apply, undo, hash) values ('blk-1', 'lab', 1, 'applied', '', $1, '')`,
      ['delete chain inet weir lab\n'],
    )
  })
  afterAll(async () => {
    await database?.drop()
    rmSync(dataDir, { recursive: true, force: true })
    spawnSync('ip', ['netns', 'del', NAMESPACE])
  })
  const weir = (...args: string[]) =>
    new Promise<{ code: number | null; output: string }>((resolve) => {
      const child = spawn(process.execPath, ['scripts/weir.ts', 'break-glass', ...args], {
        env: { ...process.env, DATABASE_URL: database.url, WEIR_DATA_DIR: dataDir },
      })
      let output = ''
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (piece) => {
          output += piece
        })
      }
      child.on('close', (code) => resolve({ code, output }))
    })

  it('ends a block only while the audit log takes no entries, is on the disk first, and is in the log when it takes them again', async () => {
    nft('add', 'table', 'inet', 'weir')
    nft('add', 'chain', 'inet', 'weir', 'lab')
    expect(await weir('end', 'blk-1', '--reason', 'it hits us')).toMatchObject({
      code: 1,
      output: expect.stringContaining('takes entries'),
    })
    expect(await weir('end', 'blk-1')).toMatchObject({ code: 2 })
    expect((await weir('list')).output).toContain('blk-1\tenforced\tDrop everything from 198.51.100.7')
    await database.pool.query(`create function refuse_audit() returns trigger language plpgsql as $$ begin raise 'no space'; end $$;
      create trigger refuse_audit before insert on audit_entry for each row execute function refuse_audit()`)
    expect(await weir('end', 'none', '--reason', 'x')).toMatchObject({ code: 1, output: expect.stringContaining('There is no block none') })
    expect(await weir('end', 'blk-1', '--reason', 'it hits us')).toMatchObject({ code: 0, output: expect.stringContaining('lab: gone') })
    expect(nft('list', 'table', 'inet', 'weir').stdout).not.toContain('chain lab')
    const lines = readFileSync(path.join(dataDir, 'break-glass.jsonl'), 'utf8').trimEnd().split('\n')
    expect(lines).toHaveLength(2)
    const { rows } = await database.pool.query('select state, end_state, end_reason from block')
    expect(rows, 'nobody puts it back').toEqual([{ state: 'withdrawing', end_state: 'withdrawn', end_reason: 'it hits us' }])

    await database.pool.query('drop trigger refuse_audit on audit_entry; drop function refuse_audit')
    const keeper = createAuditKeeper(database.pool, dataDir, () => undefined)
    keeper.start()
    await keeper.close()
    const entries = await database.pool.query('select event, phase, subject, reason from audit_entry order by seq')
    expect(entries.rows).toEqual([
      { event: 'break-glass.end', phase: 'intent', subject: 'block:blk-1', reason: 'it hits us' },
      { event: 'break-glass.end', phase: 'outcome', subject: 'block:blk-1', reason: 'it hits us' },
    ])
    expect(keeper.checks()).toMatchObject([{ name: 'audit', state: 'ok' }])
  }, 60_000)
})
