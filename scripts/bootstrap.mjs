// From a bare checkout to a running script on the pinned Node: node scripts/bootstrap.mjs SCRIPT [ARGS…]
//
// Plain JavaScript for Node 20 and newer, because it runs before anything is installed. Steps: is this platform supported, is there room
// on the disk, are the packages those of package-lock.json (else `npm ci`), then SCRIPT runs on the Node that the lock file pins.
// Exit codes and signals are SCRIPT's own: on the pinned Node it runs in this very process, else in a child that gets every signal.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { constants as osConstants, tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = path.resolve(fileURLToPath(import.meta.url), '../..')
const modules = path.join(root, 'node_modules')
const marker = path.join(modules, '.weir-lock')
const INSTALL_BYTES = 3e9 // node_modules 1.2 GB, npm's cache 0.55 GB, build 0.3 GB, a first database 0.1 GB; the rest is air.

/** Say what is wrong and what to do about it, and end. */
function fail(cause, remedy) {
  process.stderr.write(`\n✗ ${cause}\n  → ${remedy}\n`)
  process.exit(1)
}

function checkPlatform() {
  const [major] = process.versions.node.split('.').map(Number)
  if (major < 20)
    fail(
      `Node.js ${process.versions.node} is too old.`,
      'Install Node.js 20 or newer (https://nodejs.org); Weir brings its own Node 24 from there on.',
    )
  const here = `${process.platform} ${process.arch}`
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    fail(
      `Weir does not run on ${here}.`,
      'It needs Linux on x64 or arm64: use a Linux machine, a virtual machine, WSL 2, or docker compose (README.md).',
    )
  }
  // The report can wait for name servers when it looks up the peers of open sockets; it must not here.
  process.report.excludeNetwork = true
  if (process.report.getReport().header.glibcVersionRuntime === undefined) {
    fail(
      'This Linux has no glibc (Alpine?), and the pinned Node and PostgreSQL are built for glibc.',
      'Use Debian, Ubuntu, Fedora, RHEL or another glibc distribution, or docker compose (README.md).',
    )
  }
}

/** What the installed packages must match: the lock file, and the platform they were chosen for. */
function wanted() {
  const hash = createHash('sha256')
  hash.update(readFileSync(path.join(root, 'package-lock.json')))
  return `${hash.digest('hex')} ${process.platform} ${process.arch}`
}

function installed() {
  try {
    return readFileSync(marker, 'utf8').trim()
  } catch {
    return '' // No marker: never installed, or an install that was interrupted.
  }
}

const pinned = path.join(modules, `node-linux-${process.arch}`, 'bin', 'node')
const ready = () => installed() === wanted() && existsSync(pinned)

/**
 * Whether npm's own record of what it put into node_modules already holds everything the lock file asks for, as after `npm install PACKAGE`
 * by a developer: then a changed hash needs no new installation. Optional packages of other platforms are rightly absent.
 */
function complete() {
  try {
    const there = JSON.parse(readFileSync(path.join(modules, '.package-lock.json'), 'utf8')).packages
    const asked = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages
    return Object.entries(asked).every(
      ([place, entry]) =>
        !place.includes('node_modules/') || (there[place] === undefined ? entry.optional === true : there[place].version === entry.version),
    )
  } catch {
    return false // No or half an installation.
  }
}

/** A program on PATH that is not inside this checkout's node_modules (npm puts those first, and `npm ci` deletes them while running). */
function outside(name) {
  for (const dir of (process.env.PATH ?? '').split(path.delimiter)) {
    if (dir === '' || path.resolve(dir).startsWith(`${modules}${path.sep}`)) continue
    const file = path.join(dir, name)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // Not in this directory.
    }
  }
  return null
}

