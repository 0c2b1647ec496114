/** What the documents promise is there: commands, variables, files. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../support/program.ts'

const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'docs/design.md', 'docs/troubleshooting.md', 'docs/adding-a-field.md']
const text = new Map(DOCUMENTS.map((file) => [file, readFileSync(path.join(ROOT, file), 'utf8')]))
const all = [...text.values()].join('\n')

function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (/^(node_modules|\.next.*|\.turbo|\.weir|public|\.git)$/.test(entry.name)) continue
    const at = path.join(folder, entry.name)
    if (entry.isDirectory()) yield* sources(at)
    else if (/\.(ts|tsx|mjs)$/.test(entry.name) && !/\.test\.tsx?$/.test(entry.name)) yield at
  }
}
const code = ['apps', 'packages', 'scripts']
  .flatMap((group) => [...sources(path.join(ROOT, group))].map((file) => readFileSync(file, 'utf8')))
  .join('\n')

describe('the documents', () => {
  it('name only commands that bin/weir has', () => {
    const help = execFileSync(path.join(ROOT, 'bin/weir'), ['help'], { encoding: 'utf8' })
    const known = new Set([...help.matchAll(/^ {2}([a-z-]+)(?: |$)/gm)].map(([, name]) => name))
    const named = new Set([...all.matchAll(/bin\/weir ([a-z]+(?:-[a-z]+)*)/g)].map(([, name]) => name))
    expect(named.size).toBeGreaterThan(5)
    for (const name of named) expect(known, `bin/weir ${name}`).toContain(name)
  })

  it('name only variables that the code reads, and all that operators may set', () => {
    const named = new Set([...all.matchAll(/\b(WEIR_[A-Z_]+|DATABASE_URL)\b/g)].map(([name]) => name))
    for (const name of named) expect(code, name).toContain(name)
    const read = new Set([...code.matchAll(/(?:process\.)?env(?:\.|\[')(WEIR_[A-Z_]+)/g)].map(([, name]) => name ?? ''))
    const internal =
      /^WEIR_(TEST_|NEXT_DIST|BOOTSTRAP|DEMO_NETWORK|DPKG_STATUS|DEBUG|CHROMIUM|NODE|INBOX_MIB|QUEUE_MIB|BATCH_ROWS|FLUSH_MS|RECEIVE_BUFFER_MIB|MAX_EXPORTERS)/
    for (const name of read) if (!internal.test(name)) expect(text.get('README.md'), name).toContain(name)
  })

  it('link only to files that are there', () => {
    for (const [file, content] of text) {
      for (const [, target] of content.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
        expect(existsSync(path.join(ROOT, path.dirname(file), target ?? '')), `${file} → ${target}`).toBe(true)
      }
    }
  })

  it('name only stages and scripts that npm has', () => {
    const { scripts }: { scripts: Record<string, string> } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(['start', 'test']))
    const { stdout } = spawnSync(process.execPath, ['scripts/test.ts', '--list'], { cwd: ROOT, encoding: 'utf8' })
    const stages = stdout.split('\n').map((line) => line.split(' ')[0])
    for (const [, stage] of all.matchAll(/npm test -- --only ([a-z]+)/g)) expect(stages).toContain(stage)
  })

  it('show times that were measured', () => {
    expect(all).not.toMatch(/TIME_[A-Z]+/)
  })
})
