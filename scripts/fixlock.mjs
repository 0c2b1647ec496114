// Completes package-lock.json after a lock change: a registry mirror that lacks another platform's optional package
// makes npm leave it out, and `npm ci` then refuses the lock. Writes the named entry (version, os, cpu, optional) for each.
//   node scripts/fixlock.mjs [--check]
import { readFileSync, writeFileSync } from 'node:fs'

const lockFile = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(lockFile, 'utf8'))
const entries = lock.packages
const OS = ['linux', 'darwin', 'win32', 'android', 'freebsd', 'openbsd', 'netbsd', 'sunos', 'aix']
const CPU = ['x64', 'arm64', 'arm', 'ia32', 'ppc64', 's390x', 'riscv64', 'loong64', 'mips64el', 'wasm32']

/** The platform words of a package name: `@turbo/darwin-64` → darwin, x64. */
function platform(name) {
  const words = name.split('/').pop().split(/[-.]/)
  const os = words.includes('windows') ? 'win32' : OS.find((o) => words.includes(o))
  const cpu = words.includes('64') ? 'x64' : CPU.find((c) => words.includes(c))
  return { ...(os ? { os: [os] } : {}), ...(cpu ? { cpu: [cpu] } : {}) }
}

let added = 0
const here = (name) => Object.keys(entries).some((path) => path.endsWith(`node_modules/${name}`))
for (const entry of Object.values({ ...entries })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (here(name)) continue
    entries[`node_modules/${name}`] = { version: version.replace(/^[\^~]/, ''), optional: true, ...platform(name) }
    added++
  }
}
if (process.argv.includes('--check')) {
  if (added > 0) {
    console.error(`package-lock.json lacks ${added} platform packages; run: node scripts/fixlock.mjs`)
    process.exit(1)
  }
} else if (added > 0) {
  lock.packages = Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
  writeFileSync(lockFile, `${JSON.stringify(lock, null, 2)}\n`)
  console.log(`package-lock.json: ${added} platform packages named`)
}
