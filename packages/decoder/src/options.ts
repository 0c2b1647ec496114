import { exactUint, float, text, u8, uint } from './bytes.ts'
import type { DecoderLimits } from './limits.ts'
import { applicationKey, samplingRate } from './reader.ts'
import { ABSENT, type DatagramSource, type FlowSink } from './record.ts'
import type { Domain } from './store.ts'
import { locate } from './structured.ts'
import { type Template, V9_SCOPE } from './template.ts'

/**
 * What one options record may tell: a rate for a sampler, an interface or the domain; the moment of boot; a name.
 * Everything else in it is about the exporter's own health and is not kept.
 */
class OptionsRecord {
  samplerId = 0
  interfaceIndex = 0
  interval = 0
  packets = 0
  space = -1
  size = 0
  population = 0
  probability = 0
  bootMs = ABSENT
  interfaceName = ''
  interfaceDescription = ''
  samplerName = ''
  applicationKey = -1
  applicationId = ''
  applicationName = ''
  applicationDescription = ''
  vrfId = -1
  vrfName = ''
  userId = -1
  userName = ''
}

/**
 * Read the options record at `at` (RFC 7011, section 3.4.2.2; RFC 3954, section 6.1) and keep what it tells.
 * Returns where the next one begins, or -1 when this one does not fit into `to`.
 */
export function readOptionsRecord(
  template: Template,
  domain: Domain,
  port: number,
  source: DatagramSource,
  sink: FlowSink,
  limits: DecoderLimits,
  b: Uint8Array,
  from: number,
  to: number,
): number {
  const r = new OptionsRecord()
  let at = from
  for (const field of template.fields) {
    const place = locate(b, at, to, field.length)
    if (place === null) return -1
    at = place.at + place.length
    if (place.length === 0) continue
    if (field.pen === V9_SCOPE) {
      // Scope 2 is an interface; system, line card, cache and template say nothing that is kept.
      if (field.id === 2) r.interfaceIndex = uint(b, place.at, place.length)
    } else if (field.pen === 0) readField(r, field.id, b, place.at, place.length, limits)
  }
  keep(r, domain, port, source, sink, limits)
  return at
}

function readField(r: OptionsRecord, id: number, b: Uint8Array, at: number, length: number, limits: DecoderLimits): void {
  const words = (): string => text(b, at, at + length, limits.valueOctets)
  switch (id) {
    case 10:
    case 14:
      if (r.interfaceIndex === 0) r.interfaceIndex = uint(b, at, length)
      break
    case 34:
    case 50:
      if (r.interval === 0) r.interval = uint(b, at, length)
      break
    case 48:
    case 302:
      r.samplerId = Number(exactUint(b, at, length))
      break
    case 305:
      r.packets = uint(b, at, length)
      break
    case 306:
      r.space = uint(b, at, length)
      break
    case 309:
      r.size = uint(b, at, length)
      break
    case 310:
      r.population = uint(b, at, length)
      break
    case 311:
      r.probability = float(b, at, length)
      break
    case 160:
      r.bootMs = uint(b, at, length)
      break
    case 82:
      r.interfaceName = words()
      break
    case 83:
      r.interfaceDescription = words()
      break
    case 84:
    case 335:
      r.samplerName = words()
      break
    case 94:
      r.applicationDescription = words()
      break
    case 95:
      r.applicationKey = applicationKey(b, at, length)
      r.applicationId = `${u8(b, at)}:${uint(b, at + 1, length - 1)}`
      break
    case 96:
      r.applicationName = words()
      break
    case 234:
    case 235:
      r.vrfId = uint(b, at, length)
      break
    case 236:
      r.vrfName = words()
      break
    case 371:
      r.userName = words()
      break
    default:
      break
  }
}

function keep(r: OptionsRecord, domain: Domain, port: number, source: DatagramSource, sink: FlowSink, limits: DecoderLimits): void {
  const rate = samplingRate(r.interval, r.packets, r.space, r.size, r.population, r.probability)
  if (rate !== ABSENT) domain.learnRate(port, r.samplerId, r.interfaceIndex, rate, limits)
  if (r.bootMs > 0) domain.bootMs = r.bootMs
  const tell = (kind: 'interface' | 'application' | 'vrf' | 'user' | 'sampler', key: string, name: string, description: string): void => {
    sink.name?.(source, domain.id, { kind, key, name, description })
  }
  if (r.applicationKey >= 0 && (r.applicationName !== '' || r.applicationDescription !== '')) {
    const name = r.applicationName === '' ? r.applicationDescription : r.applicationName
    if (domain.applications.has(r.applicationKey) || domain.applications.size < limits.applicationsPerDomain)
      domain.applications.set(r.applicationKey, name)
    tell('application', r.applicationId, name, r.applicationDescription)
  }
  if (r.interfaceIndex > 0 && (r.interfaceName !== '' || r.interfaceDescription !== '')) {
    tell('interface', String(r.interfaceIndex), r.interfaceName, r.interfaceDescription)
  }
  if (r.vrfId >= 0 && r.vrfName !== '') tell('vrf', String(r.vrfId), r.vrfName, '')
  if (r.userName !== '') tell('user', r.userName, r.userName, '')
  if (r.samplerId > 0 && r.samplerName !== '') tell('sampler', String(r.samplerId), r.samplerName, '')
}
