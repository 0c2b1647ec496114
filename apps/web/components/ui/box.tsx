import { type ReactNode, useId } from 'react'

/** A titled part of a page. `flush` lets a table or list reach its edges. */
export function Box({ title, hint, children, flush = false }: { title: string; hint?: ReactNode; children: ReactNode; flush?: boolean }) {
  const id = useId()
  return (
    <section aria-labelledby={id} className="min-w-0 overflow-hidden rounded-lg border border-border bg-surface">
      <header className="flex flex-wrap items-baseline gap-x-2 px-4 pt-3 pb-2">
        <h2 id={id} className="font-semibold text-[13px]">
          {title}
        </h2>
        {hint === undefined ? null : <span className="text-[12px] text-muted">{hint}</span>}
      </header>
      {flush ? children : <div className="px-4 pb-4">{children}</div>}
    </section>
  )
}
