import { execFileSync, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { closest } from '../../scripts/closest.ts'
import { backoff } from '../../scripts/up/child.ts'
import { takeDataDir } from '../../scripts/up/instance.ts'
import { holderOf, inodesOf, probe } from '../../scripts/up/ports.ts'
import { databaseProblem, Problem, withoutPassword } from '../../scripts/up/problem.ts'
import { readable } from '../../scripts/up/say.ts'
import { readSettings } from '../../scripts/up/settings.ts'
import { ROOT } from '../support/program.ts'

const weir = (...args: string[]) => spawnSync(path.join(ROOT, 'bin/weir'), args, { encoding: 'utf8' })

describe('bin/weir', () => {
  it('suggests the command that was meant', () => {
    const { status, stderr } = weir('tokn')
    expect(status).toBe(2)
    expect(stderr).toMatch(/Did you mean 'token'/)
  })

  it('lists only commands that are there, each with a run(args)', async () => {
    const { status, stdout } = weir('help')
    expect(status).toBe(0)
    const names = [...stdout.matchAll(/^ {2}([a-z]+)(?: |$)/gm)].map(([, name]) => name ?? '').filter((name) => name !== 'bin')
    expect(names.length).toBeGreaterThan(2)
    for (const name of names) {
      const file = ['apps/collector/src/cli', 'scripts/cli'].map((room) => path.join(ROOT, room, `${name}.ts`)).find((at) => existsSync(at))
      expect(file, name).toBeDefined()
      expect(await import(file ?? ''), name).toHaveProperty('run', expect.any(Function))
    }
  })

  it('works through a symbolic link and from another directory', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'weir-link-'))
    execFileSync('ln', ['-s', path.join(ROOT, 'bin/weir'), path.join(folder, 'w')])
    expect(spawnSync(path.join(folder, 'w'), ['version'], { cwd: folder, encoding: 'utf8' }).stdout).toMatch(
      /^weir \d+\.\d+\.\d+ \(Node 24\./,
    )
  })

  it('ends quietly when its reader goes away', () => {
    const { status, stdout, stderr } = spawnSync('bash', ['-c', 'set -o pipefail; bin/weir help | head -1'], {
      cwd: ROOT,
      encoding: 'utf8',
    })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/Weir/)
  })
})

describe('settings of npm start', () => {
  it.each([
    [{ WEIR_NETFLOW_PORT: '99999' }, /WEIR_NETFLOW_PORT/],
    [{ WEIR_HTTP_PORT: 'web' }, /WEIR_HTTP_PORT/],
    [{ WEIR_HTTP_PORT: 'off' }, /WEIR_HTTP_PORT/],
    [{ WEIR_NETFLOW_PORT: '6343' }, /WEIR_NETFLOW_PORT and WEIR_SFLOW_PORT both name port 6343/],
    [{ DATABASE_URL: 'mysql://x' }, /DATABASE_URL/],
  ])('refuses %j naming the key and a remedy', (env, message) => {
    try {
      readSettings(env, '/somewhere')
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(Problem)
      expect((error as Problem).message).toMatch(message)
      expect((error as Problem).remedy).not.toBe('')
    }
  })

  it('takes the defaults of the documentation, and "off" for a listener', () => {
    const { ports, databaseUrl, dataDir } = readSettings({ WEIR_SFLOW_PORT: 'off' }, '/somewhere')
    expect(ports).toEqual({ http: 3000, netflow: 2055, ipfix: 4739, sflow: null, metrics: 9464 })
    expect({ databaseUrl, dataDir }).toEqual({ databaseUrl: null, dataDir: '/somewhere/.weir' })
  })
})

describe('a taken port', () => {
  it('is noticed, and its holder found', async () => {
    const socket = createSocket('udp4')
    const port = await new Promise<number>((resolve) =>
      socket.bind({ port: 0, address: '127.0.0.1' }, () => resolve(socket.address().port)),
    )
    try {
      expect(await probe('udp', port, '0.0.0.0')).toBe('EADDRINUSE')
      expect(holderOf('udp', port)?.pid).toBe(process.pid)
    } finally {
      socket.close()
    }
    expect(await probe('udp', port, '0.0.0.0')).toBeNull()
  })

  it('counts for TCP only when something listens there', () => {
    const table = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      '   0: 00000000:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0',
      '   1: 0100007F:0BB8 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 100 0 0 10 0',
    ].join('\n')
    expect(inodesOf(table, 'tcp', 3000)).toEqual(['4711'])
    expect(inodesOf(table, 'tcp', 3001)).toEqual([])
  })
})

describe('the data directory', () => {
  it('belongs to one start at a time, and a dead one does not keep it', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'weir-data-'))
    const release = takeDataDir(folder)
    expect(() => takeDataDir(folder)).toThrow(/already runs/)
    release()
    takeDataDir(folder)()
  })
})

describe('messages', () => {
  it('never show a password', () => {
    expect(withoutPassword('postgres://u:secret@h/d?password=other')).not.toMatch(/secret|other/)
    const problem = databaseProblem(Object.assign(new Error('no'), { code: '28P01' }), 'postgres://u:secret@h/d')
    expect(problem.message).not.toMatch(/secret/)
    expect(problem.message).toMatch(/user or password/)
    expect(problem.remedy).toMatch(/DATABASE_URL/)
  })

  it('take the remedy of an error that brings its own', () => {
    expect(databaseProblem(Object.assign(new Error('what'), { remedy: 'do this' }), null)).toMatchObject({
      message: 'what',
      remedy: 'do this',
    })
  })

  it('show the text of a log line without control characters', () => {
    expect(readable('{"level":50,"msg":"a\\u001b[31mb","err":{"message":"why"},"remedy":"do"}')).toEqual({
      level: 50,
      text: 'ab: why → do',
    })
    expect(readable('{"level":"warn","msg":"w"}')).toEqual({ level: 40, text: 'w' })
    expect(readable('plain')).toEqual({ level: 30, text: 'plain' })
  })
})

describe('restarts', () => {
  it('wait longer after each crash, and never longer than half a minute', () => {
    expect([1, 2, 3, 4].map(backoff)).toEqual([500, 1000, 2000, 4000])
    expect(backoff(100)).toBe(30_000)
  })
})

describe('suggestions', () => {
  it('forgive a slip and do not guess wildly', () => {
    expect(closest('decdoe', ['decode', 'replay'])).toBe('decode')
    expect(closest('dec', ['decode', 'replay'])).toBe('decode')
    expect(closest('xyz', ['decode', 'replay'])).toBeNull()
  })
})
