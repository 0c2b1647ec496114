'use client'

import { useEffect, useState } from 'react'
import { toast } from 'sonner'
import { exact } from '../format.ts'
import { ProblemNote } from '../shell/problem-note.tsx'
import { Button } from '../ui/button.tsx'
import { Panel } from '../ui/panel.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { EmptyState, ErrorState } from '../ui/state.tsx'
import { PageHead } from './page-head.tsx'
import { useChange, useHomeNetworks } from './settings-data.ts'

const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']

/** Networks that count as inside. */
export function Networks({ canWrite }: { canWrite: boolean }) {
  const networks = useHomeNetworks()
  const change = useChange()
  const [text, setText] = useState<string | null>(null)
  const stored = networks.data?.networks.join('\n')
  const shown = text ?? stored ?? ''
  const list = [...new Set(shown.split(/[\s,;]+/).filter((entry) => entry !== ''))]

  // What was typed ends with a save; after that the stored list is shown again.
  useEffect(() => {
    if (change.isSuccess && stored !== undefined) setText(null)
  }, [change.isSuccess, stored])

  return (
    <>
      <PageHead title="Home networks">
        Your own address ranges. They tell inside from outside in the service graph and on the map. Private ranges ({PRIVATE.join(', ')})
        count as inside without being listed.
      </PageHead>
      <Panel>
        {networks.isPending ? (
          <div className="grid gap-3 p-4">
            <Skeleton className="h-32" />
          </div>
        ) : networks.isError ? (
          <ErrorState error={networks.error} onRetry={() => void networks.refetch()} />
        ) : canWrite ? (
          <form
            className="grid gap-3 p-4"
            onSubmit={(event) => {
              event.preventDefault()
              change.mutateAsync({ method: 'PUT', path: '/api/v1/home-networks', body: { networks: list } }).then(
                () => toast.success('Home networks saved'),
                () => undefined,
              )
            }}
          >
            <label className="grid gap-1.5 text-[12px]">
              <span className="font-medium text-muted">One network per line</span>
              <textarea
                value={shown}
                onChange={(event) => setText(event.target.value)}
                rows={8}
                spellCheck={false}
                placeholder={'203.0.113.0/24\n2001:db8::/32'}
                className="w-full max-w-xl resize-y rounded-md border bg-surface px-2.5 py-2 font-mono text-[12.5px] leading-5 placeholder:text-muted focus-visible:border-accent focus-visible:outline-2 focus-visible:outline-accent/40"
              />
            </label>
            {change.isError ? <ProblemNote error={change.error} /> : null}
            <div className="flex items-center gap-3">
              <Button type="submit" variant="primary" disabled={change.isPending || text === null || text === stored}>
                Save
              </Button>
              <span className="text-[12.5px] text-muted">
                {exact(list.length)} {list.length === 1 ? 'network' : 'networks'}
              </span>
            </div>
          </form>
        ) : list.length === 0 ? (
          <EmptyState title="None listed">Only private ranges count as inside. An admin can add your own networks.</EmptyState>
        ) : (
          <ul className="grid gap-1 p-4 font-mono text-[12.5px]">
            {list.map((network) => (
              <li key={network}>{network}</li>
            ))}
          </ul>
        )}
      </Panel>
    </>
  )
}
