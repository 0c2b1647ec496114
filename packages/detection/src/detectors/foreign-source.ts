import type { DetectorFactory } from '../detector.ts'

const DAY_MS = 86_400_000

/**
 * Traffic from a country that the policy does not allow (DETECTION 2.12). A made conversation is a warning; attempts alone are
 * one info per country and day. An unknown country is its own class, never "foreign". Silent without a policy.
 */
export const foreignSource: DetectorFactory = (host, restored) => {
  const state = (restored as Map<string, number> | undefined) ?? new Map<string, number>()
  return {
    id: 'foreign_source',
    state,
    settled(attempt, now) {
      const allowed = host.config.allowedCountries
      const country = attempt.clientCountry
      if (allowed.length === 0 || country === '' || allowed.includes(country) || attempt.answerOnly) return
      if (!host.networks.outside(attempt.client) || !host.networks.inside(attempt.server)) return
      const made = attempt.outcome === 'made'
      const key = made ? `${attempt.client}|${attempt.server}|${attempt.port}` : country
      if (now - (state.get(key) ?? 0) < DAY_MS) return
      if (state.size >= 100_000) state.clear()
      state.set(key, now)
      host.report({
        detector: 'foreign_source',
        severity: made ? 'warning' : 'info',
        actor: made ? attempt.client : null,
        target: made ? attempt.server : null,
        entity: `${key}|${Math.floor(now / DAY_MS)}`,
        firstMs: attempt.startMs,
        window: [attempt.startMs, now],
        statistic: 'conversations',
        unit: 'conversations',
        value: 1,
        expected: 0,
        threshold: 1,
        why: made
          ? `${attempt.client} in ${country} talks to ${attempt.server} port ${attempt.port}; only ${allowed.join(', ')} are allowed.`
          : `Attempts from ${country}, which the policy does not allow; none was answered.`,
        parts: [{ dimension: 'src_country', value: country, share: 1 }],
        fresh: [],
        filter: made ? `src_addr = ${attempt.client} and dst_addr = ${attempt.server}` : `src_country = ${country}`,
        windows: 1,
      })
    },
  }
}
