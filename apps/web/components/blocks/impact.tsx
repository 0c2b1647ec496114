'use client'
import type { CollateralRow, Simulation, SimulationAlternative } from '@weir/db/contracts'
import { CircleCheck } from 'lucide-react'
import { useMemo, useState } from 'react'
import { bytes, count, dateTime, exact, share, timeRange, utc } from '../format.ts'
import { Badge } from '../ui/badge.tsx'
import { Box } from '../ui/box.tsx'
import { Button } from '../ui/button.tsx'
import { cn } from '../ui/cn.ts'
import { Segmented } from '../ui/tabs.tsx'
import { weekIn } from './draft.ts'
import { WeekStrip } from './week-strip.tsx'

const head = 'py-1.5 px-3 max-sm:px-2 font-medium whitespace-nowrap first:pl-0 last:pr-0'
const cell = 'py-1.5 px-3 max-sm:px-2 first:pl-0 last:pr-0'

/** What the rule would have hit on the network's own history: the attack, and everybody else. */
export function Impact({ simulation }: { simulation: Simulation }) {
  const { bad, normal, history, window } = simulation
  const from = Date.parse(history.from)
  const to = Date.parse(history.to)
  const week = useMemo(() => weekIn(simulation.strip, -new Date().getTimezoneOffset()), [simulation.strip])
  // Without a single flow of normal time, that nothing of it would have been hit says nothing.
  const compared = normal.total.flows > 0
  const zone = week.local ? Intl.DateTimeFormat().resolvedOptions().timeZone : 'UTC'
  return (
    <Box
      title="What it would have hit"
      hint={
        <span title={`${utc(from)} – ${utc(to)}`} suppressHydrationWarning>
          on your own traffic, {timeRange(from, to)}
        </span>
      }
    >
      <div className="flex flex-col gap-5">
        <dl className="grid grid-cols-2 gap-3 sm:grid-cols-4">
          <Figure
            name="Of the attack"
            value={window === null ? '–' : share(bad.share)}
            note={window === null ? 'no attack was named' : `${bytes(bad.hit.bytes)} stopped`}
          />
          <Figure
            name="Of normal traffic"
            value={compared ? share(normal.share) : '–'}
            note={!compared ? 'none is stored' : normal.hit.bytes === 0 ? 'nothing' : `${bytes(normal.hit.bytes)} lost`}
            tone={normal.share > 0.01 ? 'critical' : normal.hit.bytes > 0 ? 'warn' : undefined}
          />
          <Figure name="Normal flows" value={compared ? count(normal.hit.flows) : '–'} note={compared ? 'would be lost' : 'not known'} />
          <Figure name="Normal pairs" value={compared ? count(normal.pairs) : '–'} note={compared ? 'of hosts cut off' : 'not known'} />
        </dl>
        <div className="min-w-0">
          <table className="w-full border-collapse text-[13px]">
            <caption className="sr-only">Traffic of the history, and what the rule would have hit of it</caption>
            <thead>
              <tr className="border-border border-b text-right text-[12px] text-muted">
                <th scope="col" className={cn(head, 'text-left')}>
                  Time
                </th>
                <th scope="col" className={head}>
                  All traffic
                </th>
                <th scope="col" className={head}>
                  Would be hit
                </th>
                <th scope="col" className={cn(head, 'max-sm:hidden')}>
                  Packets
                </th>
                <th scope="col" className={cn(head, 'max-sm:hidden')}>
                  Flows
                </th>
                <th scope="col" className={head}>
                  Share
                </th>
              </tr>
            </thead>
            <tbody className="text-right">
              {(
                [
                  ['Anomalous', bad],
                  ['Normal', normal],
                ] as const
              ).map(([name, part]) => (
                <tr key={name} className="border-border border-b last:border-b-0">
                  <th scope="row" className={cn(cell, 'text-left font-normal')}>
                    {name}
                  </th>
                  <td className={cell}>{bytes(part.total.bytes)}</td>
                  <td className={cell}>{bytes(part.hit.bytes)}</td>
                  <td className={cn(cell, 'max-sm:hidden')}>{count(part.hit.packets)}</td>
                  <td className={cn(cell, 'max-sm:hidden')}>{count(part.hit.flows)}</td>
                  <td className={cell}>{part.total.flows === 0 ? '–' : share(part.share)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        {simulation.precision === 'rollup' ? (
          <p className="border-warn/60 border-l-2 pl-3 text-[13px]">
            Rollup precision{simulation.rollup === null ? '' : ` up to ${dateTime(Date.parse(simulation.rollup.to))}`}: before that, normal
            time is read from sums by the hour ({simulation.rollup?.name ?? 'rollup'}). They know addresses, protocol and the server’s port;
            a rule with other ports or flags is taken to hit all it could. Countries are of single flows only, and so are the shares of the
            other ways.
          </p>
        ) : null}
        {simulation.rawFrom === null ? (
          <p className="border-warn/60 border-l-2 pl-3 text-[13px]">
            No flow of this time is stored. That nothing would have been hit says nothing then.
          </p>
        ) : compared ? null : (
          <p className="border-warn/60 border-l-2 pl-3 text-[13px]">
            All stored traffic of this time belongs to the attack: there is no normal traffic to hold the rule against, so whom it would cut
            off is not known.
          </p>
        )}
        {compared ? (
          <>
            <Collateral rows={simulation.collateral} />
            <div>
              <h3 className="mb-1.5 font-medium text-[12px] text-muted">When normal traffic would have been hit</h3>
              <WeekStrip hours={week.hours} zone={zone} />
            </div>
          </>
        ) : null}
      </div>
    </Box>
  )
}

function Figure({ name, value, note, tone }: { name: string; value: string; note: string; tone?: 'warn' | 'critical' | undefined }) {
  return (
    <div className="min-w-0">
      <dt className="text-[12px] text-muted">{name}</dt>
      <dd
        className={cn(
          'truncate font-semibold text-[20px] leading-7',
          tone === 'critical' && 'text-critical',
          tone === 'warn' && 'text-warn',
        )}
      >
        {value}
      </dd>
      <dd className="truncate text-[12px] text-muted">{note}</dd>
    </div>
  )
}

const KIND_NAMES = { service: 'Services', tenant: 'Tenants', address: 'Hosts', country: 'Countries' } as const
type Kind = CollateralRow['kind']
const SHORT = 8

function Collateral({ rows }: { rows: readonly CollateralRow[] }) {
  const kinds = (Object.keys(KIND_NAMES) as Kind[]).filter((kind) => rows.some((row) => row.kind === kind))
  const [chosen, setChosen] = useState<Kind>('service')
  const [all, setAll] = useState(false)
  const kind = kinds.includes(chosen) ? chosen : kinds[0]
  if (kind === undefined)
    return (
      <p className="flex items-center gap-2 text-[13px]">
        <CircleCheck aria-hidden className="size-4 text-ok" /> Nobody’s normal traffic is behind it.
      </p>
    )
  const list = rows.filter((row) => row.kind === kind)
  const shown = all ? list : list.slice(0, SHORT)
  return (
    <div>
      <div className="mb-1.5 flex flex-wrap items-center justify-between gap-2">
        <h3 className="font-medium text-[12px] text-muted">Who is behind the normal part</h3>
        <Segmented<Kind>
          label="Who is behind the normal part"
          size="sm"
          value={kind}
          onChange={(next) => {
            setChosen(next)
            setAll(false)
          }}
          options={kinds.map((value) => ({ value, label: `${KIND_NAMES[value]} ${rows.filter((row) => row.kind === value).length}` }))}
        />
      </div>
      <div className="min-w-0">
        <table className="w-full border-collapse text-[13px]">
          <caption className="sr-only">{KIND_NAMES[kind]} whose normal traffic would be hit</caption>
          <thead>
            <tr className="border-border border-b text-right text-[12px] text-muted">
              <th scope="col" className={cn(head, 'text-left')}>
                {KIND_NAMES[kind].replace(/ies$/, 'y').replace(/s$/, '')}
              </th>
              <th scope="col" className={head}>
                Bytes
              </th>
              <th scope="col" className={cn(head, 'max-sm:hidden')}>
                Packets
              </th>
              <th scope="col" className={head}>
                Flows
              </th>
            </tr>
          </thead>
          <tbody className="text-right">
            {shown.map((row) => (
              <tr key={row.label} className="border-border border-b last:border-b-0">
                <td className={cn(cell, 'break-all text-left', row.kind === 'address' && 'font-mono text-[12.5px]')}>{row.label}</td>
                <td className={cn(cell, 'whitespace-nowrap')}>{bytes(row.bytes)}</td>
                <td className={cn(cell, 'whitespace-nowrap max-sm:hidden')}>{count(row.packets)}</td>
                <td className={cn(cell, 'whitespace-nowrap')}>{count(row.flows)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {list.length > SHORT ? (
        <Button size="sm" variant="ghost" className="mt-1" onClick={() => setAll(!all)}>
          {all ? 'Show fewer' : `Show all ${exact(list.length)}`}
        </Button>
      ) : null}
    </div>
  )
}

/** Other ways to stop the same attack, best first. Choosing one fills the rule and simulates it. */
export function Alternatives({
  simulation,
  disabled,
  onUse,
}: {
  simulation: Simulation
  disabled: boolean
  onUse: (alternative: SimulationAlternative) => void
}) {
  const others = simulation.alternatives.filter((one) => one.kind !== 'asked')
  if (others.length === 0) return null
  return (
    <Box title="Other ways" hint="best first, on the same history">
      <ul className="flex flex-col">
        {simulation.alternatives.map((one) => (
          <li
            key={`${one.kind} ${one.title}`}
            className="grid items-center gap-x-4 gap-y-2 border-border border-t py-2.5 text-[13px] first:border-t-0 first:pt-0 last:pb-0 sm:grid-cols-[minmax(0,1fr)_128px_128px_84px]"
          >
            <p className="min-w-0 [overflow-wrap:anywhere]">
              {one.title}
              {one.matches.length > 1 ? <span className="text-muted"> · {exact(one.matches.length)} blocks</span> : null}{' '}
              {one.sufficient ? null : <Badge tone="warn">stops less than 95 %</Badge>}
            </p>
            <div className="grid grid-cols-2 gap-4 sm:contents">
              <Bar label="of the attack" value={one.badShare} tone="bg-ok" />
              <Bar label="of normal traffic" value={simulation.normal.total.flows === 0 ? null : one.normalShare} tone="bg-critical" />
            </div>
            {one.kind === 'asked' ? (
              <span className="text-[12.5px] text-muted sm:text-right">this rule</span>
            ) : (
              <Button
                disabled={disabled}
                className="max-sm:w-full sm:justify-self-end"
                aria-label={`Use this: ${one.title}`}
                onClick={() => onUse(one)}
              >
                Use this
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Box>
  )
}

/** `value` null: not known. */
function Bar({ label, value, tone }: { label: string; value: number | null; tone: string }) {
  return (
    <div className="min-w-0">
      <p className="flex items-baseline gap-1.5 whitespace-nowrap">
        <span className="font-medium">{share(value)}</span> <span className="text-[12px] text-muted">{label}</span>
      </p>
      <span aria-hidden className="mt-1 block h-1 overflow-hidden rounded-full bg-border">
        <span className={cn('block h-full', tone)} style={{ width: `${Math.min(100, Math.max(0, (value ?? 0) * 100))}%` }} />
      </span>
    </div>
  )
}
