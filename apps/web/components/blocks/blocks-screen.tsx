'use client'
import type { BlockSummary } from '@weir/db/contracts'
import { Plus, ShieldBan } from 'lucide-react'
import Link from 'next/link'
import { type ReactNode, useId } from 'react'
import { useBlocks } from '../../data/use-blocks.ts'
import { useMay } from '../../data/use-profile.ts'
import { useNow } from '../anomalies/use-now.ts'
import { exact } from '../format.ts'
import { Ago } from '../time.tsx'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Panel } from '../ui/panel.tsx'
import { SkeletonRows } from '../ui/skeleton.tsx'
import { EmptyState, ErrorState } from '../ui/state.tsx'
import { AlertBadges } from './alerts.tsx'
import { BlockMark, DeviceMark } from './marks.tsx'
import { byUrgency, ENDED_STATES, LIVE_STATES, PENDING_STATES, shareOver, timeLeft, withDeviceNames } from './model.ts'

/** Every block: what waits for a second person, what is in force, and what is over. */
export function BlocksScreen() {
  const pending = useBlocks(PENDING_STATES)
  const live = useBlocks(LIVE_STATES)
  const ended = useBlocks(ENDED_STATES, 30)
  const mayRequest = useMay('block:request')
  const now = useNow(1_000)
  const rows = (query: typeof live): BlockSummary[] => query.data?.pages.flatMap((page) => page.blocks) ?? []
  const waiting = rows(pending)
  const working = rows(live).toSorted(byUrgency)
  const over = rows(ended)
  const failed = pending.error ?? live.error ?? ended.error
  const loaded = pending.data !== undefined && live.data !== undefined && ended.data !== undefined
  const again = (): void => {
    for (const query of [pending, live, ended]) void query.refetch()
  }
  const start = mayRequest ? (
    <Button asChild variant="primary">
      <Link href="/blocks/new">
        <Plus aria-hidden /> New block
      </Link>
    </Button>
  ) : null
  return (
    <div className="flex flex-col gap-4">
      <header className="flex flex-wrap items-center justify-between gap-3">
        <div className="min-w-0 flex-1 basis-72">
          <h1 className="sr-only">Blocks</h1>
          <p className="text-[13px] text-muted">
            Traffic that devices stop on your word. Each block ends by itself and is watched for leaks.
          </p>
        </div>
        {start}
      </header>
      {!loaded && failed !== null ? (
        <Panel>
          <ErrorState error={failed} onRetry={again} className="py-10" />
        </Panel>
      ) : !loaded ? (
        <Panel>
          <SkeletonRows rows={8} className="p-4" />
        </Panel>
      ) : waiting.length + working.length + over.length === 0 ? (
        <Panel>
          <EmptyState
            icon={ShieldBan}
            className="py-14"
            title="Nothing is blocked"
            actions={
              <>
                {start}
                <Button asChild>
                  <Link href="/anomalies">Look at anomalies</Link>
                </Button>
              </>
            }
          >
            A block starts from an anomaly or an address. Before it is sent you see what it would have hit, and it ends by itself.
          </EmptyState>
        </Panel>
      ) : (
        <>
          {waiting.length === 0 ? null : (
            <Group title="Waiting for a second person" count={waiting.length}>
              {waiting.map((block) => (
                <Row key={block.id} block={block} now={now} />
              ))}
            </Group>
          )}
          <Group title="In force" count={working.length}>
            {working.map((block) => (
              <Row key={block.id} block={block} now={now} />
            ))}
          </Group>
          {over.length === 0 ? null : (
            <Group title="Ended" count={over.length} more={ended.hasNextPage}>
              {over.map((block) => (
                <Row key={block.id} block={block} now={now} />
              ))}
            </Group>
          )}
          {ended.hasNextPage ? (
            <Button className="self-center" disabled={ended.isFetchingNextPage} onClick={() => void ended.fetchNextPage()}>
              {ended.isFetchingNextPage ? 'Loading…' : 'Show older blocks'}
            </Button>
          ) : null}
          {failed === null ? null : <p className="text-[12px] text-warn">Not refreshed: {failed.message}</p>}
        </>
      )}
    </div>
  )
}

function Group({ title, count, more = false, children }: { title: string; count: number; more?: boolean; children: ReactNode }) {
  const id = useId()
  return (
    <section aria-labelledby={id}>
      <h2 id={id} className="mb-1.5 flex items-baseline gap-2 font-semibold text-[13px]">
        {title}
        <span className="font-normal text-[12px] text-muted">
          {exact(count)}
          {more ? ' newest' : ''}
        </span>
      </h2>
      <Panel>
        {count === 0 ? (
          <p className="px-4 py-4 text-[13px] text-muted">No device carries a block right now.</p>
        ) : (
          <ul className="divide-y divide-border">{children}</ul>
        )}
      </Panel>
    </section>
  )
}

function Row({ block, now }: { block: BlockSummary; now: number }) {
  const over = now === 0 ? null : shareOver(block, now)
  const ended = block.endedAt !== null
  return (
    <li className="relative hover:bg-raised">
      <div className="grid gap-x-4 gap-y-1.5 px-4 py-3 text-[13px] md:grid-cols-[minmax(0,1fr)_auto]">
        <div className="min-w-0">
          <p className="mb-1 flex flex-wrap items-center gap-2">
            <BlockMark state={block.state} />
            {block.emergencyReason === null ? null : <Badge tone="warn">Emergency</Badge>}
            <AlertBadges alerts={block.alerts} />
            {block.actions.includes('approve') ? <Badge tone="accent">You can approve</Badge> : null}
          </p>
          <Link
            href={`/blocks/${encodeURIComponent(block.id)}`}
            className="font-medium outline-offset-2 after:absolute after:inset-0 [overflow-wrap:anywhere]"
          >
            {withDeviceNames(block.sentence, block.devices)}
          </Link>
          <p className="mt-0.5 text-[12.5px] text-muted [overflow-wrap:anywhere]">
            {block.requester.name}
            {block.approver === null ? '' : `, approved by ${block.approver.name}`} · <Ago at={Date.parse(block.requester.at)} /> · “
            {block.reason}”
          </p>
        </div>
        <div className="flex flex-col gap-1 md:w-72 md:items-end">
          <span className="text-[12.5px]" suppressHydrationWarning>
            {ended ? (
              <>
                <span className="text-muted">ended </span>
                <Ago at={Date.parse(block.endedAt ?? '')} />
              </>
            ) : now === 0 ? (
              ''
            ) : (
              timeLeft(block, now)
            )}
          </span>
          {ended || over === null || block.state === 'withdrawing' ? null : (
            <span aria-hidden className="h-1 w-full max-w-40 overflow-hidden rounded-full bg-border">
              <span className="block h-full bg-accent" style={{ width: `${(1 - over) * 100}%` }} />
            </span>
          )}
          <span className="flex flex-wrap gap-x-3 gap-y-0.5 md:justify-end">
            {block.devices.slice(0, 4).map((device) => (
              <DeviceMark key={device.deviceId} name={device.name} state={device.state} block={block.state} error={device.lastError} />
            ))}
            {block.devices.length > 4 ? <span className="text-[12.5px] text-muted">and {block.devices.length - 4} more</span> : null}
          </span>
        </div>
      </div>
    </li>
  )
}
