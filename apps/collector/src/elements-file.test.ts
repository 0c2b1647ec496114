import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { decodeCommand } from './cli/decode.ts'
import { ConfigError, readConfig } from './config.ts'

const dir = mkdtempSync(join(tmpdir(), 'weir-elements-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
afterEach(() => vi.unstubAllEnvs())

const IXIA = fileURLToPath(new URL('../../../packages/decoder/testdata/ipfix/ixia-256.dat', import.meta.url))

function elements(content: unknown): string {
  const path = join(dir, 'elements.json')
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

const configured = (content: unknown) =>
  readConfig({ WEIR_DATA_DIR: dir, DATABASE_URL: 'postgres://u@127.0.0.1/weir', WEIR_ELEMENTS: elements(content) }).elements

async function decoded(): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const code = await decodeCommand([IXIA], {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
  })
  return { code, out, err }
}

describe('elements of a site', () => {
  it('name and read what a vendor sends under its own number', async () => {
    expect((await decoded()).out).toContain('"e3054_186":"4348494e414e4554')
    vi.stubEnv('WEIR_ELEMENTS', elements([{ pen: 3054, id: 186, name: 'sourceAsName', type: 'text' }]))
    const { out } = await decoded()
    expect(out).toContain('"sourceAsName":"CHINANET-BACKBONE')
    expect(out).not.toContain('e3054_186')
  })

  it('count as an element of IANA where the file says so', () => {
    expect(configured([{ pen: 4242, id: 1, name: 'customerBytes', type: 'u64', as: 1 }])).toEqual([
      { pen: 4242, id: 1, name: 'customerBytes', type: 'u64', as: 1 },
    ])
    expect(readConfig({ WEIR_DATA_DIR: dir, DATABASE_URL: 'postgres://u@127.0.0.1/weir' }).elements).toEqual([])
  })

  it.each([
    ['no JSON', '[{', /is no JSON/],
    ['no array', { pen: 1 }, /holds no array/],
    ['an entry that is no object', [7], /element 1 is no object/],
    ['an enterprise number that is none', [{ pen: -1, id: 1, name: 'a' }], /element 1: "pen"/],
    ['an element number that is none', [{ pen: 1, id: 65_536, name: 'a' }], /element 1: "id"/],
    ['a name that could be markup', [{ pen: 1, id: 1, name: '<b>' }], /element 1: "name"/],
    ['an unknown type', [{ pen: 1, id: 1, name: 'a', type: 'int' }], /element 1: "type" must be one of u8/],
    ['an unknown target', [{ pen: 1, id: 1, name: 'a', as: 32_000 }], /element 1: "as"/],
    ['a misspelt key', [{ pen: 1, id: 1, name: 'a', tpye: 'u8' }], /"tpye" is unknown/],
    [
      'an element twice',
      [
        { pen: 1, id: 1, name: 'a' },
        { pen: 1, id: 1, name: 'b' },
      ],
      /element 2: 1\/1 stands there twice/,
    ],
  ])('are refused with a reason: %s', async (_what, content, reason) => {
    expect(() => configured(content)).toThrow(ConfigError)
    expect(() => configured(content)).toThrow(reason)
    vi.stubEnv('WEIR_ELEMENTS', elements(content))
    expect(await decoded()).toMatchObject({ code: 2, out: '', err: expect.stringMatching(reason) })
  })
})
