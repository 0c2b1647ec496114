'use client'
import { useId } from 'react'
import { CopyButton } from '../ui/copy-button.tsx'

/** Exactly what is sent to one device, and what takes it away again. */
export function DeviceText({
  device,
  dialect,
  apply,
  undo,
  hash,
}: {
  device: string
  dialect: string
  apply: string
  undo: string
  /** Of this text; null where only the whole is hashed. */
  hash: string | null
}) {
  const id = useId()
  return (
    <section aria-labelledby={id} className="min-w-0">
      <div className="mb-1.5 flex flex-wrap items-baseline gap-x-2 gap-y-0.5 text-[13px]">
        <h3 id={id} className="font-medium">
          {device}
        </h3>
        <span className="text-[12px] text-muted">{dialect}</span>
        {hash === null ? null : <Hash value={hash} label={`Copy the hash for ${device}`} className="ml-auto" />}
      </div>
      <div className="grid gap-2 xl:grid-cols-2">
        <Code title="Apply" text={apply} label={`Copy what is sent to ${device}`} />
        <Code title="Undo" text={undo} label={`Copy what takes it away from ${device}`} />
      </div>
    </section>
  )
}

function Code({ title, text, label }: { title: string; text: string; label: string }) {
  return (
    <div className="min-w-0 overflow-hidden rounded-md border border-border">
      <div className="flex h-8 items-center justify-between border-border border-b bg-bg pr-0.5 pl-2.5 text-[12px] text-muted">
        {title}
        <CopyButton text={text} label={label} />
      </div>
      <section
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard.
        tabIndex={0}
        aria-label={label.replace('Copy what', 'What')}
        className="max-h-64 overflow-auto p-2.5 outline-offset-[-2px]"
      >
        <pre className="whitespace-pre-wrap font-mono text-[12px] leading-5 [overflow-wrap:anywhere]">{text}</pre>
      </section>
    </div>
  )
}

/** The first and last octets of a SHA-256, whole under the pointer and by copy: what two people compare aloud. */
export function Hash({ value, label = 'Copy the hash', className }: { value: string; label?: string; className?: string }) {
  return (
    <span className={`inline-flex items-center gap-0.5 ${className ?? ''}`}>
      <code className="font-mono text-[12px] text-muted" title={value}>
        {value.length > 20 ? `${value.slice(0, 8)}…${value.slice(-8)}` : value}
      </code>
      <CopyButton text={value} label={label} />
    </span>
  )
}
