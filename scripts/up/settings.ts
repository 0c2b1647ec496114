import path from 'node:path'
import { holderOf, probe, type Transport } from './ports.ts'
import { Problem } from './problem.ts'

/** What `npm start` reads from the environment, checked. Directories are absolute. */
export interface Settings {
  root: string
  dataDir: string
  /** null: the embedded PostgreSQL. */
  databaseUrl: string | null
  httpHost: string
  listenHost: string
  /** null: 'off', this listener is not wanted. */
  ports: { http: number; netflow: number | null; ipfix: number | null; sflow: number | null; metrics: number | null }
}

/** The five ports: the variable that names each, its default, what it carries. */
export const PORTS = [
  { name: 'http', key: 'WEIR_HTTP_PORT', standard: 3000, transports: ['tcp'] },
  { name: 'netflow', key: 'WEIR_NETFLOW_PORT', standard: 2055, transports: ['udp'] },
  { name: 'ipfix', key: 'WEIR_IPFIX_PORT', standard: 4739, transports: ['udp', 'tcp'] },
  { name: 'sflow', key: 'WEIR_SFLOW_PORT', standard: 6343, transports: ['udp'] },
  { name: 'metrics', key: 'WEIR_METRICS_PORT', standard: 9464, transports: ['tcp'] },
] as const satisfies readonly { name: keyof Settings['ports']; key: string; standard: number; transports: readonly Transport[] }[]

function portOf(env: NodeJS.ProcessEnv, key: string, standard: number): number | null {
  const text = env[key]?.trim()
  if (text === undefined || text === '') return standard
  if (text === 'off' && key !== 'WEIR_HTTP_PORT') return null
  const port = Number(text)
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) {
    throw new Problem(`${key} is '${text}', which is no port.`, `Set ${key} to a number from 1 to 65535, or unset it for ${standard}.`)
  }
  return port
}

/** Read and check the environment. Throws a Problem that names the key and the remedy. */
export function readSettings(env: NodeJS.ProcessEnv, root: string): Settings {
  const ports: Settings['ports'] = { http: 0, netflow: 0, ipfix: 0, sflow: 0, metrics: 0 }
  const owner = new Map<string, string>()
  for (const { name, key, standard, transports } of PORTS) {
    const port = portOf(env, key, standard)
    if (port === null) {
      if (name !== 'http') ports[name] = null
      continue
    }
    ports[name] = port
    for (const transport of transports) {
      const other = owner.get(`${port}/${transport}`)
      if (other !== undefined) {
        throw new Problem(
          `${other} and ${key} both name port ${port}/${transport}.`,
          `Give one of them another port, for example ${key}=${port + 1}.`,
        )
      }
      owner.set(`${port}/${transport}`, key)
    }
  }
  const databaseUrl = env.DATABASE_URL || null
  if (databaseUrl !== null && !/^postgres(ql)?:\/\//.test(databaseUrl)) {
    throw new Problem(
      'DATABASE_URL is no PostgreSQL address.',
      'Write it as postgres://USER:PASSWORD@HOST:5432/DATABASE, or unset it for the built-in PostgreSQL.',
    )
  }
  return {
    root,
    dataDir: path.resolve(root, env.WEIR_DATA_DIR || '.weir'),
    databaseUrl,
    httpHost: env.WEIR_HTTP_HOST || '0.0.0.0',
    listenHost: env.WEIR_LISTEN_HOST || '0.0.0.0',
    ports,
  }
}

/** Try every port before anything starts, so that all conflicts are told at once. Throws a Problem naming keys and holders. */
export async function checkPorts(settings: Settings): Promise<void> {
  const taken: string[] = []
  const keys: string[] = []
  for (const { name, key, transports } of PORTS) {
    const port = settings.ports[name]
    if (port === null) continue
    const host = name === 'http' ? settings.httpHost : name === 'metrics' ? '127.0.0.1' : settings.listenHost
    for (const transport of transports) {
      const code = await probe(transport, port, host)
      if (code === null) continue
      keys.push(`${key}=${port < 60_000 ? port + 10_000 : port - 10_000}`)
      if (code === 'EADDRINUSE') {
        const holder = holderOf(transport, port)
        taken.push(`port ${port}/${transport} (${key}) is taken${holder === null ? '' : ` by process ${holder.pid}: ${holder.name}`}`)
      } else if (code === 'EACCES') {
        taken.push(`port ${port}/${transport} (${key}) needs more rights than this user has`)
      } else if (code === 'EADDRNOTAVAIL') {
        taken.push(`${host} is no address of this machine (${name === 'http' ? 'WEIR_HTTP_HOST' : 'WEIR_LISTEN_HOST'})`)
      } else {
        taken.push(`port ${port}/${transport} (${key}) cannot be opened: ${code}`)
      }
      break
    }
  }
  if (taken.length > 0) {
    const sentence = taken.join('; ')
    throw new Problem(
      `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`,
      `Stop that program, or start Weir with other ports: ${[...new Set(keys)].join(' ')} npm start`,
    )
  }
}
