'use client'
import type { Block } from '@weir/db/contracts'
import { Check, Radar, Undo2 } from 'lucide-react'
import Link from 'next/link'
import { useState } from 'react'
import { useBlock } from '../../data/use-blocks.ts'
import { useNow } from '../anomalies/use-now.ts'
import { bytes, count, dateTime, duration, exact, utc } from '../format.ts'
import { OnePage } from '../one-page.tsx'
import { ROLE_NAMES } from '../shell/roles.ts'
import { Ago, Time } from '../time.tsx'
import { Badge, StateDot } from '../ui/badge.tsx'
import { Box } from '../ui/box.tsx'
import { Button } from '../ui/button.tsx'
import { cn } from '../ui/cn.ts'
import { Dialog } from '../ui/dialog.tsx'
import { AlertList } from './alerts.tsx'
import { ApproveDialog, WithdrawDialog } from './decide.tsx'
import { DeviceText, Hash } from './device-text.tsx'
import { BlockMark } from './marks.tsx'
import {
  allByHand,
  DIALECT_NAMES,
  deviceWords,
  inLocalTime,
  isEnded,
  onDay,
  STATE_WORDS,
  type Stage,
  stages,
  TRANSPORT_NAMES,
  timeLeft,
  withDeviceNames,
} from './model.ts'
import { Proof } from './proof.tsx'
import { Reasons } from './verdict.tsx'

/** One block: where it is in its life, what each device says, and the proof that it works. */
export function BlockPage({ id }: { id: string }) {
  return (
    <OnePage kind="block" all={{ href: '/blocks', label: 'All blocks' }} answer={useBlock(id)}>
      {(block) => <Card block={block} />}
    </OnePage>
  )
}

function Card({ block }: { block: Block }) {
  return (
    <article className="@container flex flex-col gap-4" aria-label={block.sentence}>
      <AlertList alerts={block.alerts} />
      <Head block={block} />
      <div className="grid gap-4 @4xl:grid-cols-[minmax(0,1fr)_320px]">
        <div className="flex min-w-0 flex-col gap-4">
          <Proof block={block} />
          <Devices block={block} />
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <Decision block={block} />
          <Timeline block={block} />
        </div>
      </div>
    </article>
  )
}

function Head({ block }: { block: Block }) {
  const now = useNow(1_000)
  const [asked, setAsked] = useState<'approve' | 'withdraw' | null>(null)
  const mayApprove = block.actions.includes('approve')
  const mayWithdraw = block.actions.includes('withdraw')
  const ended = isEnded(block.state)
  return (
    <header className="flex flex-col gap-4 rounded-lg border border-border bg-surface p-4">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5 text-[13px]">
        <BlockMark state={block.state} />
        {block.emergencyReason === null ? null : <Badge tone="warn">Emergency, not simulated</Badge>}
        <span className="text-muted" suppressHydrationWarning>
          {ended ? (
            <>
              ended <Ago at={block.endedAt === null ? null : Date.parse(block.endedAt)} />
            </>
          ) : now === 0 ? null : (
            timeLeft(block, now)
          )}
        </span>
      </div>
      <div>
        <h1 className="max-w-[70ch] text-balance font-semibold text-[20px] leading-7 tracking-tight [overflow-wrap:anywhere] max-sm:text-[18px]">
          {withDeviceNames(block.sentence, block.deviceDetails)}
        </h1>
        <p className="mt-1 text-[13px] text-muted">
          {(block.state === 'approved' || block.state === 'applying') && allByHand(block.deviceDetails)
            ? 'Weir reaches none of its devices: it holds once somebody has pasted the text below.'
            : STATE_WORDS[block.state].hint}
        </p>
      </div>
      <Stages list={stages(block)} />
      {mayApprove || mayWithdraw || block.anomalyId !== null ? (
        <div className="flex flex-wrap items-center gap-2 border-border border-t pt-3">
          {mayApprove ? (
            <Button variant="primary" size="lg" onClick={() => setAsked('approve')}>
              <Check /> Approve
            </Button>
          ) : null}
          {mayWithdraw ? (
            <Button variant="danger" size="lg" onClick={() => setAsked('withdraw')}>
              <Undo2 /> {block.state === 'pending_approval' ? 'Withdraw the request' : 'Undo now'}
            </Button>
          ) : null}
          {block.anomalyId === null ? null : (
            <Button asChild size="lg" className="sm:ml-auto">
              <Link href={`/anomalies/${encodeURIComponent(block.anomalyId)}`}>
                <Radar /> The anomaly
              </Link>
            </Button>
          )}
        </div>
      ) : null}
      <Dialog open={asked !== null} onOpenChange={(open) => !open && setAsked(null)}>
        {asked === 'approve' ? (
          <ApproveDialog block={block} onDone={() => setAsked(null)} />
        ) : asked === 'withdraw' ? (
          <WithdrawDialog block={block} onDone={() => setAsked(null)} />
        ) : null}
      </Dialog>
    </header>
  )
}

