/**
 * The filter language: one for URLs, the API, rules and blocks. Pure; runs in the browser.
 *
 * ```
 * filter    = [ or ]
 * or        = and *( "or" and )
 * and       = not *( "and" not )
 * not       = "not" not | "(" or ")" | condition
 * condition = field operator value | field "has" flags | field [ "not" ] "in" "(" value *( "," value ) ")"
 *           | field "is" [ "not" ] ( "unknown" | "null" ) | field "is" "known" | address | protocol
 * operator  = "=" | "!=" | "<" | "<=" | ">" | ">="
 * ```
 *
 * Words are case-insensitive; `==`, `<>`, `&&`, `||` and `!` are read as `=`, `!=`, `and`, `or` and `not`. A bare address means either
 * end, a bare protocol name that protocol. Values may be ranges (`1024..2048`), networks, names of services and protocols, quoted names.
 */
import { didYouMean, FILTER_FIELDS, type Field, fieldByName, filterField } from './fields.ts'
import { type CompareOperator, FILTER_LIMITS, type Filter, FilterError, type FilterValue } from './filter-ast.ts'
import { type Token, tokenize } from './filter-tokens.ts'
import { printValue, readPairEnd, readValue, valueExample } from './filter-values.ts'
import { parseAddress } from './ip.ts'
import { protocolByName } from './services.ts'

export {
  type CompareOperator,
  eachCondition,
  FILTER_LIMITS,
  type Filter,
  FilterError,
  type FilterValue,
  type PairEnd,
} from './filter-ast.ts'

/** The operators a field takes, `in` and `is` aside, which all take. */
export function fieldOperators(field: Field): readonly CompareOperator[] {
  switch (field.type) {
    case 'number':
    case 'port':
    case 'as':
    case 'duration':
      return ['=', '!=', '<', '<=', '>', '>=']
    case 'flags':
      return ['=', '!=', 'has']
    default:
      return ['=', '!=']
  }
}

/** Parse a filter text; null for one without any words, which selects everything. Throws `FilterError` and nothing else. */
export function parseFilter(text: string): Filter | null {
  return new Parser(tokenize(text)).parse()
}

class Parser {
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0
  #conditions = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  parse(): Filter | null {
    if (this.#peek().type === 'end') return null
    const filter = this.#any()
    const rest = this.#peek()
    if (rest.type === 'end') return filter
    if (rest.text === ')') throw this.#error(rest, "')' closes nothing.", "Remove it, or open with '(' before.", ['and', 'or'])
    throw this.#error(rest, `'${rest.text}' stands where the condition has ended.`, "Join conditions with 'and' or 'or'.", ['and', 'or'])
  }

