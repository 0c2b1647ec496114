import { didYouMean, type Field } from './fields.ts'
import { FilterError, type FilterValue, type PairEnd } from './filter-ast.ts'
import type { Token } from './filter-tokens.ts'
import { addressBits, formatAddress, maskAddress, parseAddress } from './ip.ts'
import {
  FLOW_TYPES,
  flowTypeCode,
  flowTypeText,
  PROTOCOL_NAMES,
  portByName,
  protocolByName,
  protocolName,
  SERVICE_NAMES,
  TCP_FLAGS,
  tcpFlagsText,
} from './services.ts'

function fail(token: Token, message: string, remedy: string, expected: readonly string[]): never {
  throw new FilterError(message, remedy, token.position, token.length, expected)
}

/** "Did you mean https? …" when a known name is near, else only the general advice. */
function advice(word: string, known: Iterable<string>, otherwise: string): string {
  const near = didYouMean(word, known)
  return near === null ? otherwise : `Did you mean ${near}? ${otherwise}`
}

/** The value a token means for a field. Throws `FilterError` at the token. */
export function readValue(field: Field, token: Token): FilterValue {
  switch (field.type) {
    case 'address':
      return readNetwork(token)
    case 'exporter':
      return token.type === 'word' && parseAddress(token.text.split('/')[0] ?? '') !== null ? readNetwork(token) : readName(token)
    case 'interface':
      return readInterface(field, token)
    case 'service':
      return readService(token)
    case 'country':
      return { kind: 'text', value: readCountry(token) }
    case 'mac':
      return { kind: 'text', value: readMac(token) }
    case 'boundary': {
      const word = token.text.toLowerCase()
      if (word === 'external' || word === 'internal') return { kind: 'text', value: word }
      return fail(token, `'${token.text}' is not a boundary.`, 'Write external or internal.', ['external', 'internal'])
    }
    case 'conversation':
    case 'as-pair':
    case 'country-pair':
      // The parser reads pairs itself, end by end.
      return fail(token, `${field.name} compares two ends.`, `Write ${PAIR_EXAMPLE[field.type]}.`, [PAIR_EXAMPLE[field.type]])
    default:
      return readNumeric(field, token)
  }
}

const PAIR_EXAMPLE = { conversation: '10.0.0.1 -> 192.0.2.1', 'as-pair': '64500 -> 15169', 'country-pair': 'DE -> US' } as const

/** What a value of the field looks like, for messages and completion. */
export function valueExample(field: Field): string {
  switch (field.type) {
    case 'address':
      return '10.0.0.0/8'
    case 'exporter':
      return '192.0.2.1'
    case 'interface':
      return '3'
    case 'service':
      return 'tcp/443'
    case 'country':
      return 'DE'
    case 'mac':
      return '00:00:5e:00:53:01'
    case 'boundary':
      return 'external'
    case 'conversation':
    case 'as-pair':
    case 'country-pair':
      return PAIR_EXAMPLE[field.type]
    case 'port':
      return '443'
    case 'proto':
      return 'tcp'
    case 'as':
      return '64500'
    case 'flags':
      return 'syn'
    case 'flow-type':
      return 'NETFLOW_V9'
    case 'duration':
      return '10s'
    default:
      return field.name === 'bytes' || field.name === 'packets' ? '10k' : '1'
  }
}

/** One end of a pair value. `unknown` means null. */
export function readPairEnd(type: 'conversation' | 'as-pair' | 'country-pair', token: Token): PairEnd {
  if (token.type === 'word' && /^(unknown|null)$/i.test(token.text)) return null
  if (type === 'country-pair') return readCountry(token)
  if (type === 'as-pair') return readAs(token)
  const network = readNetwork(token)
  if (network.kind !== 'network')
    return fail(token, 'A conversation has no address ranges.', 'Write an address or a network at each end.', [])
  return networkText(network)
}

