'use client'

import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { ThemeProvider } from 'next-themes'
import { NuqsAdapter } from 'nuqs/adapters/next/app'
import { type ReactNode, useState } from 'react'
import { Toaster } from 'sonner'

/**
 * One query cache per browser tab. Failed questions are asked once more, except those the server refused on purpose (4xx):
 * asking again would only repeat the refusal.
 */
function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        refetchOnWindowFocus: false,
        retry: (failures, error) => failures < 1 && !(typeof error === 'object' && 'status' in error && Number(error.status) < 500),
      },
    },
  })
}

/** What every page needs around it: theme (class on html), query cache, URL state, toasts. `nonce` lets the theme's script pass the CSP. */
export function Providers({ nonce, children }: { nonce: string | undefined; children: ReactNode }) {
  const [queryClient] = useState(makeQueryClient)
  return (
    <ThemeProvider attribute="class" defaultTheme="system" enableSystem disableTransitionOnChange {...(nonce ? { nonce } : {})}>
      <QueryClientProvider client={queryClient}>
        <NuqsAdapter>{children}</NuqsAdapter>
        <Toaster
          position="bottom-right"
          // Above the phone's bar, so that neither covers the other.
          mobileOffset={{ bottom: 'calc(68px + env(safe-area-inset-bottom))', left: 12, right: 12 }}
          toastOptions={{
            actionButtonStyle: {
              background: 'var(--accent)',
              color: 'var(--accent-foreground)',
              height: 32,
              padding: '0 12px',
              fontSize: 13,
              fontWeight: 600,
            },
            classNames: { description: 'text-muted!' },
            style: {
              background: 'var(--popover)',
              color: 'var(--foreground)',
              border: '1px solid var(--border)',
              borderRadius: 8,
              fontFamily: 'var(--font-sans)',
              boxShadow: 'var(--popover-shadow)',
            },
          }}
        />
      </QueryClientProvider>
    </ThemeProvider>
  )
}
