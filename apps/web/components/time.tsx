'use client'
import { useEffect, useState } from 'react'
import { ago, dateTime, utc } from './format.ts'

/** An instant in the browser's zone, UTC under the pointer. */
export function Time({ at, text, className }: { at: number | null; text?: string; className?: string }) {
  if (at === null) return <span className={className}>{dateTime(null)}</span>
  return (
    <time dateTime={new Date(at).toISOString()} title={utc(at)} className={className} suppressHydrationWarning>
      {text ?? dateTime(at)}
    </time>
  )
}

/** How long ago, kept current; the instant itself under the pointer. */
export function Ago({ at, className }: { at: number | null; className?: string }) {
  const [now, setNow] = useState<number | null>(null)
  useEffect(() => {
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), 5000)
    return () => clearInterval(timer)
  }, [])
  if (at === null) return <span className={className}>{dateTime(null)}</span>
  return (
    <time dateTime={new Date(at).toISOString()} title={`${dateTime(at)} · ${utc(at)}`} className={className} suppressHydrationWarning>
      {now === null ? '' : ago(at, now)}
    </time>
  )
}