/** `10.0.0.1` for one host, `10.0.0.0/8` for a network. */
export function networkText(network: { family: 4 | 6; address: string; length: number }): string {
  return network.length === addressBits(network.family) ? network.address : `${network.address}/${network.length}`
}

/** An address, network or address range; a network with host bits set is refused, because it is not known which of two things was meant. */
function readNetwork(token: Token): FilterValue {
  const text = token.text
  const range = text.split('..')
  if (range.length === 2 && text.includes('..')) {
    const low = parseAddress(range[0] ?? '')
    const high = parseAddress(range[1] ?? '')
    if (low === null || high === null || low.family !== high.family) {
      return fail(token, `'${text}' is not a range of addresses.`, 'Write two addresses of one family, such as 10.0.0.10..10.0.0.20.', [])
    }
    if (low.value > high.value) return fail(token, `The range '${text}' is empty.`, `Write ${range[1]}..${range[0]}.`, [])
    if (low.value === high.value)
      return { kind: 'network', family: low.family, address: formatAddress(low), length: addressBits(low.family) }
    return { kind: 'address-range', family: low.family, low: formatAddress(low), high: formatAddress(high) }
  }
  const slash = text.indexOf('/')
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash))
  if (address === null) {
    return fail(
      token,
      `'${text}' is not an IP address or network.`,
      /(^|\.)0\d/.test(text)
        ? 'Write each octet without leading zeros.'
        : 'Write an address such as 192.0.2.1, or a network such as 10.0.0.0/8.',
      ['an address', 'a network'],
    )
  }
  const bits = addressBits(address.family)
  if (slash < 0) return { kind: 'network', family: address.family, address: formatAddress(address), length: bits }
  const lengthText = text.slice(slash + 1)
  if (!/^\d{1,3}$/.test(lengthText) || Number(lengthText) > bits) {
    return fail(
      token,
      `'/${lengthText}' is not a prefix length.`,
      `Write a number from 0 to ${bits}, such as ${formatAddress(address)}/${bits === 32 ? 24 : 64}.`,
      [],
    )
  }
  const length = Number(lengthText)
  const network = maskAddress(address, length)
  if (network.value !== address.value) {
    const written = formatAddress(address)
    return fail(
      token,
      `${written}/${length} has bits set beyond its prefix.`,
      `Write ${formatAddress(network)}/${length} for the network or ${written} for the host.`,
      [`${formatAddress(network)}/${length}`, written],
    )
  }
  return { kind: 'network', family: address.family, address: formatAddress(address), length }
}

function readName(token: Token): FilterValue {
  if (token.text.trim() === '') return fail(token, 'The name is empty.', 'Write a name in double quotes, or the address.', [])
  return { kind: 'text', value: token.text }
}

function readInterface(field: Field, token: Token): FilterValue {
  if (token.type === 'string') return readName(token)
  const hash = token.text.indexOf('#')
  if (hash >= 0) {
    const exporter = parseAddress(token.text.slice(0, hash))
    const index = wholeNumber(token.text.slice(hash + 1))
    if (exporter !== null && index !== null && index <= (field.max ?? index)) {
      return { kind: 'interface', exporter: formatAddress(exporter), index }
    }
    return fail(
      token,
      `'${token.text}' is not an interface of an exporter.`,
      'Write the exporter’s address, # and the index: 192.0.2.1#3.',
      [],
    )
  }
  if (/^\d/.test(token.text) && /^[\d.]+$/.test(token.text)) return readNumeric(field, token)
  return readName(token)
}

function readService(token: Token): FilterValue {
  const [head = '', tail, ...more] = token.text.split('/')
  if (tail === undefined) {
    const proto = protocolByName(head)
    const port = readPortText(head)
    if (port !== null) return { kind: 'service', proto: null, port }
    if (proto !== null) return { kind: 'service', proto, port: null }
  } else if (more.length === 0) {
    const proto = protocolByName(head) ?? numberUpTo(head, 255)
    const port = readPortText(tail)
    if (proto !== null && (port !== null || tail === '*')) return { kind: 'service', proto, port }
  }
  return fail(
    token,
    `'${token.text}' is not a service.`,
    advice(tail ?? head, serviceNames(), 'Write a name such as https, or protocol and port such as tcp/443.'),
    ['tcp/443', 'https'],
  )
}