  #peek(): Token {
    const token = this.#tokens[this.#at]
    if (token === undefined) throw new RangeError('the token list ends with an end token')
    return token
  }

  #take(): Token {
    const token = this.#peek()
    if (token.type !== 'end') this.#at += 1
    return token
  }

  /** Takes the next token when it is that word or symbol. */
  #accept(text: string): boolean {
    const token = this.#peek()
    const same = token.type === 'symbol' ? token.text === text : token.type === 'word' && token.text.toLowerCase() === text
    if (same) this.#at += 1
    return same
  }

  #error(token: Token, message: string, remedy: string, expected: readonly string[]): FilterError {
    return new FilterError(message, remedy, token.position, token.length, expected)
  }

  #any(): Filter {
    return this.#chain('or', () => this.#chain('and', () => this.#negatable()))
  }

  /** Items joined by one word; `and` within `and` is flattened, so that parentheses which change nothing leave no trace. */
  #chain(kind: 'and' | 'or', next: () => Filter): Filter {
    const first = next()
    const items = first.kind === kind ? [...first.items] : [first]
    let joined = false
    while (this.#accept(kind)) {
      joined = true
      const item = next()
      if (item.kind === kind) items.push(...item.items)
      else items.push(item)
    }
    return joined ? { kind, items } : first
  }

  #negatable(): Filter {
    const token = this.#peek()
    if (this.#accept('not')) return this.#deeper(token, () => ({ kind: 'not', item: this.#negatable() }))
    if (!this.#accept('(')) return this.#condition()
    return this.#deeper(token, () => {
      const inner = this.#any()
      const close = this.#peek()
      if (!this.#accept(')')) throw this.#error(close, "A '(' is not closed.", "Add ')'.", [')', 'and', 'or'])
      return inner
    })
  }

  #deeper(token: Token, read: () => Filter): Filter {
    this.#depth += 1
    if (this.#depth > FILTER_LIMITS.depth) {
      throw this.#error(token, `More than ${FILTER_LIMITS.depth} levels of parentheses and 'not'.`, 'Write it flatter.', [])
    }
    const filter = read()
    this.#depth -= 1
    return filter
  }

  #condition(): Filter {
    const token = this.#take()
    if (token.type === 'end')
      throw this.#error(token, 'A condition is missing at the end.', 'Write one, such as proto = tcp.', FIELD_EXPECTED)
    if (token.type !== 'word') {
      throw this.#error(
        token,
        `'${token.text}' stands where a field should.`,
        'Start a condition with a field, such as src_addr.',
        FIELD_EXPECTED,
      )
    }
    this.#conditions += 1
    if (this.#conditions > FILTER_LIMITS.conditions) {
      throw this.#error(token, `More than ${FILTER_LIMITS.conditions} conditions.`, 'Write several values of a field as one list.', [])
    }
    const field = filterField(token.text)
    if (field !== undefined) return this.#comparison(field)
    return this.#bare(token)
  }

  /** `10.0.0.1` alone means `addr = 10.0.0.1`, `tcp` alone `proto = tcp`. */
  #bare(token: Token): Filter {
    if (parseAddress(token.text.split(/\/|\.\./)[0] ?? '') !== null) {
      const addr = fieldByName('addr')
      if (addr !== undefined) return { kind: 'compare', field: 'addr', operator: '=', value: readValue(addr, token) }
    }
    const proto = /^\d/.test(token.text) ? null : protocolByName(token.text)
    if (proto !== null) return { kind: 'compare', field: 'proto', operator: '=', value: { kind: 'number', value: proto } }
    const near = didYouMean(
      token.text,
      FILTER_FIELDS.map(({ name }) => name),
    )
    throw this.#error(
      token,
      `'${token.text}' is not a field.`,
      near === null ? 'Use a field such as src_addr, dst_port, proto, exporter.' : `Did you mean ${near}?`,
      near === null ? FIELD_EXPECTED : [near],
    )
  }

  #comparison(field: Field): Filter {
    const operators = fieldOperators(field)
    const token = this.#take()
    const word = token.text.toLowerCase()
    if (token.type === 'word' && word === 'is') return this.#unknown(field)
    if (token.type === 'word' && word === 'in') return this.#list(field, false)
    if (token.type === 'word' && word === 'not') {
      const after = this.#peek()
      if (this.#accept('in')) return this.#list(field, true)
      throw this.#error(after, `'not' after ${field.name} needs 'in'.`, `Write ${field.name} not in (…), or not ${field.name} = ….`, ['in'])
    }
    const operator = operators.find((known) => known === word)
    if (operator === undefined || token.type === 'string') {
      const expected = [...operators, 'in', 'not in', 'is unknown']
      if (token.type === 'symbol' && ['<', '<=', '>', '>='].includes(token.text)) {
        const remedy = field.type === 'address' ? 'Write a network or a range such as 10.0.0.10..10.0.0.20.' : `Use ${expected.join(', ')}.`
        throw this.#error(token, `${field.name} has no order, so '${token.text}' does not apply.`, remedy, expected)
      }
      if (token.type === 'word' && word === 'has') {
        throw this.#error(token, `'has' is for TCP flags; ${field.name} has none.`, `Use ${expected.join(', ')}.`, expected)
      }
      const shown = token.type === 'end' ? `${field.name} is not compared with anything.` : `'${token.text}' is not an operator.`
      throw this.#error(token, shown, `Write, for example, ${field.name} = ${valueExample(field)}.`, expected)
    }
    const value = this.#value(field)
    if (value === null) return { kind: 'unknown', field: field.name, negated: this.#unknownNegation(operator, token) }
    if (operator !== '=' && operator !== '!=' && value.kind !== 'number') {
      throw this.#error(token, `'${operator}' compares with one number.`, `Write ${field.name} = for a range.`, ['=', '!='])
    }
    return { kind: 'compare', field: field.name, operator, value }
  }

  #unknownNegation(operator: CompareOperator, token: Token): boolean {
    if (operator === '=') return false
    if (operator === '!=') return true
    throw this.#error(token, `'${operator}' does not compare with unknown.`, "Write 'is unknown'.", ['='])
  }

  #unknown(field: Field): Filter {
    const negated = this.#accept('not')
    const token = this.#peek()
    if (this.#accept('unknown') || this.#accept('null')) return { kind: 'unknown', field: field.name, negated }
    if (!negated && this.#accept('known')) return { kind: 'unknown', field: field.name, negated: true }
    throw this.#error(token, `'is' asks whether ${field.name} is known.`, `Write ${field.name} is unknown, or use =.`, [
      'unknown',
      'not unknown',
    ])
  }

  #list(field: Field, negated: boolean): Filter {
    const open = this.#peek()
    if (!this.#accept('(')) throw this.#error(open, "'in' needs a list.", `Write ${field.name} in (${valueExample(field)}, …).`, ['('])
    const values: FilterValue[] = []
    do {
      const at = this.#peek()
      const value = this.#value(field)
      if (value === null) throw this.#error(at, 'A list holds values only.', `Write … or ${field.name} is unknown.`, [valueExample(field)])
      values.push(value)
      if (values.length > FILTER_LIMITS.listValues) {
        throw this.#error(at, `More than ${FILTER_LIMITS.listValues} values in one list.`, 'Use networks or ranges instead.', [])
      }
    } while (this.#accept(','))
    const close = this.#peek()
    if (!this.#accept(')')) throw this.#error(close, 'The list is not closed.', "Add ',' and another value, or ')'.", [',', ')'])
    return { kind: 'in', field: field.name, negated, values }
  }

  /** One value; null for the word unknown. */
  #value(field: Field): FilterValue | null {
    const token = this.#take()
    if (token.type === 'end' || token.type === 'symbol') {
      const message = token.type === 'end' ? 'A value is missing at the end.' : `'${token.text}' stands where a value should.`
      throw this.#error(token, message, `Write, for example, ${valueExample(field)}.`, [valueExample(field)])
    }
    const next = this.#peek()
    const arrow = next.type === 'symbol' && (next.text === '->' || next.text === '<->')
    if (!arrow && token.type === 'word' && /^(unknown|null)$/i.test(token.text)) return null
    if (field.type !== 'conversation' && field.type !== 'as-pair' && field.type !== 'country-pair') return readValue(field, token)
    const src = readPairEnd(field.type, token)
    if (!arrow) {
      throw this.#error(next, `${field.name} compares two ends.`, `Write, for example, ${valueExample(field)}.`, ['->', '<->'])
    }
    this.#take()
    const end = this.#take()
    if (end.type === 'end' || end.type === 'symbol') {
      throw this.#error(end, 'The second end is missing.', `Write, for example, ${valueExample(field)}.`, [])
    }
    return { kind: 'pair', src, dst: readPairEnd(field.type, end), both: next.text === '<->' }
  }
}

