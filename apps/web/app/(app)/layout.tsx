import { PAGES, type PagePath } from '@weir/db/contracts'
import { cookies, headers } from 'next/headers'
import { redirect } from 'next/navigation'
import { type ReactNode, Suspense } from 'react'
import { AnomalyWatch } from '@/components/anomalies/anomaly-watch'
import { BlockWatch } from '@/components/blocks/alerts'
import { BottomBar } from '@/components/shell/bottom-bar'
import { LiveBadge } from '@/components/shell/live-badge'
import { PLACES } from '@/components/shell/navigation'
import { Sidebar } from '@/components/shell/sidebar'
import { ThemeToggle } from '@/components/shell/theme-toggle'
import { TopBar } from '@/components/shell/top-bar'
import { UserMenu } from '@/components/shell/user-menu'
import { ViewControls } from '@/components/view-controls'
import { safeReturnPath } from '@/server/origin'
import { grantOf, principalOf } from '@/server/principal'

const actionOf = (path: string) => (Object.hasOwn(PAGES, path) ? PAGES[path as PagePath] : 'open')

/** The frame around every page for signed-in people; what a role may not open is not in the navigation. */
export default async function AppLayout({ children }: { children: ReactNode }) {
  const asked = await headers()
  const principal = await principalOf(asked)
  if (principal?.kind !== 'session') redirect(`/sign-in?${new URLSearchParams({ return: safeReturnPath(asked.get('x-weir-path')) })}`)
  const collapsed = (await cookies()).get('weir-sidebar')?.value === 'collapsed'
  const allowed = PLACES.map((place) => place.href).filter((href) => {
    const action = actionOf(href)
    return action === 'open' || grantOf(principal, action) !== 'no'
  })
  return (
    <div className="flex min-h-dvh">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:top-3 focus:left-3 focus:z-50 focus:rounded-md focus:bg-accent focus:px-3 focus:py-2 focus:text-accent-foreground"
      >
        Skip to content
      </a>
      <Suspense>
        <Sidebar initiallyCollapsed={collapsed} allowed={allowed} />
      </Suspense>
      <div className="flex min-w-0 flex-1 flex-col">
        <Suspense>
          <TopBar controls={<ViewControls />}>
            <LiveBadge />
            <ThemeToggle className="max-sm:hidden" />
            <UserMenu name={principal.name} email={principal.email} role={principal.role} />
          </TopBar>
        </Suspense>
        <main id="main" tabIndex={-1} className="min-w-0 flex-1 px-4 pt-4 pb-24 outline-none lg:px-6 lg:pb-8">
          {children}
        </main>
      </div>
      <Suspense>
        <BottomBar allowed={allowed} />
      </Suspense>
      <AnomalyWatch />
      <BlockWatch />
    </div>
  )
}
