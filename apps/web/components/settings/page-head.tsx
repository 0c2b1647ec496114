import type { ReactNode } from 'react'

/** Title of a settings page, one sentence about it, and what one can do there. */
export function PageHead({ title, children, actions }: { title: string; children: ReactNode; actions?: ReactNode }) {
  return (
    <header className="mb-4 flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
      <div className="min-w-0 max-w-2xl">
        <h1 className="font-semibold text-[17px] leading-6 tracking-tight">{title}</h1>
        <p className="mt-0.5 text-[13px] text-muted leading-relaxed">{children}</p>
      </div>
      {actions === undefined ? null : <div className="flex flex-wrap gap-2">{actions}</div>}
    </header>
  )
}