function* serviceNames(): Iterable<string> {
  for (const service of SERVICE_NAMES) yield service.name
}

function readPortText(text: string): number | null {
  return numberUpTo(text, 65_535) ?? portByName(text)
}

function readCountry(token: Token): string {
  if (/^[A-Za-z]{2}$/.test(token.text) && token.text.toUpperCase() !== 'ZZ') return token.text.toUpperCase()
  return fail(
    token,
    `'${token.text}' is not a country code.`,
    'Write two letters such as DE (ISO 3166-1), or "is unknown" for addresses without a country.',
    ['DE', 'US'],
  )
}

function readMac(token: Token): string {
  const digits = token.text.toLowerCase().replace(/[:.-]/g, '')
  if (/^[0-9a-f]{12}$/.test(digits)) return digits.replace(/(..)(?!$)/g, '$1:')
  return fail(token, `'${token.text}' is not an Ethernet address.`, 'Write six octets such as 00:00:5e:00:53:01.', ['00:00:5e:00:53:01'])
}

function readAs(token: Token): number {
  const value = numberUpTo(token.text.replace(/^as/i, ''), 4_294_967_295)
  if (value !== null) return value
  return fail(token, `'${token.text}' is not an AS number.`, 'Write a number such as 64500 or AS64500.', ['64500'])
}

function wholeNumber(text: string): number | null {
  if (/^0x[0-9a-f]{1,13}$/i.test(text)) return Number.parseInt(text.slice(2), 16)
  if (!/^\d{1,16}$/.test(text)) return null
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : null
}

function numberUpTo(text: string, max: number): number | null {
  const value = wholeNumber(text)
  return value !== null && value <= max ? value : null
}

const SIZES: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  p: 1e15,
  ki: 1024,
  mi: 1024 ** 2,
  gi: 1024 ** 3,
  ti: 1024 ** 4,
  pi: 1024 ** 5,
}
const TIMES: Readonly<Record<string, number>> = { '': 1, ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 }

/** One number as the field's type writes it, or null. */
function numberOf(field: Field, text: string): number | null {
  const max = field.max ?? Number.MAX_SAFE_INTEGER
  switch (field.type) {
    case 'port':
      return readPortText(text)
    case 'proto':
      return numberUpTo(text, max) ?? protocolByName(text)
    case 'as':
      return numberUpTo(text.replace(/^as/i, ''), max)
    case 'flow-type': {
      // Codes are an inner matter; a bare number means the NetFlow version.
      const code = flowTypeCode(/^\d+$/.test(text) ? `v${text}` : text)
      return code
    }
    case 'flags': {
      const plain = numberUpTo(text, max)
      if (plain !== null) return plain
      if (text.toLowerCase() === 'none') return 0
      let flags = 0
      for (const name of text.toLowerCase().split('+')) {
        const bit = (TCP_FLAGS as readonly string[]).indexOf(name)
        if (bit < 0) return null
        flags |= 1 << bit
      }
      return flags
    }
    default: {
      const units = field.type === 'duration' ? TIMES : field.name === 'bytes' || field.name === 'packets' ? SIZES : null
      if (units === null) return numberUpTo(text, max)
      const hex = /^0x/i.test(text) ? wholeNumber(text) : null
      if (hex !== null) return hex
      const match = /^(\d{1,16}(?:\.\d{1,6})?)([a-z]*)$/i.exec(text)
      const suffix = (match?.[2] ?? '').toLowerCase().replace(/^([kmgtp]?i?)b$/, '$1')
      const factor = Object.hasOwn(units, suffix) ? units[suffix] : undefined
      if (match === null || factor === undefined) return null
      const value = Math.round(Number(match[1]) * factor)
      return Number.isSafeInteger(value) && value <= max ? value : null
    }
  }
}

