'use client'

import { useQueryClient } from '@tanstack/react-query'
import { DatabaseZap } from 'lucide-react'
import { useState } from 'react'
import { toast } from 'sonner'
import { count, exact } from '../format.ts'
import { Button } from '../ui/button.tsx'
import { Panel } from '../ui/panel.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { EmptyState, ErrorState } from '../ui/state.tsx'
import { Confirm } from './confirm.tsx'
import { PageHead } from './page-head.tsx'
import { useChange, useDemo } from './settings-data.ts'

/** Whether demo traffic is stored, and the way to be rid of it. */
export function Demo() {
  const demo = useDemo()
  const change = useChange()
  const client = useQueryClient()
  const [asking, setAsking] = useState(false)
  return (
    <>
      <PageHead title="Demo data">
        Traffic that Weir made for itself, sent by demo exporters as real export datagrams. It is kept apart by exporter, so it can be
        removed without touching yours.
      </PageHead>
      <Panel>
        {demo.isPending ? (
          <div className="p-4">
            <Skeleton className="h-10" />
          </div>
        ) : demo.isError ? (
          <ErrorState error={demo.error} onRetry={() => void demo.refetch()} />
        ) : demo.data.present ? (
          <div className="flex flex-wrap items-center gap-x-6 gap-y-3 p-4">
            <div className="min-w-0 flex-1 basis-64 text-[13px]">
              <p className="font-medium">
                {exact(demo.data.exporters)} demo {demo.data.exporters === 1 ? 'exporter' : 'exporters'}, {count(demo.data.flows)} flows
                received
              </p>
              <p className="text-muted">While the demo is running (npm start -- --demo) it comes back within seconds; stop it first.</p>
            </div>
            <Button variant="danger" onClick={() => setAsking(true)}>
              Remove demo data
            </Button>
          </div>
        ) : (
          <EmptyState icon={DatabaseZap} title="There is no demo data">
            To try Weir with believable traffic, start it with{' '}
            <code className="font-mono text-[12px] text-foreground">npm start -- --demo</code>
          </EmptyState>
        )}
      </Panel>
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title="Remove all demo data?"
        action="Remove"
        onConfirm={async () => {
          await change.mutateAsync({ method: 'DELETE', path: '/api/v1/demo' })
          toast.success('Demo data removed')
          void client.invalidateQueries()
        }}
      >
        <p>
          The demo exporters go, with every flow they sent and their part of all totals. Your own exporters and flows stay. With much
          history this takes a moment.
        </p>
      </Confirm>
    </>
  )
}
