import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ANOMALY_ACTIONS, ANOMALY_STATES, ANOMALY_TRANSITIONS } from '@weir/db/contracts'
import { createFlowRecord, parseAddress } from '@weir/decoder'
import { ACTIONS, Detection, STATES, transition } from '@weir/detection'
import { describe, expect, it } from 'vitest'
import { BLOCK_EVENTS, EventBlock } from './block.ts'
import { defaultRules, PRIVATE_NETWORKS, readRules } from './config.ts'
import { loadState, saveState, stateFile } from './state-file.ts'

describe('the lifecycle', () => {
  it('is the same in the detection package and in the contracts that a browser sees', () => {
    expect(ANOMALY_STATES).toEqual(STATES)
    expect(ANOMALY_ACTIONS).toEqual(ACTIONS)
    for (const state of STATES)
      for (const action of ACTIONS) expect(ANOMALY_TRANSITIONS[state][action] ?? null).toBe(transition(state, action))
  })
})

describe('a block of events', () => {
  it('gives back what was put in, IPv4, IPv6 and absent values, until it is full', () => {
    const record = createFlowRecord()
    const block = new EventBlock()
    const context = {
      exporterId: 3,
      timeMs: 1_772_539_200_123,
      durationMs: 500,
      servicePort: 443,
      srcAs: 4_200_000_000,
      dstAs: -1,
      srcCountry: 'DE',
      dstCountry: '',
      witness: true,
    }
    parseAddress('192.0.2.1', record.srcAddr)
    parseAddress('2001:db8::7', record.dstAddr)
    Object.assign(record, {
      bytes: 2 ** 40,
      packets: 12,
      srcPort: 50_000,
      dstPort: 443,
      proto: 6,
      tcpFlags: 27,
      samplingRate: -1,
      receivedMs: 1_772_539_201_000,
      inIf: 4_294_967_295,
    })
    block.append(record, context)
    expect(block.read(0, new Map([[3, '198.51.100.1']]))).toMatchObject({
      startMs: 1_772_539_199_623,
      endMs: 1_772_539_200_123,
      receivedMs: 1_772_539_201_000,
      src: '192.0.2.1',
      dst: '2001:db8::7',
      srcPort: 50_000,
      dstPort: 443,
      proto: 6,
      bytes: 2 ** 40,
      packets: 12,
      tcpFlags: 27,
      icmpType: -1,
      samplingRate: 0,
      exporter: '198.51.100.1',
      inIf: 4_294_967_295,
      outIf: -1,
      srcCountry: 'DE',
      dstCountry: '',
      witness: true,
      srcAs: 4_200_000_000,
      dstAs: -1,
    })
    // What came back from the other thread is used again and must not remember.
    const again = new EventBlock(block.buffer)
    record.dstAddr.length = 0
    for (let i = 0; i < BLOCK_EVENTS; i++) again.append(record, { ...context, srcCountry: '' })
    expect(again.full).toBe(true)
    expect(again.read(0, new Map())).toMatchObject({ dst: '', srcCountry: '', exporter: '' })
  })
})

describe('the saved state', () => {
  it('comes back as it was; cut, changed or foreign it is refused with a reason', () => {
    const dir = mkdtempSync(join(tmpdir(), 'weir-state-'))
    const path = stateFile(dir)
    expect(loadState(path)).toEqual({ state: null, problem: null })
    const detection = new Detection(defaultRules(['10.0.0.0/8']))
    saveState(path, detection.snapshot())
    expect(loadState(path).state).toEqual(detection.snapshot())
    const whole = readFileSync(path)
    const changed = Buffer.from(whole)
    changed[changed.length - 3] = (changed[changed.length - 3] ?? 0) ^ 1
    for (const [content, problem] of [
      [whole.subarray(0, whole.length - 5), /checksum/],
      [changed, /checksum/],
      [Buffer.alloc(0), /version/],
      [Buffer.concat([Buffer.from('weir detect-state 1\n'), whole.subarray(20)]), /version/],
      [Buffer.from('{}'), /version/],
    ] as const) {
      writeFileSync(path, content)
      expect(loadState(path).problem).toMatch(problem)
      expect(loadState(path).state).toBeNull()
    }
    rmSync(dir, { recursive: true })
  })
})

describe('the setting detection', () => {
  const base = defaultRules([])
  it('is private networks and no policy unless it says otherwise', () => {
    expect(base.homeNetworks).toEqual(PRIVATE_NETWORKS)
    expect(readRules(null, base)).toBe(base)
    expect(readRules({ billingDay: 15, roles: { '10.0.0.5': ['scanner'] }, allowedCountries: ['DE'] }, base)).toMatchObject({
      billingDay: 15,
      roles: { '10.0.0.5': ['scanner'] },
      allowedCountries: ['DE'],
    })
  })
  it.each([
    [[], /no object|not an object/],
    [{ billingDay: 0 }, /billingDay/],
    [{ homeNetworks: ['10.0.0.0/99'] }, /10\.0\.0\.0\/99/],
    [{ allowedCountries: ['Germany'] }, /Germany/],
    [{ roles: { '10.0.0.5': ['boss'] } }, /boss/],
    [{ threshold: 5 }, /threshold/],
  ])('%j is refused, naming what is wrong', (value, cause) => expect(() => readRules(value, base)).toThrow(cause))
})