/** Run npm with its output kept aside; shows that time passes. Gives the exit code and the output. */
function npm(args, title) {
  const node = outside('node') ?? process.execPath
  const script = process.env.npm_execpath
  const useScript = script !== undefined && /\.c?js$/.test(script) && existsSync(script) && /npm/.test(path.basename(script))
  const command = useScript ? node : outside('npm')
  if (command === null) fail('npm was not found.', 'Install npm 10 or newer (Debian: apt-get install npm), then run this again.')
  // The settings of an outer `npm start` or of a shell (production, omit) must not change what is installed here.
  const env = { ...process.env }
  for (const key of Object.keys(env)) {
    if (
      /^npm_(lifecycle|package|command|node|execpath|config_(local_prefix|workspace|workspaces|omit|include|production|global|node_gyp))/i.test(
        key,
      )
    )
      delete env[key]
  }
  delete env.NODE_ENV
  delete env.NODE // npm's own hint at the Node of an outer script, which may be one that `npm ci` is about to delete.
  return new Promise((resolve) => {
    const child = spawn(command, [...(useScript ? [script] : []), ...args], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', (text) => {
        output = (output + text).slice(-200_000)
      })
    }
    const started = Date.now()
    const tty = process.stdout.isTTY
    const tick = setInterval(
      () => {
        const seconds = Math.round((Date.now() - started) / 1000)
        process.stdout.write(tty ? `\r… ${title}  ${seconds} s` : `… ${title}  ${seconds} s\n`)
      },
      tty ? 1000 : 15_000,
    )
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => child.kill(signal))
    child.on('error', (error) => {
      clearInterval(tick)
      resolve({ code: 1, output: String(error) })
    })
    child.on('close', (code, signal) => {
      clearInterval(tick)
      if (tty) process.stdout.write('\r\x1b[K')
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(name)
      if (signal !== null) process.exit(128 + osConstants.signals[signal])
      resolve({ code: code ?? 1, output })
    })
  })
}

/** One installer at a time: two would delete each other's files. A lock whose process is gone is taken over. */
async function lock() {
  const file = path.join(root, '.weir-install')
  for (let said = false; ; ) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' })
      const unlock = () => rmSync(file, { force: true })
      process.on('exit', unlock) // Also when a step fails and ends the process.
      return unlock
    } catch (error) {
      if (error.code === 'EACCES' || error.code === 'EROFS') {
        fail(`${root} is not writable for this user.`, 'Run as the user who owns the checkout, or clone it into a directory of your own.')
      }
      if (error.code !== 'EEXIST') throw error
      let alive = false
      try {
        const pid = Number(readFileSync(file, 'utf8'))
        alive = pid > 0 && readlinkSync(`/proc/${pid}/cwd`) !== ''
      } catch (cause) {
        alive = cause.code === 'EACCES' // Another user's process: it exists, we may only not look at it.
      }
      if (!alive) {
        rmSync(file, { force: true })
        continue
      }
      if (!said) process.stdout.write('… another process is installing the packages; waiting for it\n')
      said = true
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  }
}

const REMEDIES = [
  [/ENOSPC/, 'The disk is full.', 'Free at least 3 GB, or put npm’s cache elsewhere with npm_config_cache=DIR.'],
  [
    /ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|network/i,
    'The npm registry cannot be reached.',
    'Check the network, or name a mirror or proxy: npm config set registry URL, npm config set https-proxy URL.',
  ],
  [
    /E404|ETARGET|notarget/,
    'The npm registry lacks a package of package-lock.json.',
    'Use the full registry (npm config get registry shows which one is set), or refresh the mirror.',
  ],
  [
    /CERT|SELF_SIGNED|certificate/i,
    'The registry’s certificate is not trusted.',
    'Name your CA: npm config set cafile FILE (or NODE_EXTRA_CA_CERTS=FILE).',
  ],
  [
    /EACCES|EPERM/,
    'npm may not write here.',
    'Run as the owner of the checkout; for npm’s cache set npm_config_cache to a directory of your own.',
  ],
  [
    /EINTEGRITY/,
    'A downloaded package does not match its checksum.',
    'Clear the cache (npm cache clean --force) and run this again; if it persists, the mirror serves wrong files.',
  ],
]

