import { statfsSync } from 'node:fs'
import { freemem, totalmem } from 'node:os'

const MiB = 1024 * 1024

export interface Machine {
  memoryBytes: number
  /** Free space of the file system that holds the cluster. */
  diskFreeBytes: number
  /** Size of /dev/shm; null where there is none. */
  shmBytes: number | null
}

/** What the machine has. Memory respects a container's limit. */
export function readMachine(path: string): Machine {
  const limit = process.constrainedMemory()
  const memoryBytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem()
  const disk = statfsSync(path)
  let shmBytes: number | null = null
  try {
    const shm = statfsSync('/dev/shm')
    shmBytes = shm.blocks * shm.bsize
  } catch {
    shmBytes = null
  }
  return { memoryBytes: Math.max(memoryBytes, Math.min(freemem(), 256 * MiB)), diskFreeBytes: disk.bavail * disk.bsize, shmBytes }
}

const clamp = (value: number, low: number, high: number) => Math.round(Math.max(low, Math.min(high, value)))

/**
 * Server settings for a cluster that takes large COPYs all day and answers aggregations, on a machine it shares with the rest of Weir.
 * Written anew at every start, so that a program update or a larger machine changes them by itself.
 */
export function serverSettings(machine: Machine, port: number): string {
  const mb = machine.memoryBytes / MiB
  const diskMb = machine.diskFreeBytes / MiB
  const settings: Record<string, string | number> = {
    listen_addresses: "'127.0.0.1'",
    port,
    unix_socket_directories: "''",
    password_encryption: "'scram-sha-256'",
    max_connections: 60,
    // 15 % rather than the usual 25 %: collector, web and the page cache live on the same machine.
    shared_buffers: `${clamp(mb * 0.15, 64, 2048)}MB`,
    effective_cache_size: `${clamp(mb * 0.5, 128, 65_536)}MB`,
    // One overview asks about ten aggregations at once, each with a hash table.
    work_mem: `${clamp(mb / 256, 8, 64)}MB`,
    maintenance_work_mem: `${clamp(mb / 32, 64, 512)}MB`,
    // Accepted means stored: never relaxed. Checkpoints are rare and spread instead, and page images compressed.
    synchronous_commit: 'on',
    fsync: 'on',
    full_page_writes: 'on',
    wal_compression: 'on',
    wal_buffers: '16MB',
    max_wal_size: `${clamp(diskMb / 10, 256, 4096)}MB`,
    min_wal_size: `${clamp(diskMb / 40, 80, 512)}MB`,
    checkpoint_timeout: "'15min'",
    checkpoint_completion_target: 0.9,
    // The embedded server holds its data on the machine's own disk.
    random_page_cost: 1.1,
    // Questions are short: compiling them costs more than it saves.
    jit: 'off',
    // Partitions are filled and left: freeze them early, and look often at the small tables that turn over fast.
    autovacuum_naptime: "'30s'",
    autovacuum_vacuum_insert_scale_factor: 0.4,
    timezone: "'UTC'",
    log_timezone: "'UTC'",
    lc_messages: "'C'",
    logging_collector: 'on',
    log_directory: "'log'",
    log_filename: "'postgres-%a.log'",
    log_truncate_on_rotation: 'on',
    log_rotation_age: "'1d'",
    log_rotation_size: 0,
    log_line_prefix: "'%m [%p] %a '",
    log_lock_waits: 'on',
    log_min_duration_statement: "'5s'",
    cluster_name: "'weir'",
  }
  // A container's default /dev/shm of 64 MB fails parallel hash joins with "could not resize shared memory segment".
  if (machine.shmBytes !== null && machine.shmBytes < 512 * MiB) settings.dynamic_shared_memory_type = 'mmap'
  return [
    '# Written by Weir at every start. Put changes of your own into postgresql.conf below the include: the last one counts.',
    ...Object.entries(settings).map(([key, value]) => `${key} = ${value}`),
    '',
  ].join('\n')
}
