import { openApi } from '@/server/openapi'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/openapi.json', async () => openApi())
