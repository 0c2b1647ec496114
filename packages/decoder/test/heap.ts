import { getHeapStatistics } from 'node:v8'
import { Decoder } from '../src/index.ts'
import { ipfix, ipfixTemplate, Octets, type Spec, set } from './encode.ts'
import { corpus, mutate, Random } from './fuzz.ts'

/**
 * node --expose-gc --max-semi-space-size=256 packages/decoder/test/heap.ts RUNS SEED
 *
 * What one datagram costs in memory, printed as JSON. `mostAllocated`: octets that one `decode` took from the heap, garbage included, so an
 * upper bound of any growth; with young space for many datagrams almost none is measured across a collection (`unmeasured`).
 * `mostKept`: what is still there of one of the made-up worst cases after a collection.
 */
const runs = Number(process.argv[2] ?? 200_000)
const seed = Number(process.argv[3] ?? 20_261_121)
const collect = globalThis.gc
if (collect === undefined) throw new Error('needs --expose-gc')

const used = (): number => {
  const { used_heap_size, external_memory } = getHeapStatistics()
  return used_heap_size + external_memory
}

/** Datagrams made to cost as much as one can; each list is one decoder's, the last is measured. */
function worst(): Record<string, Uint8Array[]> {
  const unknown: Spec[] = Array.from({ length: 16 }, (_, i) => [900 + i, 1])
  const wide: Spec[] = Array.from({ length: 512 }, (_, i) => [1000 + i, 0xffff])
  const bomb = (id: number) => ipfix([set(id, new Uint8Array(65_000).fill(7))])
  const teach = (id: number, fields: Spec[]) => ipfix([set(2, ipfixTemplate(id, fields))])
  const texts = new Octets()
  for (let i = 0; i < 512; i++) {
    texts.u8(120)
    for (let k = 0; k < 120; k++) texts.u8(97 + (k % 26))
  }
  const lists = new Octets()
  for (let i = 0; i < 4000; i++) lists.u8(15).u8(3).u16(4).u16(1).bytes(new Array<number>(10).fill(6))
  const many = Array.from({ length: 1000 }, (_, i) =>
    ipfixTemplate(
      256 + i,
      Array.from({ length: 14 }, (_x, k): Spec => [1 + k, 4]),
    ),
  )
  const templates = new Octets()
  for (const template of many) templates.bytes(template)
  return {
    'records of one octet': [teach(256, [[4, 1]]), bomb(256)],
    'sixteen unknown elements in each record': [teach(256, unknown), bomb(256)],
    'texts of 120 octets in 512 fields': [teach(257, wide), ipfix([set(257, texts.done())])],
    'a list of ten in each record': [teach(258, [[291, 0xffff]]), ipfix([set(258, lists.done())])],
    'a thousand templates': [ipfix([set(2, templates.done())])],
    'what waited for a template, all at once': [...Array.from({ length: 60 }, () => bomb(300)), teach(300, unknown)],
  }
}

let mostAllocated = 0
let mostKept = 0
let worstName = ''
const sink = { flow: () => undefined }
const random = new Random(seed)
const seeds = corpus()
const stateful = new Decoder()
let unmeasured = 0
let now = 1_700_000_000_000
for (let run = 0; run < runs; run++) {
  const datagram = mutate(random, seeds)
  now += random.below(20)
  const source = { address: `192.0.2.${random.below(64)}`, port: 2000 + random.below(3), receivedMs: now }
  const before = used()
  stateful.decode(datagram, source, sink)
  const allocated = used() - before
  if (allocated < 0) unmeasured++
  else if (allocated > mostAllocated) {
    mostAllocated = allocated
    worstName = `mutation ${run}`
  }
}
// After the mutations, when the code is compiled: what an interpreter allocates is no property of the datagram.
for (const [name, datagrams] of Object.entries(worst())) {
  const decoder = new Decoder()
  const source = { address: '192.0.2.1', port: 1, receivedMs: 1_700_000_000_000 }
  const last = datagrams.pop()
  for (const datagram of datagrams) decoder.decode(datagram, source, sink)
  collect()
  const before = used()
  if (last !== undefined) decoder.decode(last, source, sink)
  const allocated = used() - before
  collect()
  mostKept = Math.max(mostKept, used() - before)
  if (allocated > mostAllocated) {
    mostAllocated = allocated
    worstName = name
  }
}

process.stdout.write(`${JSON.stringify({ runs, mostAllocated, worst: worstName, mostKept, unmeasured })}\n`)
