import { stripVTControlCharacters } from 'node:util'

const colour = process.stdout.isTTY && process.env.NO_COLOR === undefined && process.env.TERM !== 'dumb'
const paint = (code: number, text: string) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text)

const began = Date.now()

/** Seconds since this process started its work. */
export const sinceStart = () => (Date.now() - began) / 1000

export const say = {
  line(text: string): void {
    process.stdout.write(`${text}\n`)
  },
  ok(what: string, detail = '', seconds?: number): void {
    const time = seconds === undefined ? '' : paint(2, `  ${seconds.toFixed(1)} s`)
    process.stdout.write(`${paint(32, '✓')} ${what.padEnd(10)} ${detail}${time}\n`)
  },
  wait(what: string, detail: string): void {
    process.stdout.write(`${paint(2, '…')} ${what.padEnd(10)} ${detail}\n`)
  },
  warn(what: string, detail: string): void {
    process.stdout.write(`${paint(33, '!')} ${what.padEnd(10)} ${detail}\n`)
  },
  fail(what: string, remedy: string): void {
    process.stderr.write(`\n${paint(31, '✗')} ${what}\n  ${paint(1, '→')} ${remedy}\n`)
  },
  bold: (text: string) => paint(1, text),
}

/** Run one step and say how it went and how long it took; `detail` may depend on what came out. */
export async function step<T>(what: string, work: () => Promise<T>, detail: (result: T) => string): Promise<T> {
  const started = Date.now()
  const result = await work()
  say.ok(what, detail(result), (Date.now() - started) / 1000)
  return result
}

const LEVELS: Record<string, number> = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 }

/** pino's level as its number; some write the word. */
function levelOf(level: unknown): number {
  if (typeof level === 'number') return level
  return typeof level === 'string' ? (LEVELS[level] ?? 30) : 30
}

/** A line of a child's output made fit for the screen: pino's JSON becomes its message, control characters go. */
export function readable(line: string): { level: number; text: string } {
  if (line.startsWith('{')) {
    try {
      const entry: unknown = JSON.parse(line)
      if (typeof entry === 'object' && entry !== null && 'msg' in entry) {
        const level = levelOf('level' in entry ? entry.level : undefined)
        const err =
          'err' in entry && typeof entry.err === 'object' && entry.err !== null && 'message' in entry.err ? `: ${entry.err.message}` : ''
        const remedy = 'remedy' in entry && typeof entry.remedy === 'string' ? ` → ${entry.remedy}` : ''
        return { level, text: stripVTControlCharacters(`${entry.msg}${err}${remedy}`) }
      }
    } catch {
      // Not JSON after all: shown as it is.
    }
  }
  return { level: 30, text: stripVTControlCharacters(line) }
}
