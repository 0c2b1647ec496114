import {
  type BlockActionShape,
  type BlockMatchShape,
  canonicalNetwork,
  type Filter,
  FilterError,
  type FilterValue,
  parseFilter,
  printFilter,
} from '@weir/db/contracts'

/**
 * The rule of a block as a person fills it in, and as the server takes it. Pure.
 * What is typed stays text until it is read; nothing that cannot be read is ever left out silently.
 */

export type RuleMatch = BlockMatchShape
export type RuleAction = BlockActionShape
export type PortRange = RuleMatch['srcPorts'][number]

export const PROTOCOLS = [
  { value: 'any', label: 'Any protocol' },
  { value: '6', label: 'TCP' },
  { value: '17', label: 'UDP' },
  { value: '1', label: 'ICMP' },
  { value: '58', label: 'ICMPv6' },
  { value: '47', label: 'GRE' },
  { value: '50', label: 'ESP' },
] as const

export interface RuleForm {
  src: string
  dst: string
  /** 'any' or the IANA number. */
  proto: string
  srcPorts: string
  dstPorts: string
  /** Only first packets of TCP connections. */
  synOnly: boolean
  /** Flags other than "SYN without ACK", from an alternative; kept as they are. */
  flags: RuleMatch['tcpFlags']
  action: 'drop' | 'rate_limit'
  /** Mbit/s, as typed. */
  limit: string
}

export const EMPTY_RULE: RuleForm = {
  src: '',
  dst: '',
  proto: 'any',
  srcPorts: '',
  dstPorts: '',
  synOnly: false,
  flags: null,
  action: 'drop',
  limit: '10',
}

export type RuleProblems = Partial<Record<'src' | 'dst' | 'srcPorts' | 'dstPorts' | 'limit' | 'rule', string>>
export type RuleResult = { ok: true; match: RuleMatch; action: RuleAction } | { ok: false; problems: RuleProblems }

const MAX_RANGES = 8
const SYN_ONLY: NonNullable<RuleMatch['tcpFlags']> = { set: ['syn'], unset: ['ack'] }

/** Read `53, 123, 1000-2000`; a text says what is wrong with it. Sorted, overlapping and adjoining ranges joined. */
export function readPorts(text: string): PortRange[] | string {
  const ranges: PortRange[] = []
  for (const part of text.split(/[\s,;]+/).filter((word) => word !== '')) {
    const match = /^(\d{1,5})(?:[-–](\d{1,5}))?$/.exec(part)
    const low = Number(match?.[1])
    const high = Number(match?.[2] ?? match?.[1])
    if (match === null || low > 65_535 || high > 65_535) return `“${part}” is not a port. Write 53, or 1000-2000.`
    if (low > high) return `“${part}” runs backwards. Write the smaller port first.`
    ranges.push({ low, high })
  }
  const joined: PortRange[] = []
  for (const range of ranges.toSorted((a, b) => a.low - b.low || a.high - b.high)) {
    const last = joined.at(-1)
    if (last !== undefined && range.low <= last.high + 1) last.high = Math.max(last.high, range.high)
    else joined.push({ ...range })
  }
  return joined.length > MAX_RANGES ? `At most ${MAX_RANGES} ports or ranges fit into one rule.` : joined
}

export const portsText = (ranges: readonly PortRange[]): string =>
  ranges.map(({ low, high }) => (low === high ? String(low) : `${low}-${high}`)).join(', ')

/** `192.0.2.7/32` as people write it: a host without its length. */
export const sideText = (prefix: string | null): string =>
  prefix?.replace(/^([\d.]+)\/32$/, '$1').replace(/^([\da-f:.]+)\/128$/i, '$1') ?? ''

function readSide(text: string): { prefix: string | null; problem: string | null } {
  const typed = text.trim()
  if (typed === '') return { prefix: null, problem: null }
  const prefix = canonicalNetwork(typed)
  if (prefix !== null) return { prefix, problem: null }
  return {
    prefix: null,
    problem: typed.includes('/')
      ? 'This is not a network, or it has host bits set: write 192.0.2.0/24.'
      : 'This is not an address: write 192.0.2.7 or 2001:db8::1.',
  }
}

/** Read the form. The server judges again; this only keeps a person from waiting for a refusal that is plain. */
export function readRule(form: RuleForm): RuleResult {
  const problems: RuleProblems = {}
  const src = readSide(form.src)
  const dst = readSide(form.dst)
  if (src.problem !== null) problems.src = src.problem
  if (dst.problem !== null) problems.dst = dst.problem
  const withPorts = form.proto === '6' || form.proto === '17'
  const srcPorts = withPorts ? readPorts(form.srcPorts) : []
  const dstPorts = withPorts ? readPorts(form.dstPorts) : []
  if (typeof srcPorts === 'string') problems.srcPorts = srcPorts
  if (typeof dstPorts === 'string') problems.dstPorts = dstPorts
  const megabits = Number(form.limit.replace(',', '.'))
  if (form.action === 'rate_limit' && !(megabits >= 0.1 && megabits <= 100_000)) problems.limit = 'Write 0.1 to 100,000 Mbit/s.'
  if (Object.keys(problems).length === 0) {
    if (src.prefix === null && dst.prefix === null) problems.rule = 'Give a source, a destination, or both.'
    else if (src.prefix !== null && dst.prefix !== null && src.prefix.includes(':') !== dst.prefix.includes(':'))
      problems.rule = 'Source and destination are of different IP versions.'
  }
  if (Object.keys(problems).length > 0 || typeof srcPorts === 'string' || typeof dstPorts === 'string') return { ok: false, problems }
  return {
    ok: true,
    match: {
      src: src.prefix,
      dst: dst.prefix,
      proto: form.proto === 'any' ? null : Number(form.proto),
      srcPorts,
      dstPorts,
      tcpFlags: form.proto !== '6' ? null : form.synOnly ? SYN_ONLY : form.flags,
    },
    action: form.action === 'drop' ? { kind: 'drop' } : { kind: 'rate_limit', bitsPerSecond: Math.round(megabits * 1e6) },
  }
}

