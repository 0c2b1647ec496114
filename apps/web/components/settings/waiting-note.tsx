'use client'

import { Hourglass } from 'lucide-react'
import Link from 'next/link'
import { cn } from '../ui/cn.ts'
import { useAdminChanges } from './settings-data.ts'

/** What waits for a second admin about things whose subject begins with `about`; nothing when nothing does. For admins. */
export function WaitingNote({ about, className }: { about: string; className?: string }) {
  const answer = useAdminChanges()
  const open = answer.data?.changes.filter(({ state, subject }) => state === 'open' && subject.startsWith(about)) ?? []
  if (open.length === 0) return null
  return (
    <p className={cn('mb-4 flex gap-2.5 rounded-md border border-warn/50 bg-warn-soft px-3 py-2.5 text-[13px] leading-relaxed', className)}>
      <Hourglass size={16} aria-hidden className="mt-0.5 shrink-0 text-warn" />
      <span className="min-w-0 [overflow-wrap:anywhere]">
        {open.map(({ sentence }) => sentence).join('. ')}.{' '}
        <Link href="/settings/changes" className="font-medium text-accent underline underline-offset-2">
          {open.length === 1 ? 'Waits' : 'They wait'} for a second admin
        </Link>
      </span>
    </p>
  )
}
