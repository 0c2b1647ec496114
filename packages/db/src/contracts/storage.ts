import { z } from 'zod'

/** What one relation takes, and how that changes. Octets. */
export const RelationSize = z.object({
  /** `flow`, a rollup such as `rollup_src_1h` (`…_data` on PostgreSQL), or another table. Partitions, chunks and indexes are in it. */
  relation: z.string(),
  /** What retention knows it as; null for what is not dropped by age. */
  tier: z.enum(['raw', '1m', '1h', '1d']).nullable(),
  bytes: z.number(),
  /** Measured between the first and the last sample of a week; null before there are two, an hour apart. */
  bytesPerDay: z.number().nullable(),
})
export type RelationSize = z.infer<typeof RelationSize>

export const StorageAnswer = z.object({
  /** The largest first. */
  relations: z.array(RelationSize),
  bytes: z.number(),
  bytesPerDay: z.number().nullable(),
  /** The samples that growth was measured from and to. */
  from: z.string().nullable(),
  to: z.string().nullable(),
  /** When every tier holds as many days as it is kept, if growth goes on as measured: what to plan a disk for. Null before growth is known. */
  bytesWhenFull: z.number().nullable(),
})
export type StorageAnswer = z.infer<typeof StorageAnswer>
