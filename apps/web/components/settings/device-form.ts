import type { DeviceBody, DeviceShape } from '@weir/db/contracts'

/** What a person types about a device, and what the server takes. Pure. */
export interface DeviceForm {
  id: string
  name: string
  dialect: DeviceBody['dialect']
  transport: DeviceBody['transport']
  address: string
  netns: string
  user: string
  port: string
  keyName: string
  exporterIds: readonly number[]
  /** Interfaces behind the device, where not the whole exporter is. */
  points: NonNullable<DeviceBody['config']['points']>
}

export const EMPTY_DEVICE: DeviceForm = {
  id: '',
  name: '',
  dialect: 'nftables',
  transport: 'ssh',
  address: '',
  netns: '',
  user: '',
  port: '22',
  keyName: '',
  exporterIds: [],
  points: [],
}

/** Ways a dialect can reach its device, the likeliest first. */
export function transportsOf(dialect: DeviceBody['dialect']): DeviceBody['transport'][] {
  if (dialect === 'nftables') return ['ssh', 'local', 'none']
  if (dialect === 'gobgp-flowspec' || dialect === 'gobgp-rtbh') return ['gobgp', 'none']
  return ['none']
}

/** An id from a name: 'Edge Router 1' → 'edge-router-1'. Empty when nothing of the name can be in one. */
export const idFrom = (name: string): string =>
  name
    .toLowerCase()
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
    .slice(0, 63)

export function deviceFormOf(device: DeviceShape): DeviceForm {
  return {
    id: device.id,
    name: device.name,
    dialect: device.dialect,
    transport: device.transport,
    address: device.address ?? '',
    netns: device.config.netns ?? '',
    user: device.config.user ?? '',
    port: String(device.config.port ?? 22),
    keyName: device.config.keyName ?? '',
    exporterIds: device.exporterIds,
    points: device.config.points ?? [],
  }
}

/** The body for the server; only what the transport uses is sent, so that nothing typed for another one stays behind. */
export function deviceBody(form: DeviceForm): DeviceBody {
  const { transport } = form
  const text = (value: string): string | undefined => (value.trim() === '' ? undefined : value.trim())
  const address = text(form.address)
  const user = text(form.user)
  const keyName = text(form.keyName)
  const netns = text(form.netns)
  const port = Number(form.port)
  const points = form.points.filter(({ exporterId }) => form.exporterIds.includes(exporterId))
  return {
    id: form.id.trim(),
    name: form.name.trim(),
    dialect: form.dialect,
    transport,
    address: transport === 'ssh' || transport === 'gobgp' ? (address ?? null) : null,
    config: {
      ...(transport === 'local' && netns !== undefined ? { netns } : {}),
      ...(transport === 'ssh' && user !== undefined ? { user } : {}),
      ...(transport === 'ssh' && keyName !== undefined ? { keyName } : {}),
      ...(transport === 'ssh' && Number.isInteger(port) && port !== 22 ? { port } : {}),
      // Set over the API; kept for the exporters that are still chosen.
      ...(points.length > 0 ? { points } : {}),
    },
    exporterIds: [...form.exporterIds],
  }
}
