import type { Metadata } from 'next'
import { ExportersScreen } from '../../../components/exporters/exporters-screen.tsx'

export const metadata: Metadata = { title: 'Exporters' }

export default function Page() {
  return <ExportersScreen />
}
