import { FILTER_LIMITS, FilterError } from './filter-ast.ts'

/** `symbol`: an operator, parenthesis, comma or arrow, in its canonical spelling in `text`. */
export interface Token {
  type: 'word' | 'string' | 'symbol' | 'end'
  /** A word as typed; a string without quotes and escapes. */
  text: string
  position: number
  length: number
}

/** What may be inside an unquoted word: names, numbers, addresses, MACs, prefixes, ranges, `syn+ack`, `192.0.2.1#3`. */
const WORD = /[A-Za-z0-9_.:/#%+@*-]/

/** Longest first. Each spelling with the canonical one. */
const SYMBOLS: readonly (readonly [string, string])[] = [
  ['<->', '<->'],
  ['->', '->'],
  ['!=', '!='],
  ['<>', '!='],
  ['<=', '<='],
  ['>=', '>='],
  ['==', '='],
  ['&&', 'and'],
  ['||', 'or'],
  ['=', '='],
  ['<', '<'],
  ['>', '>'],
  ['(', '('],
  [')', ')'],
  [',', ','],
  ['!', 'not'],
]

/**
 * Cut a filter text into tokens, the last of type 'end'. Throws `FilterError` for a text over the limit, a character that belongs to
 * nothing, or a quote that is not closed; with `lenient` an open quote ends with the text instead.
 */
export function tokenize(text: string, lenient = false): Token[] {
  if (text.length > FILTER_LIMITS.length) {
    throw new FilterError(
      `The filter has ${text.length} characters; ${FILTER_LIMITS.length} is the most.`,
      'Write several values as one list, such as dst_port in (53, 443), or a network instead of its hosts.',
      FILTER_LIMITS.length,
      text.length - FILTER_LIMITS.length,
    )
  }
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    const character = text.charAt(at)
    if (/\s/.test(character)) {
      at += 1
      continue
    }
    const token = readString(text, at, lenient) ?? readSymbol(text, at) ?? readWord(text, at)
    if (token === null) {
      const shown = String.fromCodePoint(text.codePointAt(at) ?? 0)
      throw new FilterError(
        `'${shown}' has no meaning here.`,
        'Put names with other characters in double quotes, such as exporter = "Köln 1".',
        at,
        shown.length,
        ['a field', 'an operator', 'a value'],
      )
    }
    tokens.push(token)
    at += token.length
  }
  tokens.push({ type: 'end', text: '', position: text.length, length: 0 })
  return tokens
}

function readString(text: string, start: number, lenient: boolean): Token | null {
  const quote = text.charAt(start)
  if (quote !== '"' && quote !== "'") return null
  let value = ''
  let at = start + 1
  while (at < text.length) {
    const character = text.charAt(at)
    if (character === quote) return { type: 'string', text: value, position: start, length: at + 1 - start }
    if (character === '\\' && at + 1 < text.length) at += 1
    value += text.charAt(at)
    at += 1
  }
  if (lenient) return { type: 'string', text: value, position: start, length: text.length - start }
  throw new FilterError('A quote is opened and not closed.', `Add ${quote} after the name.`, start, text.length - start, [quote])
}

function readSymbol(text: string, start: number): Token | null {
  for (const [spelling, canonical] of SYMBOLS) {
    if (text.startsWith(spelling, start)) {
      const word = canonical === 'and' || canonical === 'or' || canonical === 'not'
      return { type: word ? 'word' : 'symbol', text: canonical, position: start, length: spelling.length }
    }
  }
  return null
}

function readWord(text: string, start: number): Token | null {
  let end = start
  while (end < text.length && WORD.test(text.charAt(end)) && !text.startsWith('->', end)) end += 1
  return end === start ? null : { type: 'word', text: text.slice(start, end), position: start, length: end - start }
}
