import type { Metadata } from 'next'
import { About } from '@/components/settings/about'
import manifest from '@/package.json'
import { personFor } from '@/server/page'

export const metadata: Metadata = { title: 'About' }

export default async function AboutPage() {
  await personFor('/settings/about')
  return <About version={manifest.version} />
}