const FIELD_EXPECTED = ['a field', 'not', '('] as const

/** Canonical text of a filter: `parseFilter(printFilter(x))` is `x` again. '' for null. */
export function printFilter(filter: Filter | null): string {
  if (filter === null) return ''
  switch (filter.kind) {
    case 'and':
      return filter.items.map((item) => (item.kind === 'or' ? `(${printFilter(item)})` : printFilter(item))).join(' and ')
    case 'or':
      return filter.items.map((item) => printFilter(item)).join(' or ')
    case 'not':
      return filter.item.kind === 'and' || filter.item.kind === 'or'
        ? `not (${printFilter(filter.item)})`
        : `not ${printFilter(filter.item)}`
    case 'compare':
      return `${filter.field} ${filter.operator} ${printValue(catalogued(filter.field), filter.value)}`
    case 'in':
      return `${filter.field} ${filter.negated ? 'not in' : 'in'} (${filter.values.map((value) => printValue(catalogued(filter.field), value)).join(', ')})`
    case 'unknown':
      return `${filter.field} is ${filter.negated ? 'not ' : ''}unknown`
  }
}

/** The catalogue's field of a parsed filter. Throws RangeError for a name no parser gave. */
export function catalogued(name: string): Field {
  const field = fieldByName(name)
  if (field === undefined) throw new RangeError(`'${name}' is not in the field catalogue`)
  return field
}

/** The top-level conditions of a filter text, each as canonical text: what the filter bar shows as chips. Throws `FilterError`. */
export function filterParts(text: string): string[] {
  const filter = parseFilter(text)
  if (filter === null) return []
  return (filter.kind === 'and' ? filter.items : [filter]).map(printFilter)
}

/** Both filters as one canonical text; a condition that already stands is not repeated. Throws `FilterError` when either does not parse. */
export function addToFilter(text: string, expression: string): string {
  const parts = new Set([...filterParts(text), ...filterParts(expression)])
  return joinParts([...parts])
}

/** The filter without one of its top-level conditions. Throws `FilterError`. */
export function removeFromFilter(text: string, part: string): string {
  const gone = new Set(filterParts(part))
  return joinParts(filterParts(text).filter((kept) => !gone.has(kept)))
}

function joinParts(parts: readonly string[]): string {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return only
  return parts.map((part) => (parseFilter(part)?.kind === 'or' ? `(${part})` : part)).join(' and ')
}
