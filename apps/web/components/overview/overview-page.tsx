'use client'
import { useLive } from '../../live/use-live.ts'
import type { ListenerPorts } from './device-configs.ts'
import { Overview } from './overview.tsx'

/** The Overview with the live rate of the page's socket. */
export function OverviewPage({ ports, addresses }: { ports: ListenerPorts; addresses: readonly string[] }) {
  const { rate } = useLive()
  return <Overview ports={ports} addresses={addresses} live={rate} />
}
