'use client'

import { useQuery } from '@tanstack/react-query'
import type { GeoAnswer, HealthAnswer } from '@weir/db/contracts'
import { ExternalLink } from 'lucide-react'
import type { ReactNode } from 'react'
import { fetchJson } from '../../data/fetch-json.ts'
import { keys } from '../../data/keys.ts'
import { Mark } from '../shell/logo.tsx'
import { Panel, PanelHeader } from '../ui/panel.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { ErrorState } from '../ui/state.tsx'
import { PageHead } from './page-head.tsx'

const TONES = { ok: 'bg-ok', warn: 'bg-warn', fail: 'bg-critical' } as const
const WORDS = { ok: 'In order', warn: 'Warning', fail: 'Failing' } as const

function Row({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="grid gap-x-4 gap-y-0.5 px-4 py-2.5 sm:grid-cols-[150px_1fr]">
      <dt className="text-[12.5px] text-muted leading-5">{name}</dt>
      <dd className="min-w-0 text-[13px] leading-5">{children}</dd>
    </div>
  )
}

function Out({ href, children }: { href: string; children: ReactNode }) {
  return (
    <a
      href={href}
      target="_blank"
      rel="noreferrer"
      className="inline-flex items-center gap-1 text-accent underline-offset-2 hover:underline"
    >
      {children} <ExternalLink size={12} aria-hidden="true" />
    </a>
  )
}

/** What runs here, how it is, and whose data and work it stands on. */
export function About({ version }: { version: string }) {
  const health = useQuery({
    queryKey: keys.health.all,
    queryFn: ({ signal }) => fetchJson<HealthAnswer>('/api/v1/health', { signal }),
    refetchInterval: 10_000,
  })
  // The map's question names the edition of the geo data; no arcs are needed for that.
  const geo = useQuery({
    queryKey: ['settings', 'geo-source'],
    queryFn: ({ signal }) => fetchJson<GeoAnswer>('/api/v1/geo', { params: { limit: 0 }, signal }),
    select: (answer) => answer.source,
  })
  return (
    <>
      <PageHead title="About">What runs here, how it is, and whose data and work it stands on.</PageHead>
      <Panel>
        <div className="flex items-center gap-3 px-4 py-4">
          <Mark size={36} />
          <div>
            <p className="font-semibold text-[15px] leading-5">Weir {version}</p>
            <p className="text-[12.5px] text-muted">Collects flows, shows who talks to whom. Apache-2.0. No telemetry; it calls nobody.</p>
          </div>
        </div>
        <dl className="divide-y border-t">
          <Row name="Storage">{health.data === undefined ? <Skeleton className="h-4 w-40" /> : health.data.engine}</Row>
          <Row name="API">
            <a href="/api/v1/openapi.json" className="text-accent underline-offset-2 hover:underline">
              OpenAPI 3.1 document
            </a>
          </Row>
        </dl>
      </Panel>
      <Panel className="mt-4">
        <PanelHeader title="Health" {...(health.data === undefined ? {} : { hint: health.data.status })} />
        {health.isPending ? (
          <div className="grid gap-3 px-4 pb-4">
            <Skeleton className="h-5" />
            <Skeleton className="h-5" />
          </div>
        ) : health.isError ? (
          <ErrorState error={health.error} onRetry={() => void health.refetch()} />
        ) : (
          <dl className="divide-y border-t">
            {health.data.checks.map((check) => (
              <Row key={check.name} name={check.name.replace(/^./, (letter) => letter.toUpperCase())}>
                <span className="flex items-start gap-2">
                  <span aria-hidden="true" className={`mt-1.5 size-2 shrink-0 rounded-full ${TONES[check.state]}`} />
                  <span>
                    <span className="sr-only">{WORDS[check.state]}: </span>
                    {check.message}
                  </span>
                </span>
              </Row>
            ))}
          </dl>
        )}
      </Panel>
      <Panel className="mt-4">
        <PanelHeader title="Data and licences" />
        <dl className="divide-y border-t">
          <Row name="Places of addresses">
            <Out href="https://db-ip.com">IP Geolocation by DB-IP</Out>
            <span className="text-muted">
              {' '}
              · CC BY 4.0{geo.data === undefined || geo.data.edition === '' ? '' : ` · edition ${geo.data.edition}`}
            </span>
          </Row>
          <Row name="Autonomous systems">
            RouteViews, DB-IP and NRO data <span className="text-muted">· CC BY 4.0</span>
          </Row>
          <Row name="Map shapes">
            Natural Earth <span className="text-muted">· public domain</span>
          </Row>
          <Row name="Fonts">
            Inter, JetBrains Mono <span className="text-muted">· SIL Open Font License 1.1</span>
          </Row>
          <Row name="Graph layout">
            Eclipse Layout Kernel (elkjs) <span className="text-muted">· EPL-2.0</span>
          </Row>
          <Row name="TimescaleDB">
            Where used:{' '}
            <span className="text-muted">columnstore and continuous aggregates are under the Timescale License (source-available)</span>
          </Row>
          <Row name="Everything else">
            Named with its licence in the file <code className="font-mono text-[12px]">NOTICE</code> of the installation.
          </Row>
        </dl>
      </Panel>
    </>
  )
}
