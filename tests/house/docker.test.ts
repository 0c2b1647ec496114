import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../support/program.ts'

const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8')

describe('the image', () => {
  it('is not built from local state or secrets', () => {
    const ignored = read('.dockerignore').split('\n')
    for (const entry of ['.env', '.weir', '.git', '**/node_modules']) expect(ignored).toContain(entry)
  })

  it('does not run as root', () => {
    const lines = read('Dockerfile').split('\n')
    expect(lines.lastIndexOf('USER node')).toBeGreaterThan(lines.findIndex((line) => line.endsWith(' AS weir')))
  })
})

describe('docker-compose.yml', () => {
  const compose = read('docker-compose.yml')

  it('has no default password: the one of .env is required, with a message', () => {
    const uses = compose.match(/\$\{POSTGRES_PASSWORD[^}]*\}/g) ?? []
    expect(uses.length).toBeGreaterThan(0)
    for (const use of uses) expect(use).toMatch(/^\$\{POSTGRES_PASSWORD:\?.+\}$/)
    expect(read('.env.example')).toMatch(/^POSTGRES_PASSWORD=$/m)
  })

  it('pins the database to one version of TimescaleDB and one of PostgreSQL', () => {
    expect(compose).toMatch(/image: timescale\/timescaledb:\d+\.\d+\.\d+-pg\d+\n/)
  })

  it('names in .env.example every variable it reads', () => {
    const example = read('.env.example')
    const names = [...compose.matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name ?? '')
    for (const name of new Set(names)) expect(example).toMatch(new RegExp(`^#?${name}=`, 'm'))
  })

  it('starts only programs that exist', () => {
    const files = [...compose.matchAll(/command: \[(?:"node", )?"((?:apps|bin)\/[^"]+)"/g)].map(([, file]) => file ?? '')
    expect(files.length).toBeGreaterThanOrEqual(3)
    for (const file of files) expect(readdirSync(path.join(ROOT, path.dirname(file)))).toContain(path.basename(file))
  })
})
