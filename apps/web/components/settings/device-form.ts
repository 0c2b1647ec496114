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
  /** Empty: the usual one of the transport. */
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
  port: '',
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

/** Where a transport is listened for unless something else is said; null: it has no port. */
export const usualPort = (transport: DeviceBody['transport']): number | null =>
  transport === 'ssh' ? 22 : transport === 'gobgp' ? 50_051 : null

/** A chosen exporter of which only some interfaces are behind the device, and none is named yet: nothing could prove a block there. */
export const unfinished = (form: DeviceForm): boolean =>
  form.points.some((point) => form.exporterIds.includes(point.exporterId) && point.interfaces.length === 0)

/** The form with the interfaces of one exporter that are behind the device; null: all of it. */
export function withPoint(form: DeviceForm, exporterId: number, interfaces: number[] | null): DeviceForm {
  const others = form.points.filter((point) => point.exporterId !== exporterId)
  return { ...form, points: interfaces === null ? others : [...others, { exporterId, interfaces }] }
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
    port: device.config.port === undefined ? '' : String(device.config.port),
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
  const port = form.port.trim() === '' ? null : Number(form.port)
  const usual = usualPort(transport)
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
      ...(usual !== null && port !== null && Number.isInteger(port) && port !== usual ? { port } : {}),
      ...(points.length > 0 ? { points } : {}),
    },
    exporterIds: [...form.exporterIds],
  }
}
