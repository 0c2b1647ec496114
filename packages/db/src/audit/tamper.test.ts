import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AuditEntry } from '../contracts/audit.ts'
import { canonicalJson, toJson } from './canonical.ts'
import { entryHash, GENESIS } from './chain.ts'
import { verifyExport } from './check.ts'
import { type Checkpoint, documentHash } from './checkpoint.ts'
import { checkpointLine, entryLine, headerLine } from './lines.ts'
import { openSigningKey, type SigningKey, signedBy } from './signing-key.ts'

let folder: string
let key: SigningKey
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-audit-'))
  key = openSigningKey(join(folder, 'data'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Random numbers that can be had again (mulberry32). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

const ENTRIES = 60
const EVERY = 20

const content = (seq: number): Omit<AuditEntry, 'prevHash' | 'hash'> => ({
  seq,
  at: new Date(Date.UTC(2026, 10, 20, 12, 0, seq, 7)).toISOString(),
  event: ['user.change', 'token.create', 'home-networks.set'][seq % 3] ?? 'user.change',
  phase: seq % 7 === 0 ? 'intent' : 'outcome',
  actor: `person:${seq % 5}`,
  actorRole: 'admin',
  session: `s${seq}`,
  subject: `user:${seq % 4}`,
  approver: seq % 6 === 0 ? 'person:9' : null,
  reason: seq % 4 === 0 ? 'because "it" was née' : null,
  before: seq % 2 === 0 ? { role: 'viewer', disabled: false } : null,
  after: { role: 'operator', rate: seq / 8, networks: ['10.0.0.0/8', `192.0.2.${seq}/32`] },
})

/** Seal these contents one after another. */
function sealed(contents: readonly Omit<AuditEntry, 'prevHash' | 'hash'>[], from = GENESIS): AuditEntry[] {
  let prevHash = from
  return contents.map((one) => {
    const hash = entryHash(prevHash, one)
    const entry = { ...one, prevHash, hash }
    prevHash = hash
    return entry
  })
}

function checkpointsOf(entries: readonly AuditEntry[], signer: SigningKey = key): Checkpoint[] {
  const made: Checkpoint[] = []
  for (const entry of entries.filter(({ seq }) => seq % EVERY === 0)) {
    const before = made.at(-1)
    const document = canonicalJson({
      type: 'weir-audit-checkpoint',
      v: 1,
      number: made.length + 1,
      seq: entry.seq,
      hash: entry.hash,
      at: entry.at,
      previous: before === undefined ? GENESIS : documentHash(before.document),
      key: signer.id,
    })
    made.push({ document, signature: signer.sign(document).toString('base64') })
  }
  return made
}

const header = headerLine(new Date(0))
const entries = sealed(Array.from({ length: ENTRIES }, (_, index) => content(index + 1)))
const linesOf = (these: readonly AuditEntry[]): string[] => these.map(entryLine)
const whole = (): { lines: string[]; checkpoints: string[] } => ({
  lines: linesOf(entries),
  checkpoints: checkpointsOf(entries).map(checkpointLine),
})

async function verdict(file: { lines: readonly string[]; checkpoints: readonly string[] }, trusted = [key.id]) {
  const name = join(folder, 'export.jsonl')
  writeFileSync(name, `${[header, ...file.lines, ...file.checkpoints].join('\n')}\n`)
  return await verifyExport(name, { trusted })
}

/** Each gives the tampered file and where it begins: one entry, or a range within which it must be said to be. */
type Tampering = (next: () => number) => { lines: string[]; checkpoints: string[]; first: number; from?: number }

const pick = (next: () => number, from: number, to: number): number => from + Math.floor(next() * (to - from + 1))

/** Entries computed anew from `seq` on by someone who owns the database, the last checkpoint at or after it being the one that knows. */
function resealed(seq: number, change: (contents: Omit<AuditEntry, 'prevHash' | 'hash'>[]) => void) {
  const contents = entries.map(({ prevHash: _prevHash, hash: _hash, ...said }) => structuredClone(said))
  change(contents)
  const { checkpoints } = whole()
  return { lines: linesOf(sealed(contents)), checkpoints, first: Math.floor((seq - 1) / EVERY) * EVERY + 1, from: seq }
}

const TAMPERINGS: Record<string, Tampering> = {
  'one octet is changed': (next) => {
    const { lines, checkpoints } = whole()
    const first = pick(next, 1, ENTRIES)
    const line = lines[first - 1] ?? ''
    const at = pick(next, 0, line.length - 1)
    const to = String.fromCharCode(pick(next, 33, 126))
    if (line[at] === to) return { lines: [...lines.slice(0, first - 1), `${line} `, ...lines.slice(first)], checkpoints, first }
    lines[first - 1] = line.slice(0, at) + to + line.slice(at + 1)
    return { lines, checkpoints, first }
  },
  'one field is changed': (next) => {
    const { lines, checkpoints } = whole()
    const first = pick(next, 1, ENTRIES)
    const entry = entries[first - 1]
    if (entry === undefined) throw new RangeError('there is no such entry')
    const changes: Partial<AuditEntry>[] = [
      { event: 'user.rename' },
      { actor: 'person:mallory' },
      { actorRole: 'viewer' },
      { reason: 'none' },
      { approver: 'person:7' },
      { after: null },
      { at: '2026-11-20T11:00:00.000Z' },
      { phase: entry.phase === 'intent' ? 'outcome' : 'intent' },
      { subject: 'user:77' },
      { session: null },
    ]
    lines[first - 1] = entryLine({ ...entry, ...changes[pick(next, 0, changes.length - 1)] })
    return { lines, checkpoints, first }
  },
  'an entry is changed and its hash computed anew': (next) => {
    const { lines, checkpoints } = whole()
    const first = pick(next, 1, ENTRIES - 1)
    const entry = entries[first - 1]
    if (entry === undefined) throw new RangeError('there is no such entry')
    const changed = { ...entry, actor: 'person:mallory' }
    lines[first - 1] = entryLine({ ...changed, hash: entryHash(entry.prevHash, changed) })
    // A checkpoint on the entry itself knows better; else the next entry does not follow.
    return first % EVERY === 0 ? { lines, checkpoints, first: first - EVERY + 1 } : { lines, checkpoints, first: first + 1 }
  },
  'an entry is removed': (next) => {
    const { lines, checkpoints } = whole()
    const first = pick(next, 1, ENTRIES - 1)
    lines.splice(first - 1, 1)
    return { lines, checkpoints, first }
  },
  'an entry is inserted': (next) => {
    const { lines, checkpoints } = whole()
    const first = pick(next, 1, ENTRIES)
    const made = sealed([{ ...content(first), actor: 'person:mallory' }], first === 1 ? GENESIS : (entries[first - 2]?.hash ?? ''))
    lines.splice(first - 1, 0, ...linesOf(made))
    // Where a checkpoint seals the place it knows better; else the entry that was there stands in the next one's place.
    return { lines, checkpoints, first: first % EVERY === 0 ? first - EVERY + 1 : first + 1 }
  },
  'an entry stands twice': (next) => {
    const { lines, checkpoints } = whole()
    const first = pick(next, 1, ENTRIES)
    lines.splice(first, 0, lines[first - 1] ?? '')
    return { lines, checkpoints, first: first + 1 }
  },
  'two entries are swapped': (next) => {
    const { lines, checkpoints } = whole()
    const a = pick(next, 1, ENTRIES - 1)
    const b = pick(next, a + 1, ENTRIES)
    const kept = lines[a - 1] ?? ''
    lines[a - 1] = lines[b - 1] ?? ''
    lines[b - 1] = kept
    return { lines, checkpoints, first: a }
  },
  'the end is cut off': (next) => {
    const { lines, checkpoints } = whole()
    const left = pick(next, 0, ENTRIES - 1)
    return { lines: lines.slice(0, left), checkpoints, first: left + 1 }
  },
  'the chain is computed anew from a changed entry': (next) => {
    const seq = pick(next, 1, ENTRIES)
    return resealed(seq, (contents) => {
      const changed = contents[seq - 1]
      if (changed !== undefined) changed.actor = 'person:mallory'
    })
  },
  'the chain is computed anew without an entry': (next) => {
    const seq = pick(next, 1, ENTRIES - 1)
    return resealed(seq, (contents) => {
      contents.splice(seq - 1, 1)
      contents.forEach((one, index) => {
        one.seq = index + 1
      })
      // One more at the end, so that the number of entries does not tell.
      contents.push({ ...content(ENTRIES), actor: 'person:mallory' })
    })
  },
  'a checkpoint is told twice in place of a later one': (next) => {
    const { lines, checkpoints } = whole()
    const at = pick(next, 1, checkpoints.length - 1)
    checkpoints[at] = checkpoints[at - 1] ?? ''
    return { lines, checkpoints, first: at * EVERY + 1 }
  },
  'a checkpoint is removed from the middle': (next) => {
    const { lines, checkpoints } = whole()
    const at = pick(next, 0, checkpoints.length - 2)
    checkpoints.splice(at, 1)
    return { lines, checkpoints, first: at * EVERY + 1 }
  },
  'chain and checkpoints are made anew with another key': () => {
    const contents = entries.map(({ prevHash: _prevHash, hash: _hash, ...said }) => said)
    contents[4] = { ...content(5), actor: 'person:mallory' }
    const made = sealed(contents)
    const other = openSigningKey(join(folder, 'other'))
    return { lines: linesOf(made), checkpoints: checkpointsOf(made, other).map(checkpointLine), first: 1 }
  },
}

describe('an export', () => {
  test('that nobody touched holds, to its end', async () => {
    expect(await verdict(whole())).toMatchObject({ problem: null, head: { seq: ENTRIES }, sealed: ENTRIES, checkpoints: 3, keys: [key.id] })
    expect(await verdict(whole(), [])).toMatchObject({ problem: null })
  })

  test('1,000 random tamperings are all found, the first bad entry named', async () => {
    const kinds = Object.entries(TAMPERINGS)
    const next = random(20261120)
    for (let round = 0; round < 1_000; round++) {
      const [name = '', tamper] = kinds[round % kinds.length] ?? []
      if (tamper === undefined) throw new RangeError('there is a kind for every round')
      const { first, from, ...file } = tamper(next)
      const { problem } = await verdict(file)
      expect(problem, `round ${round}: ${name}`).not.toBeNull()
      if (from === undefined) expect(problem?.seq, `round ${round}: ${name}`).toBe(first)
      else {
        // Computed anew without a fault: the signature tells the stretch in which it begins.
        expect(problem, `round ${round}: ${name}`).toMatchObject({ code: 'resealed', seq: first })
        expect(from - first).toBeLessThan(EVERY)
      }
    }
  })

  test('without checkpoints that were there is told as such', async () => {
    expect(await verdict({ ...whole(), checkpoints: [] })).toMatchObject({ problem: null, sealed: 0, checkpoints: 0 })
  })

  test('a signature is of its document, its key and this purpose alone', () => {
    const [checkpoint] = checkpointsOf(entries)
    const signature = Buffer.from(checkpoint?.signature ?? '', 'base64')
    expect(signedBy(key.id, checkpoint?.document ?? '', signature)).toBe(true)
    expect(signedBy(key.id, `${checkpoint?.document} `, signature)).toBe(false)
    expect(signedBy(openSigningKey(join(folder, 'third')).id, checkpoint?.document ?? '', signature)).toBe(false)
    expect(signedBy('not a key', checkpoint?.document ?? '', signature)).toBe(false)
  })
})

describe('canonical JSON', () => {
  // The example of RFC 8785, section 3.2.2 and 3.2.3.
  test('is that of RFC 8785', () => {
    const value = JSON.parse(
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
    )
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    )
    const keys = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 }
    expect([...canonicalJson(keys).matchAll(/:(\d)/g)].map((match) => match[1]).join('')).toBe('2467153')
  })

  test('of hostile text can be stored and comes back the same', () => {
    const hostile = toJson({
      a: 'nul \u0000, lone \ud800 surrogate',
      ['__proto__']: { x: 1 },
      when: new Date(0),
      left: undefined,
      zero: -0,
      big: 2n ** 70n,
    })
    const text = canonicalJson(hostile)
    expect(text).toBe(
      '{"__proto__":{"x":1},"a":"nul \ufffd, lone \ufffd surrogate","big":"1180591620717411303424","when":"1970-01-01T00:00:00.000Z","zero":0}',
    )
    expect(canonicalJson(JSON.parse(text))).toBe(text)
    expect(() => toJson({ n: Number.NaN })).toThrow(TypeError)
  })
})
