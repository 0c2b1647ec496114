import type { Dimension } from '@weir/db/contracts'

/**
 * Every key of the query cache, in one place, so that a live event can invalidate exactly what it makes old:
 * `keys.top.all` is a prefix of every ranked question, and so on.
 * `params` is `useView().params()`: the whole window, metric and filter.
 */
export type Params = Readonly<Record<string, string>>

export const keys = {
  top: {
    all: ['top'] as const,
    of: (dimension: Dimension, limit: number, params: Params) => ['top', dimension, limit, params] as const,
  },
  timeseries: {
    all: ['timeseries'] as const,
    of: (dimension: Dimension | null, points: number, limit: number, params: Params) =>
      ['timeseries', dimension, points, limit, params] as const,
  },
  flows: {
    all: ['flows'] as const,
    of: (params: Params) => ['flows', params] as const,
  },
  geo: {
    all: ['geo'] as const,
    of: (params: Params) => ['geo', params] as const,
  },
  graph: {
    all: ['graph'] as const,
    of: (params: Params) => ['graph', params] as const,
  },
  exporters: { all: ['exporters'] as const },
  anomalies: {
    all: ['anomalies'] as const,
    open: ['anomalies', 'open'] as const,
    list: (params: Params) => ['anomalies', 'list', params] as const,
    group: (params: Params) => ['anomalies', 'group', params] as const,
    card: (id: string) => ['anomalies', 'card', id] as const,
  },
  suppressions: { all: ['anomalies', 'suppressions'] as const },
  blocks: {
    all: ['blocks'] as const,
    list: (states: string) => ['blocks', 'list', states] as const,
    one: (id: string) => ['blocks', 'one', id] as const,
    alerts: ['blocks', 'alerts'] as const,
    simulation: (id: string) => ['blocks', 'simulation', id] as const,
    devices: ['settings', 'devices'] as const,
    protected: ['settings', 'protected'] as const,
  },
  health: { all: ['health'] as const },
  profile: { all: ['profile'] as const },
} as const
