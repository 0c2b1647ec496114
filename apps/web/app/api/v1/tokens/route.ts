import { createToken, listTokens } from '@weir/db/commands'
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
  const made = await createToken(house().pool, { ...body, createdBy: personOf(principal).userId })
  return { ...made, expiresAt: made.expiresAt.toISOString() }
})
