import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** What the kernel holds and dropped for one of our UDP sockets. */
export interface SocketCounters {
  inode: number
  family: 4 | 6
  port: number
  /** Octets waiting in the receive buffer now. */
  queued: number
  /** Datagrams dropped because the receive buffer was full, since the socket was opened. */
  drops: number
}

/**
 * Read one table of /proc/net/udp{,6}.
 *
 *     sl  local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ref pointer drops
 *
 * Lines that do not look like that are skipped: the format is the kernel's to extend.
 */
export function parseUdpTable(text: string, family: 4 | 6): SocketCounters[] {
  const sockets: SocketCounters[] = []
  for (const line of text.split('\n').slice(1)) {
    const field = line.trim().split(/\s+/)
    const port = Number.parseInt(field[1]?.split(':')[1] ?? '', 16)
    const queued = Number.parseInt(field[4]?.split(':')[1] ?? '', 16)
    const inode = Number(field[9])
    const drops = Number(field[12])
    if (Number.isNaN(port) || Number.isNaN(queued) || !Number.isInteger(inode) || !Number.isInteger(drops)) continue
    sockets.push({ inode, family, port, queued, drops })
  }
  return sockets
}

/** Inodes of the sockets this process holds, so that a stranger's socket on the same port is never counted as ours. */
function ownSocketInodes(): Set<number> {
  const inodes = new Set<number>()
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const match = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))
      if (match !== null) inodes.add(Number(match[1]))
    } catch {
      // The descriptor of the directory scan itself is gone by now; any other that vanished was no longer ours either.
    }
  }
  return inodes
}

/** Counters of this process's UDP sockets on the given ports; null where the system has no /proc/net (not Linux). */
export function readKernelCounters(ports: ReadonlySet<number>): SocketCounters[] | null {
  let tables: SocketCounters[]
  try {
    tables = [...parseUdpTable(readFileSync('/proc/self/net/udp', 'latin1'), 4), ...readUdp6()]
  } catch {
    return null
  }
  const own = ownSocketInodes()
  return tables.filter((socket) => ports.has(socket.port) && own.has(socket.inode))
}

function readUdp6(): SocketCounters[] {
  try {
    return parseUdpTable(readFileSync('/proc/self/net/udp6', 'latin1'), 6)
  } catch {
    // A kernel without IPv6 has no such table and we have no such socket.
    return []
  }
}

/** Sums drops per socket and keeps the count of sockets that were closed, so that the total never falls. */
export class KernelDrops {
  readonly #seen = new Map<number, { port: number; drops: number }>()

  /** Take a reading; returns false where the system offers none. */
  read(ports: ReadonlySet<number>): boolean {
    const sockets = readKernelCounters(ports)
    if (sockets === null) return false
    for (const { inode, port, drops } of sockets) this.#seen.set(inode, { port, drops })
    return true
  }

  get total(): number {
    let sum = 0
    for (const { drops } of this.#seen.values()) sum += drops
    return sum
  }

  byPort(): Map<number, number> {
    const ports = new Map<number, number>()
    for (const { port, drops } of this.#seen.values()) ports.set(port, (ports.get(port) ?? 0) + drops)
    return ports
  }
}
