import { FILTER_FIELDS, type Field, fieldByName, filterField } from './fields.ts'
import { fieldOperators } from './filter.ts'
import { type Token, tokenize } from './filter-tokens.ts'
import { valueExample } from './filter-values.ts'
import { parseAddress } from './ip.ts'
import { FLOW_TYPES, PROTOCOL_NAMES, protocolByName, SERVICE_NAMES, TCP_FLAGS } from './services.ts'

/** One thing that could stand at the cursor. */
export interface Completion {
  /** What is inserted instead of `from`…`to`. */
  text: string
  kind: 'field' | 'operator' | 'value' | 'keyword'
  /** For people: the field's help, the port's number. */
  detail: string
}

export interface Completions {
  /** UTF-16 offsets of the word under the cursor that a choice replaces. */
  from: number
  to: number
  /** The field whose operator or value is being written, so that the caller can offer values of its own. */
  field: string | null
  items: Completion[]
}

/** Values only the caller knows, by field name: exporters, interfaces, AS numbers. */
export type CompletionHints = Readonly<Record<string, readonly { text: string; detail: string }[]>>

type State = 'operand' | 'operator' | 'value' | 'list-open' | 'list-value' | 'list-next' | 'is' | 'is-not' | 'not-in' | 'joined' | 'broken'

/** What the tokens before the cursor lead to: a hand-driven walk of the grammar, which needs no complete filter. */
function walk(tokens: readonly Token[]): { state: State; field: Field | null; depth: number } {
  let state: State = 'operand'
  let field: Field | null = null
  let depth = 0
  for (const [index, token] of tokens.entries()) {
    const word = token.type === 'word' ? token.text.toLowerCase() : ''
    const symbol = token.type === 'symbol' ? token.text : ''
    const afterArrow = tokens[index - 1]?.text === '->' || tokens[index - 1]?.text === '<->'
    switch (state) {
      case 'operand':
        if (symbol === '(') depth += 1
        else if (word !== 'not') {
          field = filterField(word) ?? null
          state = field !== null ? 'operator' : isBare(token) ? 'joined' : 'broken'
        }
        break
      case 'operator':
        if (word === 'in') state = 'list-open'
        else if (word === 'not') state = 'not-in'
        else if (word === 'is') state = 'is'
        else state = field !== null && fieldOperators(field).some((known) => known === (symbol || word)) ? 'value' : 'broken'
        break
      case 'not-in':
        state = word === 'in' ? 'list-open' : 'broken'
        break
      case 'is':
        state = word === 'not' ? 'is-not' : word === '' ? 'broken' : 'joined'
        break
      case 'is-not':
        state = word === '' ? 'broken' : 'joined'
        break
      case 'value':
        state = symbol === '' ? 'joined' : 'broken'
        break
      case 'list-open':
        state = symbol === '(' ? 'list-value' : 'broken'
        break
      case 'list-value':
        state = symbol === '' ? 'list-next' : 'broken'
        break
      case 'list-next':
        if (symbol === ',' || symbol === '->' || symbol === '<->') state = 'list-value'
        else state = symbol === ')' ? 'joined' : 'broken'
        break
      case 'joined':
        if (word === 'and' || word === 'or') {
          state = 'operand'
          field = null
        } else if ((symbol === '->' || symbol === '<->') && !afterArrow) state = 'value'
        else if (symbol === ')' && depth > 0) depth -= 1
        else state = 'broken'
        break
      case 'broken':
        return { state, field, depth }
    }
  }
  return { state, field, depth }
}

function isBare(token: Token): boolean {
  return token.type === 'word' && (protocolByName(token.text) !== null || parseAddress(token.text.split('/')[0] ?? '') !== null)
}

const LIMIT = 50

/** What could stand at the cursor of a filter being written, best first, at most 50. Never throws. */
export function completions(text: string, cursor: number, hints: CompletionHints = {}): Completions {
  const at = Math.max(0, Math.min(cursor, text.length))
  const tokens = tokensBefore(text.slice(0, at))
  if (tokens === null) return { from: at, to: at, field: null, items: [] }
  const last = tokens.at(-1)
  const touching = last !== undefined && last.type !== 'symbol' && last.position + last.length === at
  const before = touching ? tokens.slice(0, -1) : tokens
  const prefix = touching && last !== undefined ? last.text.toLowerCase() : ''
  const { state, field, depth } = walk(before)
  const items = rank(candidates(state, field, depth, hints), prefix)
  return { from: touching && last !== undefined ? last.position : at, to: at, field: field?.name ?? null, items }
}

