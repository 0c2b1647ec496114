import type { ReactNode } from 'react'
import { Logo } from '@/components/shell/logo'
import { River } from '@/components/shell/river'
import { ThemeToggle } from '@/components/shell/theme-toggle'

/** Sign-in and welcome: the form on one side, the river on the other; on a phone only the form. */
export default function AuthLayout({ children }: { children: ReactNode }) {
  return (
    <div className="grid min-h-dvh bg-surface lg:grid-cols-[minmax(440px,1fr)_minmax(0,1.35fr)]">
      <div className="flex flex-col">
        <header className="flex h-16 items-center justify-between px-6 sm:px-10">
          <Logo size={24} />
          <ThemeToggle />
        </header>
        <main id="main" className="flex flex-1 items-start justify-center px-6 pt-[9vh] pb-16 sm:px-10">
          <div className="w-full max-w-[360px]">{children}</div>
        </main>
        <footer className="px-6 py-5 text-[12px] text-muted sm:px-10">Flow monitoring on your own machines. Nothing leaves them.</footer>
      </div>
      <div aria-hidden="true" className="relative hidden overflow-hidden border-l bg-bg lg:block">
        <River />
      </div>
    </div>
  )
}