async function install() {
  const unlock = await lock()
  try {
    if (ready()) return // Another process did it while we waited.
    if (existsSync(pinned) && complete()) {
      writeFileSync(marker, `${wanted()}\n`)
      return
    }
    const started = Date.now()
    const { bavail, bsize } = statfsSync(root)
    if (bavail * bsize < INSTALL_BYTES && !existsSync(pinned)) {
      fail(
        `Only ${(Number(bavail * bsize) / 1e9).toFixed(1)} GB are free on the disk of ${root}.`,
        'Installing needs 3 GB: free some, or clone onto a larger disk.',
      )
    }
    rmSync(marker, { force: true })
    const title = 'packages: installing (first time: about a minute)'
    process.stdout.write(`… ${title}\n`)
    const flags = [
      '--ignore-scripts',
      '--include=dev',
      '--include=optional',
      '--no-audit',
      '--no-fund',
      '--no-progress',
      '--loglevel=error',
    ]
    let result = await npm(['ci', ...flags], title)
    // A registry mirror without some other platform's packages makes `npm ci` refuse the lock; `npm install` takes the same versions from it.
    if (result.code !== 0 && /EUSAGE|can only install packages when|Missing: .* from lock file/.test(result.output)) {
      process.stdout.write('… packages: npm ci refuses the lock file here, trying npm install\n')
      result = await npm(['install', '--no-save', ...flags], title)
    }
    if (result.code !== 0 || !existsSync(pinned)) {
      mkdirSync(path.join(tmpdir(), 'weir'), { recursive: true })
      const log = path.join(tmpdir(), 'weir', `npm-${process.pid}.log`)
      writeFileSync(log, result.output)
      process.stderr.write(`${result.output.split('\n').slice(-15).join('\n')}\n`)
      const known = REMEDIES.find(([pattern]) => pattern.test(result.output))
      if (known) fail(known[1], `${known[2]} The whole output is in ${log}.`)
      if (result.code === 0)
        fail(
          `npm left out node-linux-${process.arch}, the Node that Weir runs on.`,
          'Allow optional packages (npm config get omit must not say optional) and use a registry that has it.',
        )
      fail(`npm ended with code ${result.code}.`, `Read ${log}.`)
    }
    writeFileSync(marker, `${wanted()}\n`)
    process.stdout.write(`✓ packages  installed in ${((Date.now() - started) / 1000).toFixed(1)} s\n`)
  } finally {
    unlock()
  }
}

/** Run the script on the pinned Node. */
async function hand(script, args) {
  const file = path.resolve(script)
  if (
    process.version === `v${JSON.parse(readFileSync(path.join(modules, `node-linux-${process.arch}`, 'package.json'), 'utf8')).version}`
  ) {
    process.argv = [process.execPath, file, ...args]
    await import(pathToFileURL(file).href)
    return
  }
  // The channel tells the child when this process is gone, however it went.
  const child = spawn(pinned, [file, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, WEIR_BOOTSTRAP: '1' },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH']) {
    if (signal === 'SIGUSR1') continue // Node's own: starts its inspector.
    process.on(signal, () => child.kill(signal))
  }
  child.on('error', (error) => fail(`The pinned Node does not start: ${error.message}`, `Delete ${modules} and run this again.`))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal) // Die of the same signal, as exec would have.
    setTimeout(() => process.exit(128 + osConstants.signals[signal]), 100)
  })
}

const [script, ...args] = process.argv.slice(2)
if (script === undefined)
  fail('No script was named.', 'Use it as: node scripts/bootstrap.mjs SCRIPT [ARGS…]; people type npm start, npm test or bin/weir.')
checkPlatform()
if (!existsSync(path.join(root, 'package-lock.json'))) fail('package-lock.json is missing.', 'Take a complete checkout.')
if (!ready()) await install()
await hand(script, args)
