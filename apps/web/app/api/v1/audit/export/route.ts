import { exportLines, recordAudit } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { log } from '@/server/log'
import { route } from '@/server/route'

/** Recorded before the first line leaves, and sealed, so that the file proves its own end. */
export const POST = route('POST /api/v1/audit/export', async ({ principal, requestId }) => {
  const { pool, queryPool, audit } = house()
  const now = new Date()
  await recordAudit(pool, { event: 'audit.export', actor: actorOf(principal), subject: 'audit' })
  await audit.seal()
  const lines = exportLines(queryPool, now)
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await lines.next()
        if (done) controller.close()
        else controller.enqueue(encoder.encode(value))
      } catch (err) {
        log.error({ requestId, err }, 'an export of the audit log broke off')
        controller.error(err)
      }
    },
    async cancel() {
      await lines.return(undefined)
    },
  })
  const name = `weir-audit-${now.toISOString().slice(0, 19).replaceAll(':', '')}Z.jsonl`
  return new Response(body, {
    headers: {
      'content-type': 'application/jsonl; charset=utf-8',
      'content-disposition': `attachment; filename="${name}"`,
      'cache-control': 'no-store',
    },
  })
})
