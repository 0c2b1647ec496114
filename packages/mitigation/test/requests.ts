import type { GuardContext } from '../src/guard.ts'
import { type BlockIntent, parseIntent } from '../src/intent.ts'

/** Monday noon. */
export const NOW = Date.UTC(2026, 0, 5, 12)

/** A request as a browser would send it; `over` replaces top fields, `match` parts of the match. */
export function request(match: Record<string, unknown> = {}, over: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: 'b-1',
    match: { src: '198.51.100.7', ...match },
    action: { kind: 'drop' },
    ttlSeconds: 3600,
    devices: ['edge-1'],
    reason: 'flood from one host',
    ...over,
  }
}

/** The intent of a request that must be good. */
export function intent(match: Record<string, unknown> = {}, over: Record<string, unknown> = {}): BlockIntent {
  const result = parseIntent(request(match, over))
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  return result.intent
}

/** A context in which one person may block one host. */
export function context(over: Partial<GuardContext> = {}): GuardContext {
  return {
    requester: { id: 'ann', role: 'operator' },
    stepUpAtMs: NOW - 60_000,
    protected: [],
    target: { shareOfBytes: 0.001, insidePeers: 3, knownService: false },
    collateralShare: 0,
    collateralCeiling: 0.05,
    load: { byRequester: 0, total: 0, live: { 'edge-1': 0, 'edge-2': 0 } },
    ...over,
  }
}
