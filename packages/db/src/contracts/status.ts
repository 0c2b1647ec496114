import { z } from 'zod'
import { HealthAlert, HealthBook, HealthCheck } from './api.ts'

/**
 * What a collector reports of itself every few seconds into `collector_status.status`, and what `health` and `geo` read. Every part may be
 * absent: what a collector of another version does not say is shown as unknown, never as 0.
 */
export const CollectorStatus = z.object({
  version: z.string().optional(),
  checks: z.array(HealthCheck).optional(),
  alerts: z.array(HealthAlert).optional(),
  books: z.object({ listeners: z.array(HealthBook), exporters: z.array(HealthBook) }).optional(),
  sli: z
    .object({
      flowsPerSecond: z.number(),
      datagramsPerSecond: z.number(),
      ingestLatencyP95Seconds: z.number().nullable(),
      parseErrorShare: z.number().nullable(),
      queueShare: z.number(),
      kernelDrops: z.number(),
      completeness: z.number().nullable(),
    })
    .partial()
    .optional(),
  /** Since the collector started: datagrams refused because its inbox was full, flow records made and given up again. */
  counters: z.object({ refused: z.number(), flows: z.number(), shed: z.number() }).partial().optional(),
  /** The geo data in use and the attribution its licence asks for. `edition` is YYYY-MM. */
  geo: z.object({ edition: z.string(), attribution: z.string(), url: z.string() }).optional(),
})
export type CollectorStatus = z.infer<typeof CollectorStatus>
