import { createServer } from 'node:http'
import { cancelRunning } from '@weir/db/connection'
import { subscribe } from '@weir/db/notify'
import next from 'next'
import { CLIENT_HEADER, clientAddress } from './server/client-address.ts'
import { securityHeaders } from './server/headers.ts'
import type { House } from './server/house.ts'
import { openLive } from './server/live.ts'
import { log } from './server/log.ts'
import { openHouse } from './server/open-house.ts'
import { SettingError } from './server/settings.ts'

/**
 * The web process: Next.js and the live channel on one port. `--dev` compiles on demand and reloads.
 * Ends on SIGTERM, SIGINT, and when the supervisor that started it is gone (its IPC channel closes), so that it never holds a port alone.
 */

/** Headers that only this server and Next itself may set; from outside they are taken away before anything looks at them. */
const INTERNAL_HEADERS = [
  CLIENT_HEADER,
  'x-nonce',
  'x-weir-path',
  'x-middleware-subrequest',
  'x-middleware-rewrite',
  'x-http-method-override',
]
/** How long requests in work may take to finish when the process ends. */
const DRAIN_MS = 2_000
/** Of that, questions get this much; then they are cancelled, so that none goes on in the database for nobody. */
const QUESTIONS_MS = 1_000

function fail(detail: string, remedy: string): never {
  process.stderr.write(`web: ${detail}\n     ${remedy}\n`)
  process.exit(1)
}

function open(): House {
  try {
    return openHouse()
  } catch (error) {
    if (error instanceof SettingError) fail(error.message, error.remedy)
    throw error
  }
}

async function main(): Promise<void> {
  const dev = process.argv.includes('--dev')
  const { settings, pool, queryPool, audit } = open()
  const https = settings.publicUrl?.protocol === 'https:'
  const headers = Object.entries(securityHeaders(https))

  const httpServer = createServer({ requestTimeout: 60_000, headersTimeout: 20_000, maxHeaderSize: 32_768 })
  const app = next({ dev, dir: import.meta.dirname, httpServer, hostname: settings.host, port: settings.port, quiet: !dev })
  const taken = listening(httpServer, settings.port, settings.host)
  // The port is tried first: preparing takes seconds, and a taken port should be told at once. Early requests wait for `ready`.
  const ready = app.prepare().then(() => app.getRequestHandler())
  httpServer.on('request', (request, response) => {
    for (const name of INTERNAL_HEADERS) delete request.headers[name]
    request.headers[CLIENT_HEADER] = clientAddress(request, settings.trustedProxies)
    for (const [name, value] of headers) response.setHeader(name, value)
    ready.then(
      (handle) => handle(request, response),
      () => response.writeHead(503).end(),
    )
  })
  await taken

  const live = openLive(httpServer)
  const subscription = subscribe(
    settings.databaseUrl,
    {
      rate: (event) => live.rate(event),
      changed: (event) => live.changed(event),
      anomaly: (notice) => live.anomaly(notice),
      // Only that something moved: what it is, each browser asks for itself, and is told as much as its person may see.
      block: () => live.block(),
      connected: (again) => {
        live.heard()
        // What was told meanwhile is lost; the browsers ask for everything they show.
        if (again) live.changed({ what: 'everything' })
      },
      disconnected: (err, retryMs) => log.warn({ err, retryMs }, 'the database sends no live events; trying again'),
      invalid: (channel) => log.warn({ channel }, 'a live event of an unknown shape was dropped'),
    },
    { applicationName: 'weir-web-live' },
  )
  await ready
  audit.start()

  const url = settings.publicUrl?.origin ?? `http://localhost:${settings.port}`
  log.info({ port: settings.port, host: settings.host, dev }, `web: listening, ${url}`)
  process.send?.({ type: 'ready', url })

  let ending = false
  const end = (why: string) => {
    if (ending) return
    ending = true
    log.info(`web: ending (${why})`)
    setTimeout(() => process.exit(0), DRAIN_MS).unref()
    setTimeout(() => void Promise.all([cancelRunning(pool), cancelRunning(queryPool)]), QUESTIONS_MS).unref()
    httpServer.close()
    httpServer.closeIdleConnections()
    void Promise.allSettled([live.close(), subscription.close(), app.close(), audit.close()])
      .then(() => Promise.allSettled([pool.end(), queryPool.end()]))
      .then(() => process.exit(0))
  }
  process.on('SIGTERM', () => end('SIGTERM'))
  process.on('SIGINT', () => end('SIGINT'))
  process.on('disconnect', () => end('the supervisor is gone'))
}

/** Listen, or end with what to do about it. */
async function listening(server: ReturnType<typeof createServer>, port: number, host: string): Promise<void> {
  await new Promise<void>((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE')
        fail(`port ${port} is taken by another program.`, `Stop that program, or choose another port: WEIR_HTTP_PORT=${port + 1}.`)
      if (error.code === 'EACCES')
        fail(`port ${port} may not be opened by this user.`, 'Use a port from 1024 up with WEIR_HTTP_PORT, and a proxy in front of it.')
      if (error.code === 'EADDRNOTAVAIL')
        fail(`${host} is no address of this machine.`, 'Set WEIR_HTTP_HOST to one that is, or unset it for all.')
      fail(`cannot listen on ${host} port ${port}: ${error.message}.`, 'Set WEIR_HTTP_HOST and WEIR_HTTP_PORT.')
    })
    server.listen(port, host, () => resolve())
  })
}

main().catch((err: unknown) => {
  log.fatal({ err }, 'web: did not start')
  process.exit(1)
})
