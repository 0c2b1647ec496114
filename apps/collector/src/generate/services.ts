/** A service of the demo's company, as somebody who runs it would write its rule. */
export interface DemoService {
  name: string
  prefix: string
  proto: number | null
  portLow: number | null
  portHigh: number | null
}

const TCP = 6
const on = (
  name: string,
  prefix: string,
  portLow: number | null = null,
  proto: number | null = portLow === null ? null : TCP,
): DemoService => ({
  name,
  prefix,
  proto,
  portLow,
  portHigh: portLow,
})

/** The names of what the demo's servers do (network.ts): the first rule that fits names a service, so single hosts come before their networks. */
export const DEMO_SERVICES: readonly DemoService[] = [
  on('Resolver', '10.40.50.53/32'),
  on('Resolver', '10.40.50.54/32'),
  on('Mail', '10.40.50.10/32'),
  on('Directory', '10.40.50.20/31'),
  on('Time', '10.40.50.30/32'),
  on('Monitoring', '10.40.60.10/32'),
  on('Log server', '10.40.60.20/32'),
  on('Bastion', '10.40.60.5/32'),
  on('Image registry', '10.40.60.40/32'),
  on('Telephony', '10.40.70.5/32'),
  on('File server', '10.40.40.30/32'),
  on('Backup', '10.40.40.10/32'),
  on('Web shop', '10.40.10.0/24'),
  on('Web shop', '2001:db8:66:28::/64'),
  on('Applications', '10.40.20.0/24'),
  on('Databases', '10.40.30.0/24'),
]
