'use client'
import type { UseQueryResult } from '@tanstack/react-query'
import { ArrowLeft, SearchX } from 'lucide-react'
import Link from 'next/link'
import type { ReactNode } from 'react'
import { ProblemError } from '../data/fetch-json.ts'
import { Button } from './ui/button.tsx'
import { Panel } from './ui/panel.tsx'
import { SkeletonRows } from './ui/skeleton.tsx'
import { EmptyState, ErrorState } from './ui/state.tsx'

/**
 * One thing on a page of its own, as a notification links to it: the way back to all of its kind, and what stands there while it loads, when
 * it is not there, and when it could not be read. `kind` is its name in a sentence: 'anomaly', 'block'.
 */
export function OnePage<T>({
  kind,
  all,
  answer,
  children,
}: {
  kind: string
  all: { href: string; label: string }
  answer: UseQueryResult<T>
  children: (data: T) => ReactNode
}) {
  const { data, error } = answer
  const missing = error instanceof ProblemError && error.status === 404
  const name = `${kind.charAt(0).toUpperCase()}${kind.slice(1)}`
  return (
    <div className="mx-auto flex w-full max-w-[1240px] flex-col gap-3">
      <Button asChild variant="ghost" className="self-start px-1.5">
        <Link href={all.href}>
          <ArrowLeft /> {all.label}
        </Link>
      </Button>
      {data !== undefined ? (
        <>
          {children(data)}
          {error === null ? null : <p className="text-[12px] text-warn">Not refreshed: {error.message}</p>}
        </>
      ) : (
        <Panel>
          <h1 className="sr-only">{missing ? `${name} not found` : name}</h1>
          {missing ? (
            <EmptyState
              icon={SearchX}
              className="py-16"
              title={`There is no such ${kind}`}
              actions={
                <Button asChild variant="primary">
                  <Link href={all.href}>{all.label}</Link>
                </Button>
              }
            >
              The link is cut, or it belongs to another installation of Weir.
            </EmptyState>
          ) : error === null ? (
            <SkeletonRows rows={10} className="p-4" />
          ) : (
            <ErrorState error={error} className="py-10" onRetry={() => void answer.refetch()} />
          )}
        </Panel>
      )}
    </div>
  )
}