/** The form that says a rule: what choosing an alternative fills in. */
export function formOf(match: RuleMatch, action: RuleAction): RuleForm {
  const flags = match.tcpFlags
  const synOnly = flags !== null && flags.set.join() === 'syn' && flags.unset.join() === 'ack'
  return {
    src: sideText(match.src),
    dst: sideText(match.dst),
    proto: match.proto === null ? 'any' : String(match.proto),
    srcPorts: portsText(match.srcPorts),
    dstPorts: portsText(match.dstPorts),
    synOnly,
    flags: synOnly ? null : flags,
    action: action.kind,
    limit: action.kind === 'drop' ? EMPTY_RULE.limit : String(action.bitsPerSecond / 1e6),
  }
}

/**
 * A rule from a filter, as far as a rule can say it: addresses, protocol, ports and SYN. `left` are the conditions it cannot say, as text,
 * so that the person knows that the rule is wider than the filter.
 */
export function ruleFromFilter(text: string): { form: RuleForm; left: string[] } {
  let filter: Filter | null
  try {
    filter = parseFilter(text)
  } catch (error) {
    if (error instanceof FilterError) return { form: EMPTY_RULE, left: text.trim() === '' ? [] : [text.trim()] }
    throw error
  }
  const form: RuleForm = { ...EMPTY_RULE }
  const left: string[] = []
  const parts = filter === null ? [] : filter.kind === 'and' ? filter.items : [filter]
  for (const part of parts) if (!take(form, part)) left.push(printFilter(part))
  // Ports mean nothing without TCP or UDP: they are said to be left out, not dropped in silence.
  if (form.proto !== '6' && form.proto !== '17')
    for (const side of ['srcPorts', 'dstPorts'] as const)
      if (form[side] !== '') {
        left.push(`${side === 'srcPorts' ? 'src_port' : 'dst_port'} = ${form[side]}`)
        form[side] = ''
      }
  return { form, left }
}

function take(form: RuleForm, part: Filter): boolean {
  if (part.kind === 'in' && !part.negated && (part.field === 'src_port' || part.field === 'dst_port'))
    return takePorts(form, part.field, part.values)
  if (part.kind !== 'compare') return false
  const { field, operator, value } = part
  if (field === 'tcp_flags' && value.kind === 'number' && value.value === 2 && (operator === 'has' || operator === '=')) {
    form.synOnly = true
    return true
  }
  if (operator !== '=') return false
  if ((field === 'src_addr' || field === 'dst_addr' || field === 'addr') && value.kind === 'network') {
    const side = field === 'dst_addr' ? 'dst' : 'src'
    if (form[side] !== '') return false
    form[side] = sideText(`${value.address}/${value.length}`)
    return true
  }
  if (field === 'proto' && value.kind === 'number') return takeProto(form, value.value)
  if (field === 'service' && value.kind === 'service') {
    if (form.dstPorts !== '' || (value.proto !== null && !takeProto(form, value.proto))) return false
    if (value.port !== null) form.dstPorts = String(value.port)
    return true
  }
  if (field === 'src_port' || field === 'dst_port') return takePorts(form, field, [value])
  return false
}

function takeProto(form: RuleForm, proto: number): boolean {
  const text = String(proto)
  if (form.proto !== 'any' && form.proto !== text) return false
  form.proto = text
  return true
}

function takePorts(form: RuleForm, field: 'src_port' | 'dst_port', values: readonly FilterValue[]): boolean {
  const side = field === 'src_port' ? 'srcPorts' : 'dstPorts'
  const ranges = values.flatMap((value) =>
    value.kind === 'number'
      ? [{ low: value.value, high: value.value }]
      : value.kind === 'range'
        ? [{ low: value.low, high: value.high }]
        : [],
  )
  if (form[side] !== '' || ranges.length !== values.length) return false
  form[side] = portsText(ranges)
  return true
}

/** The rule as a filter of the explorer, so that what it hits can be looked at; `exporters` narrow it to where it is seen. TCP flags are left out. */
export function filterOf(match: RuleMatch, exporters: readonly string[] = []): string {
  const port = (field: string, ranges: readonly PortRange[]): string[] =>
    ranges.length === 0 ? [] : [`${field} in (${ranges.map(({ low, high }) => (low === high ? low : `${low}..${high}`)).join(', ')})`]
  const text = [
    ...(match.src === null ? [] : [`src_addr = ${sideText(match.src)}`]),
    ...(match.dst === null ? [] : [`dst_addr = ${sideText(match.dst)}`]),
    ...(match.proto === null ? [] : [`proto = ${match.proto}`]),
    ...port('src_port', match.srcPorts),
    ...port('dst_port', match.dstPorts),
  ].join(' and ')
  if (exporters.length === 0) return text
  const seen = printFilter({ kind: 'in', field: 'exporter', negated: false, values: exporters.map((value) => ({ kind: 'text', value })) })
  return text === '' ? seen : `${text} and ${seen}`
}
