import { createToken, listTokens } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'
import { personOf } from '@/server/session'

export const GET = route('GET /api/v1/tokens', async () => ({
  tokens: (await listTokens(house().pool)).map((token) => ({
    ...token,
    createdAt: token.createdAt.toISOString(),
    expiresAt: token.expiresAt.toISOString(),
    lastUsedAt: token.lastUsedAt?.toISOString() ?? null,
  })),
}))

export const POST = route('POST /api/v1/tokens', async ({ principal, body }) => {
  const made = await createToken(house().pool, actorOf(personOf(principal)), body)
  return { ...made, expiresAt: made.expiresAt.toISOString() }
})
