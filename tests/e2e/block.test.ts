import { writeFileSync } from 'node:fs'
import path from 'node:path'
import {
  approveBlock,
  decideAnomaly,
  exportLines,
  requestBlock,
  saveDevice,
  simulateBlock,
  verifyExport,
  verifyStored,
} from '@weir/db/commands'
import { createPool, type Pool } from '@weir/db/connection'
import { type AuditActor, type BlockState, SimulateBody } from '@weir/db/contracts'
import { startEmbedded } from '@weir/db/embedded'
import { migrate } from '@weir/db/migrate'
import { block } from '@weir/db/queries'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newFolder } from '../support/folder.ts'
import { freePorts } from '../support/ports.ts'
import { Program } from '../support/program.ts'
import { sleep, until } from '../support/wait.ts'
import { ATTACKERS, buildLab, CUSTOMER, type Lab, labMissing, seenBy, sender, sink, VICTIM } from './lab.ts'

const missing = labMissing()
const OPERATOR: AuditActor = { kind: 'person', id: 'olga', role: 'operator', session: 's1' }
const ONCALL: AuditActor = { kind: 'person', id: 'nils', role: 'oncall', session: 's2' }
const ADMIN: AuditActor = { kind: 'person', id: 'ada', role: 'admin', session: 's3' }
const steppedUp = (actor: AuditActor) => ({ actor, stepUpAt: new Date(Date.now() - 1_000) })

