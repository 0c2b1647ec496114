import { cookies } from 'next/headers'
import { type ReactNode, Suspense } from 'react'
import { BottomBar } from '@/components/shell/bottom-bar'
import { PLACES } from '@/components/shell/navigation'
import { Sidebar } from '@/components/shell/sidebar'
import { ThemeToggle } from '@/components/shell/theme-toggle'
import { TopBar } from '@/components/shell/top-bar'

/** The frame around every page for signed-in people. */
export default async function AppLayout({ children }: { children: ReactNode }) {
  const collapsed = (await cookies()).get('weir-sidebar')?.value === 'collapsed'
  const allowed = PLACES.map((place) => place.href)
  return (
    <div className="flex min-h-dvh">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:left-3 focus:top-3 focus:z-50 focus:rounded-md focus:bg-accent focus:px-3 focus:py-2 focus:text-accent-foreground"
      >
        Skip to content
      </a>
      <Suspense>
        <Sidebar initiallyCollapsed={collapsed} allowed={allowed} />
      </Suspense>
      <div className="flex min-w-0 flex-1 flex-col">
        <Suspense>
          <TopBar>
            <ThemeToggle />
          </TopBar>
        </Suspense>
        <main id="main" tabIndex={-1} className="flex-1 px-4 pb-24 pt-4 outline-none lg:px-6 lg:pb-8">
          {children}
        </main>
      </div>
      <Suspense>
        <BottomBar allowed={allowed} />
      </Suspense>
    </div>
  )
}
