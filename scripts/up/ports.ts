import { createSocket } from 'node:dgram'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'

export type Transport = 'udp' | 'tcp'

/** Whether `port` can be bound on `host` now; the system's error code ('EADDRINUSE', 'EACCES', …) when not. */
export function probe(transport: Transport, port: number, host: string): Promise<string | null> {
  return new Promise((resolve) => {
    if (transport === 'tcp') {
      const server = createServer()
      server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'))
      server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(null)))
      return
    }
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close()
      resolve(error.code ?? 'error')
    })
    socket.bind({ port, address: host, exclusive: true }, () => socket.close(() => resolve(null)))
  })
}

/** Socket inodes bound to a local port (for TCP: listening), from one table of /proc/net (proc(5)). */
export function inodesOf(table: string, transport: Transport, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  const inodes: string[] = []
  for (const line of table.split('\n').slice(1)) {
    // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …
    const columns = line.trim().split(/\s+/)
    const [, local, , state] = columns
    const inode = columns[9]
    if (local === undefined || inode === undefined || !local.endsWith(`:${wanted}`)) continue
    if (transport === 'tcp' && state !== '0A') continue
    inodes.push(inode)
  }
  return inodes
}

export interface Holder {
  pid: number
  name: string
}

/** Which process holds a local port. null when /proc does not say: another user's process, another namespace, not Linux. */
export function holderOf(transport: Transport, port: number): Holder | null {
  const inodes = new Set<string>()
  for (const table of [`/proc/net/${transport}`, `/proc/net/${transport}6`]) {
    try {
      for (const inode of inodesOf(readFileSync(table, 'utf8'), transport, port)) inodes.add(`socket:[${inode}]`)
    } catch {
      // IPv6 is off, or there is no /proc: then there is nothing to find here.
    }
  }
  if (inodes.size === 0) return null
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    let files: string[]
    try {
      files = readdirSync(`/proc/${entry}/fd`)
    } catch {
      continue // Another user's, or gone meanwhile.
    }
    for (const file of files) {
      try {
        if (!inodes.has(readlinkSync(`/proc/${entry}/fd/${file}`))) continue
        const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0').filter(Boolean).slice(0, 3).join(' ')
        return { pid: Number(entry), name: command || readFileSync(`/proc/${entry}/comm`, 'utf8').trim() }
      } catch {
        // Closed meanwhile.
      }
    }
  }
  return null
}