const STAGE_LOOK: Readonly<Record<Stage['state'], { dot: string; said: string; label: string }>> = {
  done: { dot: 'border-ok bg-ok', said: 'done', label: 'font-medium' },
  now: { dot: 'border-accent bg-accent-soft', said: 'under way', label: 'font-medium text-accent' },
  bad: { dot: 'border-critical bg-critical', said: 'wrong', label: 'font-medium text-critical' },
  todo: { dot: 'border-border-strong bg-surface', said: 'to come', label: 'text-muted' },
  skipped: { dot: 'border-border-strong bg-surface', said: 'not reached', label: 'text-muted line-through' },
}

function Stages({ list }: { list: readonly Stage[] }) {
  const now = useNow(60_000)
  const day = now === 0 ? null : now
  return (
    <ol aria-label="Life of this block" className="grid gap-x-2 gap-y-2 sm:grid-cols-5">
      {list.map((stage, index) => {
        const look = STAGE_LOOK[stage.state]
        return (
          <li key={stage.key} className="flex gap-2.5 sm:flex-col sm:gap-1.5">
            <span aria-hidden className="flex items-center gap-2 max-sm:h-5 max-sm:self-start">
              <span className={cn('size-3 shrink-0 rounded-full border-2', look.dot)} />
              {index === list.length - 1 ? null : (
                <span className={cn('hidden h-px flex-1 sm:block', stage.state === 'done' ? 'bg-ok' : 'bg-border-strong')} />
              )}
            </span>
            <span className="min-w-0 text-[13px] leading-5">
              <span className={cn('block', look.label)}>
                {stage.label}
                <span className="sr-only">, {look.said}</span>
              </span>
              <span className="block text-[12px] text-muted">
                {stage.note === null ? null : `${stage.note}${stage.at === null ? '' : ', '}`}
                {stage.at === null ? null : <Time at={stage.at} text={onDay(stage.at, day)} />}
              </span>
            </span>
          </li>
        )
      })}
    </ol>
  )
}

function Decision({ block }: { block: Block }) {
  return (
    <Box title="The decision">
      <dl className="grid grid-cols-[92px_minmax(0,1fr)] gap-y-1.5 text-[13px]">
        <dt className="text-muted">Asked by</dt>
        <dd>
          {block.requester.name}{' '}
          <span className="text-muted">({block.requester.role === null ? 'role unknown' : ROLE_NAMES[block.requester.role]})</span>
        </dd>
        <dt className="text-muted">Why</dt>
        <dd className="[overflow-wrap:anywhere]">{block.reason}</dd>
        {block.emergencyReason === null ? null : (
          <>
            <dt className="text-warn">Emergency</dt>
            <dd className="[overflow-wrap:anywhere]">{block.emergencyReason}</dd>
          </>
        )}
        <dt className="text-muted">Approved by</dt>
        <dd>
          {block.approver === null ? (
            <span className="text-muted">{block.state === 'pending_approval' ? 'nobody yet' : 'not needed'}</span>
          ) : (
            <>
              {block.approver.name}{' '}
              <span className="text-muted">({block.approver.role === null ? 'role unknown' : ROLE_NAMES[block.approver.role]})</span>
            </>
          )}
        </dd>
        <dt className="text-muted">Holds for</dt>
        <dd>
          {block.expiresAt === null ? (
            duration(block.ttlSeconds)
          ) : (
            <>
              until <Time at={Date.parse(block.expiresAt)} />
            </>
          )}
        </dd>
        <dt className="text-muted">Hash</dt>
        <dd>
          <Hash value={block.hash} label="Copy the hash of the decision" />
        </dd>
      </dl>
      {block.verdict.reasons.length === 0 ? null : (
        <div className="mt-3 border-border border-t pt-3">
          <h3 className="mb-1.5 font-medium text-[12px] text-muted">What the guard rails found</h3>
          <Reasons verdict={block.verdict} />
        </div>
      )}
    </Box>
  )
}

