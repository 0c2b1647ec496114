import { storeRecords } from '@weir/db/commands'
import { house } from '@/server/house'
import { recordsOf } from '@/server/records'
import { route } from '@/server/route'

export const POST = route('POST /api/v1/flows/_json', async ({ request }) => storeRecords(house().pool, await recordsOf(request)))