function readNumeric(field: Field, token: Token): FilterValue {
  const parts = token.text.split('..')
  const [low, high] = parts.map((part) => numberOf(field, part))
  const rangeable = field.type !== 'flags' && field.type !== 'flow-type' && field.type !== 'proto'
  if (
    token.type === 'word' &&
    parts.length === 2 &&
    rangeable &&
    low !== null &&
    low !== undefined &&
    high !== null &&
    high !== undefined
  ) {
    if (low > high) return fail(token, `The range '${token.text}' is empty.`, `Write ${parts[1]}..${parts[0]}.`, [])
    return low === high ? { kind: 'number', value: low } : { kind: 'range', low, high }
  }
  if (parts.length === 1 && low !== null && low !== undefined) return { kind: 'number', value: low }
  const what = numericAdvice(field, token.text)
  return fail(token, `'${token.text}' is not ${what.thing}.`, what.remedy, [valueExample(field)])
}

function numericAdvice(field: Field, word: string): { thing: string; remedy: string } {
  switch (field.type) {
    case 'port':
      return {
        thing: 'a port',
        remedy: advice(word, serviceNames(), 'Write a number up to 65535, a range such as 1024..2048, or a service name such as https.'),
      }
    case 'proto':
      return {
        thing: 'a protocol',
        remedy: advice(
          word,
          PROTOCOL_NAMES.map(({ name }) => name),
          'Write a name such as tcp, udp or icmp, or a number up to 255.',
        ),
      }
    case 'as':
      return { thing: 'an AS number', remedy: 'Write a number such as 64500 or AS64500.' }
    case 'flags':
      return {
        thing: 'a set of TCP flags',
        remedy: `Write ${TCP_FLAGS.join(', ')}, several joined by + such as syn+ack, or none.`,
      }
    case 'flow-type':
      return {
        thing: 'an export format',
        remedy: advice(
          word,
          FLOW_TYPES.map(([, name]) => name),
          `Write one of ${FLOW_TYPES.map(([, name]) => name).join(', ')}.`,
        ),
      }
    case 'duration':
      return { thing: 'a duration', remedy: 'Write milliseconds, or a number with ms, s, m or h, such as 10s.' }
    default:
      return {
        thing: `a value of ${field.name}`,
        remedy:
          field.max === null
            ? 'Write a whole number, with k, M, G or Ki, Mi, Gi if you like, such as 10k.'
            : `Write a whole number up to ${field.max}, or a range such as 1..${Math.min(field.max, 10)}.`,
      }
  }
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

/** A protocol whatever its port; `/*` where the bare word would be read as a port. */
function printProtocolOnly(proto: number): string {
  const name = protocolName(proto)
  return readPortText(name) === null ? name : `${name}/*`
}

function pairEndText(end: PairEnd): string {
  return end === null ? 'unknown' : String(end)
}

/** Canonical text of a value of the field. */
export function printValue(field: Field, value: FilterValue): string {
  switch (value.kind) {
    case 'number':
      if (field.type === 'proto') return protocolName(value.value)
      if (field.type === 'flags') return tcpFlagsText(value.value)
      if (field.type === 'flow-type') return flowTypeText(value.value) ?? String(value.value)
      return String(value.value)
    case 'range':
      return `${value.low}..${value.high}`
    case 'network':
      return networkText(value)
    case 'address-range':
      return `${value.low}..${value.high}`
    case 'interface':
      return `${value.exporter}#${value.index}`
    case 'service':
      if (value.port === null) return printProtocolOnly(value.proto ?? 0)
      return value.proto === null ? String(value.port) : `${protocolName(value.proto)}/${value.port}`
    case 'pair':
      return `${pairEndText(value.src)} ${value.both ? '<->' : '->'} ${pairEndText(value.dst)}`
    case 'text':
      return field.type === 'exporter' || field.type === 'interface' ? quoted(value.value) : value.value
  }
}