describe.skipIf(missing !== null)(`a flood, from the first packet to the audit${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let lab: Lab
  let pool: Pool
  let collector: Program
  let environment: NodeJS.ProcessEnv
  let stop = () => Promise.resolve()

  const startCollector = async (metrics: string) => {
    collector = new Program(process.execPath, ['apps/collector/src/main.ts'], { env: environment })
    await until(
      'the collector',
      async () => {
        if (collector.ended !== null) throw new Error(`it ended (${collector.ended}):\n${collector.output}`)
        return (await fetch(`http://127.0.0.1:${metrics}/metrics`)).ok
      },
      90_000,
    )
  }

  beforeAll(async () => {
    lab = buildLab()
    const folder = newFolder('block')
    const database = await startEmbedded({ dataDir: folder.path })
    stop = async () => {
      await pool?.end()
      await collector?.stop()
      await database.stop()
      folder.remove()
    }
    await migrate(database.url)
    pool = createPool({ connectionString: database.url, applicationName: 'weir-test', max: 3, onError: () => undefined })
    for (const { id, role } of [OPERATOR, ONCALL, ADMIN])
      await pool.query('insert into auth_user (id, name, email, role) values ($1, $1, $2, $3)', [id, `${id}@example.org`, role])
    const [netflow = 0, metrics = 0] = await freePorts(2)
    environment = {
      ...process.env,
      DATABASE_URL: database.url,
      WEIR_DATA_DIR: folder.path,
      WEIR_LISTEN_HOST: lab.collector,
      WEIR_NETFLOW_PORT: String(netflow),
      WEIR_IPFIX_PORT: 'off',
      WEIR_SFLOW_PORT: 'off',
      WEIR_METRICS_PORT: String(metrics),
      WEIR_RECONCILE_SECONDS: '2',
      WEIR_PROOF_SECONDS: '6',
    }
    await startCollector(String(metrics))
    // On the victim's side of the router: it sees what the rule lets through.
    const timeouts = ['maxlife=3', 'udp=3', 'general=3', 'expint=1'].flatMap((word) => ['-t', word])
    lab.start(lab.router, [
      'softflowd',
      '-d',
      '-i',
      '2:rv',
      '-n',
      `${lab.collector}:${netflow}`,
      '-v',
      '9',
      ...timeouts,
      '-p',
      `${folder.path}/softflowd.pid`,
      '-c',
      `${folder.path}/softflowd.ctl`,
    ])
  })
  afterAll(async () => {
    await lab?.remove()
    await stop()
  })

  it('is detected, confirmed, simulated, approved, dropped, proven, put back, ended and recorded', async () => {
    const figures: Record<string, number> = {}
    const started = Date.now()
    const mark = (name: string) => {
      figures[name] = Math.round((Date.now() - started) / 100) / 10
    }
    lab.start(lab.victim, sink([443, 30_000, 31_000]))
    await sleep(1_000)
    lab.start(lab.attacker, sender([CUSTOMER], 40_000, 443, 10, 240))
    lab.start(lab.attacker, sender(ATTACKERS.slice(0, 60), 53, 30_000, 1_500, 60))
    const found = await until(
      'the flood to be detected',
      async () => (await pool.query<{ id: string }>(`select id from anomaly where detector = 'ddos' and target = $1`, [VICTIM])).rows[0],
      75_000,
      250,
    ).catch(async (error: unknown) => {
      const { rows } = await pool.query(
        `select (select count(*)::int from flow) as flows, (select sum(packets)::int from flow where dst_addr = $1 and src_port = 53) as attack,
           (select count(distinct src_addr)::int from flow) as sources, (select json_agg(a) from (select detector, target, sentence from anomaly) a) as anomalies`,
        [VICTIM],
      )
      throw new Error(`not detected; stored: ${JSON.stringify(rows)}; the collector said:\n${collector.output.slice(-3_000)}`, {
        cause: error,
      })
    })
    mark('detected')
    await decideAnomaly(pool, { anomalyId: found.id, action: 'acknowledge', by: OPERATOR })
    await decideAnomaly(pool, { anomalyId: found.id, action: 'confirm', by: OPERATOR })

    const { rows: exporters } = await pool.query<{ id: number }>('select id from exporter where address = $1', [lab.exporter])
    await saveDevice(
      pool,
      {
        id: 'router',
        name: 'The router',
        dialect: 'nftables',
        transport: 'local',
        address: null,
        config: { netns: lab.router },
        exporterIds: exporters.map(({ id }) => id),
      },
      ADMIN,
    )
    const simulation = await simulateBlock(
      pool,
      SimulateBody.parse({
        match: { src: null, dst: `${VICTIM}/32`, proto: 17, srcPorts: [{ low: 53, high: 53 }], dstPorts: [], tcpFlags: null },
        devices: ['router'],
        anomalyId: found.id,
        ttlSeconds: 90,
      }),
      OPERATOR,
    )
    expect(simulation.bad.share).toBeGreaterThan(0.9)
    expect(simulation.alternatives.length).toBeGreaterThan(1)
    expect(simulation.collateral.filter(({ kind, label }) => kind === 'address' && label === CUSTOMER)).toEqual([])

    const asked = await requestBlock(
      pool,
      { simulationId: simulation.id, emergencyReason: null, reason: 'DNS reflection' },
      steppedUp(OPERATOR),
    )
    expect(asked.state).toBe('pending_approval')
    await expect(approveBlock(pool, { id: asked.id, hash: asked.hash }, steppedUp(OPERATOR))).rejects.toThrow()
    // Something to drop for longer than the flood itself, which is bounded to a minute.
    lab.start(lab.attacker, sender(ATTACKERS.slice(60), 53, 31_000, 100, 180))
    const approvedAt = Date.now()
    await approveBlock(pool, { id: asked.id, hash: asked.hash }, steppedUp(ONCALL))
    const state = async () => block(pool, asked.id, null)
    const reached =
      (...states: BlockState[]) =>
      async () => {
        const now = await state()
        return states.includes(now.state) ? now : null
      }
    const told = (kind: string) => async () => ((await state()).timeline.some((event) => event.kind === kind) ? true : null)
    await until('the rule to be on the router', told('enforced'), 10_000, 50)
    figures['approve-to-router'] = (Date.now() - approvedAt) / 1_000
    expect(lab.inside(lab.router, ['nft', 'list', 'table', 'inet', 'weir'])).toContain(`weir-${asked.id}`)

    await sleep(300)
    const before = seenBy(lab)
    await sleep(3_000)
    const after = seenBy(lab)
    expect(after.attack, 'attack packets that reached the victim').toBe(before.attack)
    expect(after.customer, 'the customer is still served').toBeGreaterThan(before.customer)

    await until('the proof', reached('verified'), 40_000, 250)
    mark('verified')

    // A crash of the enforcer changes nothing on the router, and it goes on where it was.
    collector.child.kill('SIGKILL')
    await collector.exit()
    const listed = lab.inside(lab.router, ['nft', '-n', '-j', 'list', 'table', 'inet', 'weir'])
    expect(listed).toContain(`weir-${asked.id}`)
    const { deviceDetails } = await state()
    const undo = (deviceDetails[0]?.undo ?? '').split('\n').filter((line) => line.startsWith('delete'))
    lab.inside(lab.router, ['nft', '-f', '-'], `${undo.join('\n')}\n`)
    await startCollector(String(environment.WEIR_METRICS_PORT))
    await until('the missing rule to be found', told('leaking'), 20_000, 100)
    mark('leaking')
    await until('the rule to be back', told('reasserted'), 10_000, 100)
    expect(lab.inside(lab.router, ['nft', 'list', 'table', 'inet', 'weir'])).toContain(`weir-${asked.id}`)
    expect((await state()).deviceDetails[0]?.reasserted).toBe(1)

    const ended = await until('the time to be over', reached('expired'), 120_000, 500)
    mark('expired')
    expect(Date.parse(ended.endedAt ?? '') - Date.parse(ended.expiresAt ?? '')).toBeLessThan(30_000)
    expect(lab.inside(lab.router, ['nft', 'list', 'table', 'inet', 'weir'])).not.toContain(`weir-${asked.id}`)

    expect((await verifyStored(pool)).problem).toBeNull()
    const { rows: audit } = await pool.query<{ event: string }>('select event from audit_entry where subject = $1 order by seq', [
      `block:${asked.id}`,
    ])
    expect(audit.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['block.request', 'block.approve', 'block.apply', 'block.verify', 'block.reassert', 'block.expire']),
    )
    const lines: string[] = []
    for await (const line of exportLines(pool, new Date())) lines.push(line)
    const text = lines.map((line) => (line.endsWith('\n') ? line : `${line}\n`)).join('')
    const file = path.join(environment.WEIR_DATA_DIR ?? '', 'audit.jsonl')
    writeFileSync(file, text)
    expect((await verifyExport(file)).problem).toBeNull()
    writeFileSync(file, text.replace('DNS reflection', 'DNS reflectiom'))
    expect((await verifyExport(file)).problem).toMatchObject({ seq: expect.any(Number) })
    process.stdout.write(`block path, seconds since the first packet: ${JSON.stringify(figures)}\n`)
  }, 400_000)
})
