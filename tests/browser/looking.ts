/** What the browser tests look at on every page: complaints, axe-core, width, sizes, and a picture for people. */
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { ROOT } from '../support/program.ts'
import { until } from '../support/wait.ts'

export const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
export const PATIENT = 25_000
const SHOTS = path.join(ROOT, 'test-results', 'screens')

declare global {
  var axe: { run: (options: object) => Promise<AxeResults> }
}

/** Collect what the browser complains about: script errors, refused content, requests to anybody else. */
export function watch(page: Page, complaints: string[]): void {
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`))
  page.on('console', (message) => {
    // An HTTP status is judged where it is asked for; a sign-in with a wrong password is one on purpose, and so is a line that is cut.
    if (message.type() === 'error' && !/Failed to load resource|WebSocket connection/.test(message.text()))
      complaints.push(`${page.url()}: ${message.text()}`)
  })
  page.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url())
    if (protocol.startsWith('http') && !['localhost', '127.0.0.1'].includes(hostname))
      complaints.push(`asks ${hostname} for ${request.url()}`)
  })
}

export async function shot(page: Page, name: string, whole = false): Promise<void> {
  mkdirSync(SHOTS, { recursive: true })
  await page.screenshot({ path: path.join(SHOTS, `${name}.png`), animations: 'disabled', fullPage: whole })
}

/** Serious and critical findings of axe-core on the present page, as one line each. */
export async function violations(page: Page): Promise<string[]> {
  const found = await page.evaluate(async () => await globalThis.axe.run({ resultTypes: ['violations'] }))
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, nodes }) =>
        `${id}: ${nodes
          .slice(0, 3)
          .map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary ?? ''}`)
          .join(' | ')}`,
    )
}

/** Wait until nothing on the page says that it is still loading. */
export async function settled(page: Page): Promise<void> {
  await page.locator('main').first().waitFor({ timeout: PATIENT })
  await until(
    'the skeletons to go',
    async () => (await page.locator('main [aria-busy="true"], main [role="status"][aria-label="Loading"], [data-skeleton]').count()) === 0,
    20_000,
    200,
  ).catch(() => undefined)
}

/** Controls of the page that a thumb would miss: drawn, and less than 44 px high with what reaches beyond them. Links in running text are none. */
export async function tooSmall(page: Page): Promise<string[]> {
  return await page.evaluate(() => {
    const height = (element: Element): number => {
      const beyond = ['::before', '::after'].map((side) => {
        const style = getComputedStyle(element, side)
        return style.content === 'none' || style.position !== 'absolute' ? 0 : Number.parseFloat(style.height) || 0
      })
      return Math.max(element.getBoundingClientRect().height, ...beyond)
    }
    return [...document.querySelectorAll('main button, main a, main summary, main input:not([type=checkbox]), [role=dialog] button')]
      .filter((element) => {
        const box = element.getBoundingClientRect()
        return box.width > 0 && box.height > 0 && getComputedStyle(element).display !== 'inline' && height(element) < 43.5
      })
      .map((element) => `${(element.textContent ?? '').trim().slice(0, 40)} (${Math.round(height(element))} px)`)
  })
}

/**
 * The present page as people meet it: light and dark, on a desk and on a phone. A picture of each; no serious finding of axe-core, nothing
 * wider than the phone, nothing on it too small for a thumb. Leaves the page light and wide.
 */
export async function look(page: Page, name: string): Promise<void> {
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme })
    for (const [width, height] of [
      [1440, 900],
      [390, 844],
    ] as const) {
      await page.setViewportSize({ width, height })
      // Charts measure their box and draw again.
      await page.waitForTimeout(400)
      const where = `${name} ${scheme} ${width}`
      await shot(page, where.replaceAll(' ', '-'))
      expect.soft(await violations(page), where).toEqual([])
      expect
        .soft(await page.evaluate(() => document.documentElement.scrollWidth), `${where}: wider than it may be`)
        .toBeLessThanOrEqual(width)
      if (width === 390) expect.soft(await tooSmall(page), `${where}: too small for a thumb`).toEqual([])
    }
  }
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 1440, height: 900 })
}

/** What has the focus, as a screen reader would name it. */
export const focusName = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const element = document.activeElement
    if (element === null || element === document.body) return ''
    const labelled = element.getAttribute('aria-labelledby')
    const label = element.id === '' ? null : document.querySelector(`label[for="${CSS.escape(element.id)}"]`)
    return (
      element.getAttribute('aria-label') ??
      (labelled === null ? null : document.getElementById(labelled)?.textContent) ??
      label?.textContent ??
      element.textContent ??
      ''
    ).trim()
  })

/** Walk by Tab alone until the focus is on what is called `name`. Fails after 150 steps, saying where it has been. */
export async function tabTo(page: Page, name: RegExp): Promise<void> {
  const been: string[] = []
  for (let step = 0; step < 150; step++) {
    const here = await focusName(page)
    if (name.test(here)) return
    been.push(here.slice(0, 30))
    await page.keyboard.press('Tab')
  }
  throw new Error(`Tab never came to ${name}; it was on: ${[...new Set(been)].join(' · ')}`)
}
