import type { ElementRegistry } from './elements.ts'
import { ABSENT } from './record.ts'
import type { Exporter } from './store.ts'
import { isContested, V9_SCOPE } from './template.ts'

/** One template as people see it. Times are epoch milliseconds on the collector's clock. */
export interface TemplateInfo {
  exporter: string
  /** Source port, or above 65,535 the number of a connection. */
  port: number
  protocol: 'NETFLOW_V9' | 'IPFIX'
  observationDomainId: number
  templateId: number
  options: boolean
  fields: { pen: number; id: number; name: string; length: number; scope: boolean; known: boolean }[]
  definedMs: number
  refreshedMs: number
  usedMs: number
  records: number
  changes: number
  contested: boolean
}

export interface StreamInfo {
  /** `5/<engine>/0`, `9/<domain>`, `10/<domain>`, `s/<agent>/<sub-agent>`. */
  stream: string
  /** What the exporter counts in its sequence number, as its numbers show. */
  rule: 'protocol' | 'datagrams' | 'records' | 'constant'
  received: number
  lost: number
  restarts: number
}

export interface SamplingInfo {
  observationDomainId: number
  sampler: number | null
  interface: number | null
  /** N of "1 in N". */
  rate: number
}

export interface ExporterInfo {
  address: string
  datagrams: number
  flows: number
  problems: number
  templates: number
  lastMs: number
  lost: number
  /** Lost units of all that were sent, 0–1, over all streams; null before anything arrived. */
  lossRatio: number | null
  streams: StreamInfo[]
  sampling: SamplingInfo[]
  /** Estimated octets of state. */
  octets: number
}

const SCOPES = ['', 'system', 'interface', 'lineCard', 'cache', 'template']

export function* describeTemplates(exporter: Exporter, registry: ElementRegistry, now: number): Generator<TemplateInfo> {
  for (const domain of exporter.domains.values()) {
    for (const template of domain.templates.values()) {
      yield {
        exporter: exporter.address,
        port: template.port,
        protocol: domain.ipfix ? 'IPFIX' : 'NETFLOW_V9',
        observationDomainId: domain.id,
        templateId: template.id,
        options: template.options,
        fields: template.fields.map((field, i) => ({
          pen: field.pen === V9_SCOPE ? 0 : field.pen,
          id: field.id,
          name: field.pen === V9_SCOPE ? `scope:${SCOPES[field.id] ?? field.id}` : registry.find(field.pen, field.id).name,
          length: field.length,
          scope: i < template.scopes,
          known: field.pen === V9_SCOPE || registry.known(field.pen, field.id),
        })),
        definedMs: template.definedMs,
        refreshedMs: template.refreshedMs,
        usedMs: template.usedMs,
        records: template.records,
        changes: template.changes,
        contested: isContested(template, now),
      }
    }
  }
}

export function describeExporter(exporter: Exporter): ExporterInfo {
  const streams: StreamInfo[] = []
  let lost = 0
  let received = 0
  for (const [stream, s] of exporter.streams) {
    streams.push({ stream, rule: s.merged.rule, received: s.received, lost: s.lost, restarts: s.restarts })
    lost += s.lost
    received += s.received
  }
  const sampling: SamplingInfo[] = []
  for (const domain of exporter.domains.values()) {
    const table = domain.samplers.get(-1)
    if (table === undefined) continue
    if (table.rate !== ABSENT) sampling.push({ observationDomainId: domain.id, sampler: null, interface: null, rate: table.rate })
    for (const [id, rate] of table.byId) sampling.push({ observationDomainId: domain.id, sampler: id, interface: null, rate })
    for (const [id, rate] of table.byInterface) sampling.push({ observationDomainId: domain.id, sampler: null, interface: id, rate })
  }
  return {
    address: exporter.address,
    datagrams: exporter.datagrams,
    flows: exporter.flows,
    problems: exporter.problems,
    templates: exporter.templateCount,
    lastMs: exporter.lastMs,
    lost,
    lossRatio: lost + received > 0 ? lost / (lost + received) : null,
    streams,
    sampling,
    octets: exporter.octets,
  }
}
