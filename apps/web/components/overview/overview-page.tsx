'use client'
import type { ListenerPorts } from './device-configs.ts'
import { Overview } from './overview.tsx'

/** The Overview with the live rate of the page's socket. */
export function OverviewPage({ ports, addresses }: { ports: ListenerPorts; addresses: readonly string[] }) {
  return <Overview ports={ports} addresses={addresses} live={null} />
}
