import { networkInterfaces } from 'node:os'
import type { Metadata } from 'next'
import { headers } from 'next/headers'
import { OverviewPage } from '../../components/overview/overview-page.tsx'

export const metadata: Metadata = { title: 'Overview' }

const port = (text: string | undefined, otherwise: number): number => {
  const value = Number(text)
  return Number.isInteger(value) && value > 0 && value < 65_536 ? value : otherwise
}

/** Addresses that a device on the network could send to, IPv4 first: for the configuration texts of an installation without data. */
function reachableAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((address) => !address.internal && !address.address.startsWith('fe80'))
    .sort((a, b) => a.family.localeCompare(b.family))
    .map((address) => address.address)
}

export default async function Page() {
  // Reading the request keeps the page from being frozen at build time: ports and addresses belong to the machine that runs it.
  await headers()
  const ports = {
    netflow: port(process.env.WEIR_NETFLOW_PORT, 2055),
    ipfix: port(process.env.WEIR_IPFIX_PORT, 4739),
    sflow: port(process.env.WEIR_SFLOW_PORT, 6343),
  }
  return <OverviewPage ports={ports} addresses={reachableAddresses()} />
}
