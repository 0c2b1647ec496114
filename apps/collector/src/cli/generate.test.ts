import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const WEIR = fileURLToPath(new URL('../../../../scripts/weir.ts', import.meta.url))

describe('weir generate under a supervisor', () => {
  it.each([['SIGTERM'], ['a closed channel']])('ends by itself after %s', async (how) => {
    const sink = createSocket('udp4')
    sink.bind(0, '127.0.0.1')
    await once(sink, 'listening')
    const child = spawn(process.execPath, [WEIR, 'generate', '--to', `127.0.0.1:${sink.address().port}`, '--rate', '50'], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    await once(sink, 'message')
    if (how === 'SIGTERM') child.kill('SIGTERM')
    else child.disconnect()
    const [code, signal] = await once(child, 'exit')
    sink.close()
    expect([code, signal]).toEqual([0, null])
  })
})
