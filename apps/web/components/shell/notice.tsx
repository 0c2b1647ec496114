import type { LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'

/** A whole page that says one thing: what happened, what to do, and ways to go on. */
export function Notice({
  icon: Icon,
  title,
  children,
  actions,
}: {
  icon: LucideIcon
  title: string
  children: ReactNode
  actions: ReactNode
}) {
  return (
    <div className="mx-auto flex max-w-lg flex-col items-start px-4 pt-[12vh] pb-16">
      <span className="grid size-10 place-items-center rounded-lg border bg-raised text-muted">
        <Icon size={20} aria-hidden="true" />
      </span>
      <h1 className="mt-4 font-semibold text-[20px] leading-7 tracking-tight">{title}</h1>
      <div className="mt-2 grid gap-2 text-muted leading-relaxed">{children}</div>
      <div className="mt-6 flex flex-wrap gap-2">{actions}</div>
    </div>
  )
}
