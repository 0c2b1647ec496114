import type { Pool } from '../connection.ts'
import { ANOMALY_STATES, type AnomalyNotice, SEVERITIES } from '../contracts/anomalies.ts'
import { asQueryError } from '../queries/session.ts'

interface NoticeRow {
  id: string
  anomaly_id: string
  kind: string
  state: string
  severity: string
  paged: boolean
  folded: boolean
}

export interface MissedNotices {
  /** Oldest first. */
  notices: AnomalyNotice[]
  /** More follow: ask again after the last id. */
  more: boolean
  /** The newest event there is; 0 when there is none. */
  last: number
}

/**
 * What was told after event `after`, as listeners of `weir_anomaly` were told it: what one that was away gets first. `after: null` gives only
 * where the events stand. `paged` and `folded` are those of now. Throws QueryError.
 */
export async function missedNotices(pool: Pool, after: number | null, limit: number): Promise<MissedNotices> {
  try {
    const { rows: newest } = await pool.query<{ last: string }>('select coalesce(max(id), 0)::text as last from anomaly_event')
    const last = Number(newest[0]?.last ?? 0)
    if (after === null || after >= last) return { notices: [], more: false, last }
    const { rows } = await pool.query<NoticeRow>(
      `select e.id::text as id, e.anomaly_id, e.kind, e.state, e.severity, a.paged, a.parent is not null as folded
       from anomaly_event e join anomaly a on a.id = e.anomaly_id where e.id > $1 order by e.id limit $2`,
      [after, limit + 1],
    )
    return { notices: rows.slice(0, limit).map(notice), more: rows.length > limit, last }
  } catch (error) {
    throw asQueryError(error)
  }
}

function notice(row: NoticeRow): AnomalyNotice {
  const state = ANOMALY_STATES.find((one) => one === row.state)
  const severity = SEVERITIES.find((one) => one === row.severity)
  if (state === undefined || severity === undefined) throw new Error(`event ${row.id} has a state or severity of another version`)
  return { id: Number(row.id), anomalyId: row.anomaly_id, kind: row.kind, state, severity, paged: row.paged, folded: row.folded }
}
