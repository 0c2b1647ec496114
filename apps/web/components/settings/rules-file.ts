import { protocolByName } from '@weir/db/contracts'
import type { RuleInput } from './settings-data.ts'

/** What a file of service rules holds, and every line that could not be read, by its number. */
export interface ReadRules {
  rules: RuleInput[]
  problems: { line: number; message: string }[]
}

const COLUMNS = ['name', 'prefix', 'proto', 'port'] as const

/** One CSV line as fields (RFC 4180: quotes, doubled quotes); null when a quote is not closed. */
export function csvFields(line: string): string[] | null {
  const fields: string[] = []
  let rest = line
  for (;;) {
    const quoted = /^\s*"((?:[^"]|"")*)"\s*(,|$)/.exec(rest)
    if (quoted !== null) {
      fields.push((quoted[1] ?? '').replaceAll('""', '"'))
      if (quoted[2] === '') return fields
      rest = rest.slice(quoted[0].length)
      continue
    }
    if (/^\s*"/.test(rest)) return null
    const comma = rest.indexOf(',')
    if (comma < 0) return [...fields, rest.trim()]
    fields.push(rest.slice(0, comma).trim())
    rest = rest.slice(comma + 1)
  }
}

/** 'tcp', '6', 'any' or '' → number, null for any, undefined when it is neither. */
function protoOf(text: string): number | null | undefined {
  if (text === '' || text === '*' || text.toLowerCase() === 'any') return null
  const number = /^\d{1,3}$/.test(text) ? Number(text) : protocolByName(text)
  return number === null || number > 255 ? undefined : number
}

/** '443', '8000-8010', 'any' or '' → [low, high]; undefined when it is none of these. */
export function portsOf(text: string): [number | null, number | null] | undefined {
  if (text === '' || text === '*' || text.toLowerCase() === 'any') return [null, null]
  const match = /^(\d{1,5})(?:\s*[-–]\s*(\d{1,5}))?$/.exec(text)
  if (match === null) return undefined
  const low = Number(match[1])
  const high = match[2] === undefined ? null : Number(match[2])
  return low > 65_535 || (high ?? 0) > 65_535 || (high !== null && high < low) ? undefined : [low, high]
}

function ruleOf(fields: Record<(typeof COLUMNS)[number], string>): RuleInput | string {
  const proto = protoOf(fields.proto)
  const ports = portsOf(fields.port)
  if (fields.name === '') return 'the name is empty'
  if (proto === undefined) return `“${fields.proto}” is no protocol; write tcp, udp or a number`
  if (ports === undefined) return `“${fields.port}” is no port; write 443 or 8000-8010`
  const prefix = fields.prefix === '' || fields.prefix === '*' || fields.prefix.toLowerCase() === 'any' ? null : fields.prefix
  if (prefix === null && proto === null && ports[0] === null)
    return 'a rule needs a prefix, a protocol or a port, or it would name everything'
  return { name: fields.name, prefix, proto, portLow: ports[0], portHigh: ports[1] }
}

function readCsv(text: string): ReadRules {
  const read: ReadRules = { rules: [], problems: [] }
  let order: readonly string[] = COLUMNS
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === '' || line.trimStart().startsWith('#')) return
    const fields = csvFields(line)
    if (fields === null) {
      read.problems.push({ line: index + 1, message: 'a quote is not closed' })
      return
    }
    const lower = fields.map((field) => field.toLowerCase())
    if (read.rules.length === 0 && read.problems.length === 0 && lower.includes('name')) {
      order = lower.map((field) => (field === 'protocol' ? 'proto' : field === 'ports' ? 'port' : field))
      return
    }
    const at = (column: string) => fields[order.indexOf(column)] ?? ''
    const rule = ruleOf({ name: at('name'), prefix: at('prefix'), proto: at('proto'), port: at('port') })
    if (typeof rule === 'string') read.problems.push({ line: index + 1, message: rule })
    else read.rules.push(rule)
  })
  return read
}

const plain = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value).trim() : '')

function readJson(text: string): ReadRules {
  const read: ReadRules = { rules: [], problems: [] }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { rules: [], problems: [{ line: 1, message: error instanceof Error ? error.message : 'not JSON' }] }
  }
  const list: unknown = typeof value === 'object' && value !== null && 'rules' in value ? value.rules : value
  if (!Array.isArray(list)) return { rules: [], problems: [{ line: 1, message: 'expected a list of rules, or an object with “rules”' }] }
  list.forEach((entry: unknown, index) => {
    const fields = new Map(typeof entry === 'object' && entry !== null ? Object.entries(entry) : [])
    const low = plain(fields.get('portLow'))
    const high = plain(fields.get('portHigh'))
    const port = plain(fields.get('port') ?? fields.get('ports')) || (low === '' ? '' : high === '' ? low : `${low}-${high}`)
    const rule = ruleOf({
      name: plain(fields.get('name')),
      prefix: plain(fields.get('prefix')),
      proto: plain(fields.get('proto') ?? fields.get('protocol')),
      port,
    })
    if (typeof rule === 'string') read.problems.push({ line: index + 1, message: `entry ${index + 1}: ${rule}` })
    else read.rules.push(rule)
  })
  return read
}

/** Read service rules from CSV (`name,prefix,proto,port`, header optional, # comments) or JSON (a list, or `{"rules": […]}`). */
export function readRules(text: string): ReadRules {
  return /^\s*[[{]/.test(text) ? readJson(text) : readCsv(text)
}
