import type { HealthAnswer } from '@weir/db/contracts'
import { health } from '@weir/db/queries'
import manifest from '@/package.json'
import { withoutHosts } from '@/server/exposure'
import { house } from '@/server/house'
import { grantOf, precisionOf, principalOf } from '@/server/principal'
import { route } from '@/server/route'

/** Health checks ask without a session and get one word; the pipeline's figures are for those who may see them. */
export const GET = route('GET /api/v1/health', async ({ request }) => {
  const { queryPool, audit } = house()
  const found = await health(queryPool, manifest.version)
  const answer = found.status === 'down' ? found : withChecks(found, audit.checks())
  const principal = await principalOf(request.headers, { touch: false }).catch((error: unknown) => {
    // Without a database nobody can be known, and the word 'down' is the answer that matters.
    if (answer.status === 'down') return null
    throw error
  })
  const full = principal !== null && grantOf(principal, 'health:read') !== 'no'
  const told = principal !== null && precisionOf(principal) === 'network' ? withoutHosts(answer) : answer
  return Response.json(full ? told : { status: answer.status }, {
    status: answer.status === 'down' ? 503 : 200,
    headers: { 'cache-control': 'no-store' },
  })
})

/** The answer with more checks, which can make it worse. */
function withChecks(answer: HealthAnswer, checks: HealthAnswer['checks']): HealthAnswer {
  const status = checks.every(({ state }) => state === 'ok') ? answer.status : 'degraded'
  return { ...answer, status, checks: [...answer.checks, ...checks] }
}