function tokensBefore(text: string): Token[] | null {
  try {
    return tokenize(text, true).filter((token) => token.type !== 'end')
  } catch {
    // A text that cannot be cut into tokens has its own message from the parser; there is nothing to complete in it.
    return null
  }
}

function rank(items: readonly Completion[], prefix: string): Completion[] {
  if (prefix === '') return items.slice(0, LIMIT)
  const bare = (text: string): string => text.toLowerCase().replace(/^"/, '')
  const starts = items.filter((item) => bare(item.text).startsWith(prefix))
  const contains = items.filter(
    (item) => !bare(item.text).startsWith(prefix) && (bare(item.text).includes(prefix) || item.detail.toLowerCase().includes(prefix)),
  )
  return [...starts, ...contains].slice(0, LIMIT)
}

function candidates(state: State, field: Field | null, depth: number, hints: CompletionHints): Completion[] {
  const keyword = (text: string, detail: string): Completion => ({ text, kind: 'keyword', detail })
  switch (state) {
    case 'operand':
      return [
        ...FILTER_FIELDS.map((known): Completion => ({ text: known.name, kind: 'field', detail: known.help })),
        keyword('not', 'the opposite of what follows'),
        keyword('(', 'a group'),
      ]
    case 'operator':
      return field === null
        ? []
        : [
            ...fieldOperators(field).map(
              (operator): Completion => ({ text: operator, kind: 'operator', detail: OPERATOR_HELP[operator] ?? '' }),
            ),
            { text: 'in (', kind: 'operator', detail: 'is one of' },
            { text: 'not in (', kind: 'operator', detail: 'is none of' },
            { text: 'is unknown', kind: 'operator', detail: 'was not exported or found' },
            { text: 'is not unknown', kind: 'operator', detail: 'is known' },
          ]
    case 'not-in':
      return [{ text: 'in (', kind: 'operator', detail: 'is none of' }]
    case 'is':
      return [keyword('unknown', 'was not exported or found'), keyword('not unknown', 'is known')]
    case 'is-not':
      return [keyword('unknown', 'is known')]
    case 'list-open':
      return [keyword('(', 'opens the list')]
    case 'list-next':
      return [keyword(',', 'another value'), keyword(')', 'ends the list')]
    case 'value':
    case 'list-value':
      return field === null ? [] : values(field, hints)
    case 'joined':
      return [keyword('and', 'both'), keyword('or', 'either'), ...(depth > 0 ? [keyword(')', 'ends the group')] : [])]
    case 'broken':
      return []
  }
}

const OPERATOR_HELP: Readonly<Record<string, string>> = {
  '=': 'is',
  '!=': 'is not',
  '<': 'is below',
  '<=': 'is at most',
  '>': 'is above',
  '>=': 'is at least',
  has: 'includes these flags',
}

function values(field: Field, hints: CompletionHints): Completion[] {
  const own = [...(hints[field.name] ?? []), ...field.columns.flatMap((column) => (column === field.name ? [] : (hints[column] ?? [])))]
  const known = own.map(({ text, detail }): Completion => ({ text, kind: 'value', detail }))
  return [...known, ...catalogueValues(field)]
}

function catalogueValues(field: Field): Completion[] {
  const value = (text: string, detail: string): Completion => ({ text, kind: 'value', detail })
  switch (field.type) {
    case 'proto':
      return PROTOCOL_NAMES.map(({ name, number, label }) => value(name, `${label}, ${number}`)).sort(
        (a, b) => order(a.text) - order(b.text),
      )
    case 'port':
      return SERVICE_NAMES.map(({ name, port }) => value(String(port), name))
    case 'service':
      return [...SERVICE_NAMES.map(({ name, port }) => value(name, `port ${port}`)), value('icmp', 'protocol 1')]
    case 'flags':
      return [...TCP_FLAGS.map((flag) => value(flag, 'TCP flag')), value('syn+ack', 'both'), value('none', 'no flag at all')]
    case 'flow-type':
      return FLOW_TYPES.map(([, name]) => value(name, 'export format'))
    case 'boundary':
      return [value('external', 'interfaces towards the outside'), value('internal', 'interfaces within')]
    case 'number':
      if (field.name === 'etype') return [value('2048', 'IPv4'), value('34525', 'IPv6'), value('2054', 'ARP')]
      return [value(valueExample(field), field.unit ?? 'a number')]
    default: {
      const example = fieldByName(field.name) === undefined ? [] : [value(valueExample(field), 'for example')]
      return example
    }
  }
}

/** The protocols people mean most often first. */
function order(name: string): number {
  const index = ['tcp', 'udp', 'icmp', 'icmp6', 'gre', 'esp'].indexOf(name)
  return index < 0 ? 99 : index
}
