import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Decoder } from '../src/index.ts'
import { captureFiles, datagramsOf, decodeAll, PROTOCOL_FOLDERS, TESTDATA } from './captures.ts'
import { differences, type Expectation, satisfies, score } from './compare.ts'

interface Malformed {
  files: { path: string; max_flows?: number; min_flows?: number }[]
}

const expectations = PROTOCOL_FOLDERS.flatMap((folder) =>
  readdirSync(join(TESTDATA, 'expected', folder)).map(
    (name) => JSON.parse(readFileSync(join(TESTDATA, 'expected', folder, name), 'utf8')) as Expectation,
  ),
)

let captures = 0
let required = 0
let matched = 0

describe('captures of real exporters decode to what other decoders read', () => {
  for (const expectation of expectations) {
    test(`${expectation.capture}${expectation.optional === undefined ? '' : ' (optional)'}`, () => {
      const flows = decodeAll(datagramsOf(join(TESTDATA, expectation.capture)))
      const result = score(expectation, flows)
      if (expectation.optional !== undefined) return
      captures++
      required += result.required
      matched += result.matched
      const first = result.missing[0]
      const nearest = first === undefined ? [] : flows.map((flow) => differences(first, flow)).sort((a, b) => a.length - b.length)[0]
      expect({ missing: first, nearest, surplus: result.surplus[0] }).toEqual({ missing: undefined, nearest: [], surplus: undefined })
    })
  }

  afterAll(() => {
    process.stdout.write(`golden: ${captures} captures, ${matched}/${required} flows\n`)
  })
})

describe('malformed captures give problems, never an exception or implausible flows', () => {
  const manifest = JSON.parse(readFileSync(join(TESTDATA, 'malformed/MANIFEST.json'), 'utf8')) as Malformed
  for (const path of captureFiles('malformed')) {
    test(path, () => {
      const bounds = manifest.files.find((file) => `malformed/${file.path}` === path)
      const flows = decodeAll(datagramsOf(join(TESTDATA, path)))
      expect(flows.length).toBeLessThanOrEqual(bounds?.max_flows ?? Number.POSITIVE_INFINITY)
      expect(flows.length).toBeGreaterThanOrEqual(bounds?.min_flows ?? 0)
    })
  }
})

describe('the comparison itself can fail', () => {
  test('a wrong number, a wrong address and a time off by more than a millisecond differ', () => {
    expect(satisfies('bytes', '10', 11)).toBe(false)
    expect(satisfies('src_addr', '10.0.0.1', '10.0.0.2')).toBe(false)
    expect(satisfies('time_flow_start_ns', '1000000000', 1_001_000_001n)).toBe(false)
    expect(satisfies('time_flow_start_ns', '1000000000', 1_001_000_000n)).toBe(true)
    expect(satisfies('bytes', '5', undefined)).toBe(false)
    expect(satisfies('bytes', '0', undefined)).toBe(true)
  })
})

test('sets of every capture add up: templates + options + decoded + malformed + parked', () => {
  const decoder = new Decoder()
  for (const folder of [...PROTOCOL_FOLDERS, 'malformed']) {
    for (const path of captureFiles(folder)) {
      for (const { octets, source } of datagramsOf(join(TESTDATA, path))) {
        const r = decoder.decode(octets, source, { flow: () => undefined })
        expect(r.templateSets + r.optionsSets + r.decodedSets + r.malformedSets + r.parkedSets).toBe(r.sets)
      }
    }
  }
})
