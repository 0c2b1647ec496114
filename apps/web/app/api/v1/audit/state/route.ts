import { house } from '@/server/house'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/audit/state', async () => house().audit.state())
