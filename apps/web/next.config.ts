import { resolve } from 'node:path'
import type { NextConfig } from 'next'

const root = resolve(import.meta.dirname, '../..')

/**
 * `WEIR_NEXT_DIST` lets two builds live side by side (tests, several checkouts of one tree).
 * pg and drizzle stay outside the bundle: server.ts and the pages then share one copy of each in the process.
 */
const config: NextConfig = {
  distDir: process.env.WEIR_NEXT_DIST || '.next',
  transpilePackages: ['@weir/db'],
  serverExternalPackages: ['pg', 'pg-copy-streams', 'drizzle-orm', 'pino'],
  turbopack: { root },
  outputFileTracingRoot: root,
  poweredByHeader: false,
  reactStrictMode: true,
  devIndicators: false,
  experimental: {
    // A page that a role does not open answers 403 and not 200 with a sorry text.
    authInterrupts: true,
    optimizePackageImports: ['lucide-react', 'radix-ui', 'recharts', 'date-fns'],
  },
}

export default config
