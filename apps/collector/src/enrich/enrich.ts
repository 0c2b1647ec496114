import { servicePort } from '@weir/db/contracts'
import type { Address, FlowRecord } from '@weir/decoder'
import { durationMs, houseTime } from './clock.ts'
import { countryCode } from './country.ts'
import type { GeoTables } from './geo-build.ts'

/** What the collector adds to an exported record before it is stored. Reused for every flow. */
export interface Enrichment {
  exporterId: number
  /** End of the flow on the house clock, epoch milliseconds. */
  timeMs: number
  durationMs: number
  /** The server's port, ABSENT when there is none. */
  servicePort: number
  /** AS numbers: exported ones, else looked up; ABSENT unknown. */
  srcAs: number
  dstAs: number
  /** ISO 3166-1 alpha-2, '' unknown or private. */
  srcCountry: string
  dstCountry: string
  /** The conversation is counted from another exporter. */
  witness: boolean
}

/** RFC 6793: stands where a four-octet AS number did not fit, and names nobody. */
const AS_TRANS = 23456

/** Adds country, AS, service port and house time to flow records. */
export class Enricher {
  readonly #geo: GeoTables
  readonly #context: Enrichment = {
    exporterId: 0,
    timeMs: 0,
    durationMs: 0,
    servicePort: -1,
    srcAs: -1,
    dstAs: -1,
    srcCountry: '',
    dstCountry: '',
    witness: false,
  }
  /** Addresses looked up, and those that a country is known for. Private ones count as looked up. */
  lookups = 0
  placed = 0

  constructor(geo: GeoTables) {
    this.#geo = geo
  }

  /** `correctionMs` is the exporter's significant skew. The answer is valid until the next call. */
  enrich(record: Omit<FlowRecord, 'type'>, exporterId: number, correctionMs: number): Enrichment {
    const context = this.#context
    context.exporterId = exporterId
    context.witness = false
    context.timeMs = houseTime(record.endMs, record.startMs, correctionMs, record.receivedMs)
    context.durationMs = durationMs(record.startMs, record.endMs)
    context.servicePort = servicePort(record.proto, record.srcPort, record.dstPort)
    context.srcCountry = this.#country(record.srcAddr)
    context.dstCountry = this.#country(record.dstAddr)
    context.srcAs = this.#as(record.srcAs, record.srcAddr)
    context.dstAs = this.#as(record.dstAs, record.dstAddr)
    return context
  }

  #country(address: Address): string {
    const { bytes } = address
    let value = 0
    if (address.length === 4) value = this.#geo.country4.lookup(word(bytes, 0))
    else if (address.length === 16) value = this.#geo.country6.lookup(word(bytes, 0), word(bytes, 4))
    else return ''
    this.lookups++
    if (value !== 0) this.placed++
    return countryCode(value)
  }

  /** 0 in v5 and elsewhere means "not from BGP", so it is looked up like an absent number. */
  #as(exported: number, address: Address): number {
    if (exported > 0 && exported !== AS_TRANS) return exported
    const { bytes } = address
    let value = 0
    if (address.length === 4) value = this.#geo.as4.lookup(word(bytes, 0))
    else if (address.length === 16) value = this.#geo.as6.lookup(word(bytes, 0), word(bytes, 4))
    return value === 0 ? -1 : value
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
}
