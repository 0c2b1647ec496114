'use client'

import { CopyButton } from '../ui/copy-button.tsx'

/** A link or token that is shown this one time: to be copied now, because Weir keeps only its hash. */
export function SecretOnce({ label, secret, note }: { label: string; secret: string; note: string }) {
  return (
    <div className="grid gap-2">
      <p className="font-medium text-[12px] text-muted">{label}</p>
      <div className="flex items-start gap-2 rounded-md border border-accent/40 bg-accent-soft p-3">
        <code data-testid="secret" className="min-w-0 flex-1 break-all font-mono text-[12.5px] leading-5">
          {secret}
        </code>
        <CopyButton text={secret} label={`Copy ${label.toLowerCase()}`} />
      </div>
      <p className="text-[12.5px] text-muted leading-relaxed">{note}</p>
    </div>
  )
}