function Devices({ block }: { block: Block }) {
  return (
    <Box title="Devices" hint={`${exact(block.deviceDetails.length)}, each with what was sent`} flush>
      <ul className="divide-y divide-border border-border border-t">
        {block.deviceDetails.map((device) => {
          const { word, tone } = deviceWords(device.state, block.state)
          return (
            <li key={device.deviceId} className="flex flex-col gap-3 px-4 py-3">
              <div className="flex flex-wrap items-center gap-x-4 gap-y-1 text-[13px]">
                <StateDot tone={tone} wrap>
                  <span className="font-medium">{device.name}</span> {word}
                </StateDot>
                <span className="text-[12.5px] text-muted">{TRANSPORT_NAMES[device.transport] ?? device.transport}</span>
                {device.packets === null ? null : (
                  <span title="The device’s own counters of this rule">
                    {count(device.packets)} {device.packets === 1 ? 'packet' : 'packets'}, {bytes(device.bytes)}{' '}
                    <span className="text-muted">stopped</span>
                  </span>
                )}
                {device.seenAt === null ? null : (
                  <span className="text-[12.5px] text-muted">
                    seen <Ago at={Date.parse(device.seenAt)} />
                  </span>
                )}
                {device.reasserted === 0 ? null : (
                  <Badge tone="warn">
                    put back {exact(device.reasserted)} {device.reasserted === 1 ? 'time' : 'times'}
                  </Badge>
                )}
                {device.attempts > 1 ? <span className="text-[12.5px] text-muted">{exact(device.attempts)} attempts</span> : null}
              </div>
              {device.lastError === null ? null : (
                <p className="border-critical/60 border-l-2 pl-3 text-[12.5px] [overflow-wrap:anywhere]">{device.lastError}</p>
              )}
              {device.state === 'manual' ? (
                <p className="border-warn/60 border-l-2 pl-3 text-[12.5px]">
                  Weir does not reach this device.{' '}
                  {block.state === 'pending_approval'
                    ? 'Apply nothing before the approval; then paste the text below.'
                    : isEnded(block.state)
                      ? 'If you pasted the text, paste the undo text now.'
                      : 'Paste the text below, and the undo text when the time is over.'}
                </p>
              ) : null}
              <details open={device.state === 'manual' || block.state === 'pending_approval'}>
                <summary className="w-fit cursor-pointer rounded-sm text-[12.5px] text-accent max-sm:flex max-sm:min-h-11 max-sm:items-center max-sm:pr-4">
                  <span>Exact text</span>
                </summary>
                <div className="mt-2">
                  <DeviceText
                    device={device.name}
                    dialect={DIALECT_NAMES[device.dialect] ?? device.dialect}
                    apply={device.apply}
                    undo={device.undo}
                    hash={device.hash}
                  />
                </div>
              </details>
            </li>
          )
        })}
      </ul>
    </Box>
  )
}

function Timeline({ block }: { block: Block }) {
  const names = new Map(block.deviceDetails.map((device) => [device.deviceId, device.name]))
  return (
    <Box title="What happened">
      <ol className="flex flex-col gap-3">
        {block.timeline
          .toSorted((a, b) => b.id - a.id)
          .map((event) => {
            const at = Date.parse(event.at)
            return (
              <li key={event.id} className="flex gap-2.5 text-[13px]">
                <span
                  aria-hidden
                  className={cn('mt-1.5 size-2 shrink-0 rounded-full', event.actor === null ? 'bg-muted/60' : 'bg-accent')}
                />
                <div className="min-w-0">
                  <p className="[overflow-wrap:anywhere]" suppressHydrationWarning>
                    {event.device === null ? null : <span className="font-medium">{names.get(event.device) ?? event.device}: </span>}
                    {withDeviceNames(inLocalTime(event.text), block.deviceDetails)}
                  </p>
                  <p className="text-[12px] text-muted">
                    {event.actor === null ? '' : `${event.actor} · `}
                    <time dateTime={event.at} title={utc(at)} suppressHydrationWarning>
                      {dateTime(at)}
                    </time>
                  </p>
                </div>
              </li>
            )
          })}
      </ol>
    </Box>
  )
}
