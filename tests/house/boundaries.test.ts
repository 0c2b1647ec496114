import { describe, expect, it } from 'vitest'
import { check, checkAll, importsOf } from '../../scripts/boundaries.ts'
import { ROOT } from '../support/program.ts'

const messages = (file: string, source: string, own: string[] = []) => check(file, source, new Set(own)).map(({ message }) => message)

describe('who may import whom', () => {
  it('holds in this checkout', () => {
    const { files, findings } = checkAll(ROOT)
    expect(files).toBeGreaterThan(50)
    expect(findings).toEqual([])
  })

  it('lets the decoder import nothing', () => {
    expect(messages('packages/decoder/src/a.ts', `import { readFileSync } from 'node:fs'`)).toHaveLength(1)
    expect(messages('packages/decoder/src/a.ts', `import type { Pool } from '@weir/db/connection'`)).toHaveLength(1)
    expect(messages('packages/decoder/src/a.ts', `import { b } from './b.ts'`)).toEqual([])
  })

  it('sees through a relative path into another room', () => {
    const [message] = messages('apps/collector/src/a.ts', `import { x } from '../../../packages/db/src/ingest/batch.ts'`)
    expect(message).toMatch(/past its door/)
  })

  it('keeps the server away from the browser, and names the door', () => {
    const [message] = messages('apps/web/components/panel.tsx', `import { top } from '@weir/db/queries'`)
    expect(message).toMatch(/@weir\/db\/contracts/)
    expect(messages('apps/web/app/page.tsx', `'use client'\nimport { top } from '@weir/db/queries'`)).toHaveLength(1)
    expect(messages('apps/web/app/page.tsx', `import { top } from '@weir/db/queries'`)).toEqual([])
  })

  it('keeps the web app from writing rows past the commands', () => {
    expect(messages('apps/web/server/a.ts', `import { createWriter } from '@weir/db/ingest'`)).toHaveLength(1)
  })

  it('wants every package in the manifest of the room that uses it', () => {
    expect(messages('apps/collector/src/a.ts', `import pino from 'pino'`)).toHaveLength(1)
    expect(messages('apps/collector/src/a.ts', `import pino from 'pino'`, ['pino'])).toEqual([])
  })

  it('reads static, dynamic and re-exporting imports, and no comments or texts', () => {
    const source = [
      `import a, { type B } from 'one'`,
      `// import x from 'never'`,
      `export * from "two"`,
      `const c = await import('three')`,
      `const text = "import y from 'neither'"`,
      `import 'four'`,
      'import {',
      '  d,',
      `} from 'five'`,
    ].join('\n')
    expect(importsOf(source)).toEqual([
      { specifier: 'one', line: 1 },
      { specifier: 'two', line: 3 },
      { specifier: 'three', line: 4 },
      { specifier: 'four', line: 6 },
      { specifier: 'five', line: 9 },
    ])
  })
})
