import { createSocket } from 'node:dgram'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { decodeCommand } from './decode.ts'
import { run as replay } from './replay.ts'

const CAPTURES = fileURLToPath(new URL('../../../../packages/decoder/testdata/', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'weir-decode-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** v9: template 256 of source port 2 and octets 8; and a data set for it. */
const TEMPLATE = [0, 9, 0, 1, 0, 0, 0, 0, 0x65, 0x53, 0xf1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 16, 1, 0, 0, 2, 0, 7, 0, 2, 0, 1, 0, 8]
const DATA = [
  0, 9, 0, 1, 0, 0, 0, 0, 0x65, 0x53, 0xf1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 14, 0, 53, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
]

function file(name: string, octets: readonly number[]): string {
  const path = join(directory, name)
  writeFileSync(path, Uint8Array.from(octets))
  return path
}

async function decode(...files: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const code = await decodeCommand(files, {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
  })
  return { code, out, err }
}

describe('weir decode', () => {
  test('files share one collector state, in order; integers keep all their digits', async () => {
    const { code, out, err } = await decode(file('template.dat', TEMPLATE), file('data.dat', DATA))
    expect(code).toBe(0)
    expect(err).toBe('')
    expect(out).toBe('{"type":"NETFLOW_V9","bytes":18446744073709551615,"sequence_num":2,"observation_domain_id":0,"src_port":53}\n')
  })

  test('data before its template is decoded when it comes; what still waits at the end is said', async () => {
    expect((await decode(file('data.dat', DATA), file('template.dat', TEMPLATE))).out).toContain('"src_port":53')
    expect((await decode(file('data.dat', DATA))).err).toBe('1 data sets still wait for their template\n')
  })

  test('every problem is one line on standard error, whatever the file says', async () => {
    const { code, out, err } = await decode(file('bad\nname.dat', [0, 5, 0, 30, 1, 2]), join(CAPTURES, 'netflow5/goflow2-v5.dat'))
    expect(code).toBe(0)
    expect(err.split('\n')).toHaveLength(2)
    expect(err).toContain('too-short')
    expect(out.trim().split('\n')).toHaveLength(6)
  })

  test('a file that cannot be read costs only itself; no file at all is wrong usage', async () => {
    const { code, out } = await decode(join(directory, 'absent.pcap'), join(CAPTURES, 'netflow5/goflow2-v5.dat'))
    expect(code).toBe(1)
    expect(out.trim().split('\n')).toHaveLength(6)
    expect((await decode()).code).toBe(2)
    expect((await decode(file('empty.pcap', []))).err).toContain('empty')
  })

  test('every line is JSON in the vocabulary of the interchange record', async () => {
    const { out } = await decode(join(CAPTURES, 'sflow/tcpdump-expanded-gateway-router.pcap'))
    expect(JSON.parse(out)).toMatchObject({
      type: 'SFLOW_5',
      src_addr: '52.52.52.52',
      src_net: '52.52.52.52/32',
      dst_as: 203361,
      src_mac: '94:8e:d3:0a:71:3b',
      etype: 2048,
      proto: 6,
    })
  })
})

describe('weir replay', () => {
  test('sends the datagrams of a capture unchanged and in order', async () => {
    const socket = createSocket('udp4')
    const got: Buffer[] = []
    socket.on('message', (message) => void got.push(message))
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
    try {
      const code = await replay([
        file('data.dat', DATA),
        file('template.dat', TEMPLATE),
        '--to',
        `127.0.0.1:${socket.address().port}`,
        '--speed',
        '0',
      ])
      await expect.poll(() => got.length).toBe(2)
      expect(code).toBe(0)
      expect([...(got[0] ?? [])]).toEqual(DATA)
      expect([...(got[1] ?? [])]).toEqual([...readFileSync(join(directory, 'template.dat'))])
    } finally {
      socket.close()
    }
  })

  test.each([[[]], [['x.pcap']], [['x.pcap', '--to', 'nowhere']], [['x.pcap', '--to', 'h:1', '--speed', '-1']], [['--bogus']]])(
    'wrong usage %j is refused',
    async (args) => {
      expect(await replay(args)).toBe(2)
    },
  )
})
