import { PAGES } from '@weir/db/contracts'
import type { ReactNode } from 'react'
import { SettingsNav } from '@/components/settings/settings-nav'
import { can, personFor } from '@/server/page'

export default async function SettingsLayout({ children }: { children: ReactNode }) {
  const person = await personFor('/settings')
  const allowed = Object.entries(PAGES).flatMap(([path, action]) => (action !== 'open' && can(person, action) ? [path] : []))
  return (
    <div className="flex max-w-[1120px] flex-col gap-4 lg:flex-row lg:gap-8 lg:pt-2">
      <SettingsNav allowed={allowed} />
      <div className="min-w-0 flex-1">{children}</div>
    </div>
  )
}
