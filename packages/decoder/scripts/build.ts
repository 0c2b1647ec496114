import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Writes dist/: JavaScript, type declarations, README and a package.json whose doors point at them. `npm publish dist` does the rest. */
const root = fileURLToPath(new URL('..', import.meta.url))
const dist = `${root}dist`
rmSync(dist, { recursive: true, force: true })
execFileSync('tsc', ['-p', `${root}tsconfig.build.json`], { stdio: 'inherit' })
const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts?: unknown; exports: Record<string, unknown> }
delete manifest.scripts
manifest.exports = {
  '.': { types: './index.d.ts', default: './index.js' },
  './capture': { types: './capture/index.d.ts', default: './capture/index.js' },
}
writeFileSync(`${dist}/package.json`, `${JSON.stringify(manifest, null, 2)}\n`)
cpSync(`${root}README.md`, `${dist}/README.md`)
cpSync(`${root}../../LICENSE`, `${dist}/LICENSE`)
