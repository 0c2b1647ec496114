import { createSocket } from 'node:dgram'
import { existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { createServer, isIPv6 } from 'node:net'
import { join } from 'node:path'
import type { Pool } from '@weir/db/connection'
import type { ExporterObject, StorageAnswer } from '@weir/db/contracts'
import { exporters, health, storage } from '@weir/db/queries'
import type { Config, Port } from './config.ts'

/** What was looked at, how it is, and what to do about it; `remedy` is '' when nothing is to do. */
export interface Finding {
  name: string
  state: 'ok' | 'warn' | 'fail'
  seen: string
  remedy: string
}

const MIB = 1024 * 1024
const GIB = 1024 * MIB
const ADVISED_RMEM = 32 * MIB
const LITTLE_DISK = 512 * MIB
const LOW_DISK = 4 * GIB

const ok = (name: string, seen: string): Finding => ({ name, state: 'ok', seen, remedy: '' })
const warn = (name: string, seen: string, remedy: string): Finding => ({ name, state: 'warn', seen, remedy })
const fail = (name: string, seen: string, remedy: string): Finding => ({ name, state: 'fail', seen, remedy })

/** Every port the collector wants: free, held by our own running collector, or taken by somebody else. */
export async function checkPorts(config: Config, collectorPid: number | null): Promise<Finding[]> {
  const wanted: { name: string; key: string; port: Port; transport: 'udp' | 'tcp'; host: string }[] = [
    { name: 'netflow', key: 'WEIR_NETFLOW_PORT', port: config.netflowPort, transport: 'udp', host: config.listenHost },
    { name: 'ipfix', key: 'WEIR_IPFIX_PORT', port: config.ipfixPort, transport: 'udp', host: config.listenHost },
    { name: 'ipfix', key: 'WEIR_IPFIX_PORT', port: config.ipfixPort, transport: 'tcp', host: config.listenHost },
    { name: 'sflow', key: 'WEIR_SFLOW_PORT', port: config.sflowPort, transport: 'udp', host: config.listenHost },
    { name: 'metrics', key: 'WEIR_METRICS_PORT', port: config.metricsPort, transport: 'tcp', host: '127.0.0.1' },
  ]
  const findings: Finding[] = []
  for (const { name, key, port, transport, host } of wanted) {
    const title = `port ${name}/${transport}`
    if (port === null) {
      findings.push(ok(title, 'switched off'))
      continue
    }
    const error = await tryBind(transport, host, port)
    if (error === null)
      findings.push(
        ok(title, collectorPid === null ? `${port} is free` : `${port} is free, though a collector runs on this data directory`),
      )
    else if (error === 'EADDRINUSE' && collectorPid !== null)
      findings.push(ok(title, `${port} is held, and this installation's collector runs (process ${collectorPid})`))
    else if (error === 'EADDRINUSE')
      findings.push(
        fail(
          title,
          `${port} is taken by another program`,
          `"ss -l${transport === 'udp' ? 'u' : 't'}np" names it. Stop it, or set ${key} to another port or to "off".`,
        ),
      )
    else if (error === 'EACCES')
      findings.push(fail(title, `this user may not open ${port}`, `Set ${key} to a port above 1023, or grant CAP_NET_BIND_SERVICE.`))
    else if (error === 'EADDRNOTAVAIL')
      findings.push(fail(title, `this machine has no address ${host}`, 'Set WEIR_LISTEN_HOST to one of its addresses, or to 0.0.0.0.'))
    else findings.push(fail(title, `${port} cannot be opened (${error})`, `Check ${key} and WEIR_LISTEN_HOST.`))
  }
  return findings
}

async function tryBind(transport: 'udp' | 'tcp', host: string, port: number): Promise<string | null> {
  const code = (error: NodeJS.ErrnoException) => error.code ?? error.message
  if (transport === 'udp') {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
    return await new Promise((resolve) => {
      socket.once('error', (error) => {
        socket.close()
        resolve(code(error))
      })
      socket.bind({ address: host, port, exclusive: true }, () => socket.close(() => resolve(null)))
    })
  }
  const server = createServer()
  return await new Promise((resolve) => {
    server.once('error', (error) => resolve(code(error)))
    server.listen(port, host, () => server.close(() => resolve(null)))
  })
}

/** The largest receive buffer the kernel grants. `read` gives the text of a file; it throws where there is none. */
export function checkReceiveBuffer(read: (path: string) => string = (path) => readFileSync(path, 'utf8')): Finding {
  let granted: number
  try {
    granted = Number(read('/proc/sys/net/core/rmem_max'))
  } catch {
    return ok('socket buffer', 'this system has no net.core.rmem_max; its own limits apply')
  }
  const seen = `net.core.rmem_max is ${Math.round(granted / 1024)} KiB`
  if (granted >= ADVISED_RMEM) return ok('socket buffer', seen)
  return warn(
    'socket buffer',
    `${seen}: bursts beyond about ${Math.round((granted * 2) / 2304)} datagrams are lost before Weir can read them`,
    `sysctl -w net.core.rmem_max=${ADVISED_RMEM}, and to keep it: echo net.core.rmem_max=${ADVISED_RMEM} > /etc/sysctl.d/60-weir.conf. In a container, set it on the host.`,
  )
}

/** Room where the data lives. `free` and `total` in octets. */
export function judgeDisk(path: string, free: number, total: number): Finding {
  const seen = `${(free / GIB).toFixed(1)} GiB of ${(total / GIB).toFixed(1)} GiB free at ${path}`
  if (free < LITTLE_DISK)
    return fail('disk', seen, 'The database will stop taking flows. Free some space, or move WEIR_DATA_DIR to a larger disk.')
  if (free < LOW_DISK)
    return warn('disk', seen, 'A million flows take about 160 MB before compression. Plan for more room, or shorten retention.')
  return ok('disk', seen)
}

export function checkDisk(path: string): Finding {
  const { bavail, blocks, bsize } = statfsSync(path)
  return judgeDisk(path, bavail * bsize, blocks * bsize)
}

/** Octets of one flow in the spool, generously: 48 were measured on mixed traffic. */
const SPOOLED_FLOW = 64

/** The spool: whether its limit fits the disk, and what was set aside. `free` and `used` in octets. */
export function judgeSpool(path: string, limit: number, used: number, free: number, aside: number): Finding {
  const holds = (limit / SPOOLED_FLOW / 1e6).toFixed(0)
  const seen = `${(used / MIB).toFixed(0)} of ${(limit / MIB).toFixed(0)} MiB used at ${path}; holds about ${holds} million flows while the database is away`
  if (free < limit - used) {
    return warn(
      'spool',
      `${seen}, but only ${(free / MIB).toFixed(0)} MiB of the disk are free`,
      'Free some space, move it with WEIR_SPOOL_DIR, or lower WEIR_SPOOL_MIB to what the disk can give.',
    )
  }
  if (aside > 0) {
    return warn(
      'spool',
      `${seen}; ${aside} frames were set aside`,
      `Look into ${join(path, 'quarantine')}; delete what you do not want to keep.`,
    )
  }
  return ok('spool', seen)
}

export function checkSpool({ spoolDir, spoolBytes }: Pick<Config, 'spoolDir' | 'spoolBytes'>): Finding {
  const sizes = (dir: string): number[] =>
    existsSync(dir) ? readdirSync(dir).map((name) => statSync(join(dir, name), { throwIfNoEntry: false })?.size ?? 0) : []
  const aside = sizes(join(spoolDir, 'quarantine'))
  const used = [...sizes(spoolDir), ...aside].reduce((sum, size) => sum + size, 0)
  const { bavail, bsize } = statfsSync(spoolDir)
  return judgeSpool(spoolDir, spoolBytes, used, bavail * bsize, aside.length)
}

/** Whether something keeps this machine's clock: all times of flows hang on it. */
export function checkClock(exists: (path: string) => boolean = existsSync): Finding {
  const signs = [
    '/run/systemd/timesync/synchronized',
    '/run/chrony/chronyd.pid',
    '/var/run/chrony/chronyd.pid',
    '/run/ntpd.pid',
    '/var/run/ntpd.pid',
  ]
  if (signs.some((sign) => exists(sign))) return ok('clock', 'a time service keeps it')
  if (exists('/.dockerenv') || exists('/run/.containerenv')) return ok('clock', "it is the container host's; see that NTP runs there")
  return warn(
    'clock',
    'no time service was seen (systemd-timesyncd, chrony, ntpd)',
    'Install one, for example: apt install chrony. Exporters need NTP too.',
  )
}

/** What the database and what reports into it have to say. */
export async function checkDatabase(pool: Pool, version: string): Promise<Finding[]> {
  const answer = await health(pool, version)
  const findings = answer.checks.map((check): Finding => {
    // A message is one sentence on what is seen, then what to do.
    const cut = check.state === 'ok' ? -1 : check.message.indexOf('. ')
    return {
      name: check.name,
      state: check.state,
      seen: cut < 0 ? check.message.replace(/\.$/, '') : check.message.slice(0, cut),
      remedy: cut < 0 ? '' : check.message.slice(cut + 2),
    }
  })
  if (answer.engine === 'unknown') return findings
  const { exporters: known } = await exporters(pool)
  return [...findings, judgeStorage(await storage(pool)), ...known.flatMap(judgeExporter)]
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e9 ? 2 : 1)} GB`

/** What the tables take, how fast that grows, and what it comes to when every tier is as old as it is kept. */
export function judgeStorage({ relations, bytes, bytesPerDay, bytesWhenFull }: StorageAnswer): Finding {
  const [first] = relations
  const most = first === undefined ? '' : `, ${first.relation} ${gigabytes(first.bytes)} of it`
  const growth =
    bytesPerDay === null || bytesWhenFull === null
      ? 'growth is known an hour after the first start'
      : `${gigabytes(Math.max(0, bytesPerDay))} more a day, about ${gigabytes(bytesWhenFull)} when every tier is as old as it is kept`
  return ok('storage', `the tables take ${gigabytes(bytes)}${most}; ${growth}`)
}

/** One exporter: only what is wrong with it. */
export function judgeExporter(exporter: ExporterObject): Finding[] {
  if (exporter.state === 'retired') return []
  const name = `exporter ${exporter.name ?? exporter.address}`
  const findings: Finding[] = []
  if (exporter.state === 'silent') {
    findings.push(
      warn(
        name,
        `has been silent since ${exporter.lastSeen}`,
        'Check that it still exports to this address and port, and the firewalls between.',
      ),
    )
  }
  if (exporter.skewSeconds !== null && Math.abs(exporter.skewSeconds) > 60) {
    findings.push(
      warn(
        name,
        `has a clock ${Math.abs(exporter.skewSeconds).toFixed(0)} s ${exporter.skewSeconds > 0 ? 'ahead' : 'behind'}; its times are corrected`,
        'Configure NTP on it.',
      ),
    )
  }
  if (exporter.lossShare !== null && exporter.lossShare > 0.01) {
    findings.push(
      warn(
        name,
        `lost ${(exporter.lossShare * 100).toFixed(1)} % on the way, by its sequence numbers`,
        'Look for drops at the socket buffer above, then on the path.',
      ),
    )
  }
  if (
    exporter.templates === 0 &&
    exporter.formats.some((format) => format === 'NETFLOW_V9' || format === 'IPFIX') &&
    exporter.flows === 0
  ) {
    findings.push(
      warn(name, 'has sent data but no template yet', 'Set its template refresh to a minute or less; until then its data cannot be read.'),
    )
  }
  if (exporter.flows > 0 && exporter.samplingRate === null && exporter.formats.includes('SFLOW_5')) {
    findings.push(warn(name, 'did not say how it samples', 'Its counters are shown as exported (×1).'))
  }
  return findings
}

/** The collector of this data directory, when it runs. */
export function runningCollector(dataDir: string): number | null {
  try {
    const [pid = ''] = readFileSync(join(dataDir, 'collector.pid'), 'utf8').split(' ')
    process.kill(Number(pid), 0)
    return Number(pid)
  } catch {
    // No file, or its process is gone: both mean that none runs.
    return null
  }
}
