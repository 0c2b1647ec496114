import { createServer } from 'node:http'
import next from 'next'

const dev = process.argv.includes('--dev')
const port = Number(process.env.WEIR_HTTP_PORT ?? 3000)
const hostname = process.env.WEIR_HTTP_HOST ?? '0.0.0.0'
const httpServer = createServer()
const app = next({ dev, dir: import.meta.dirname, httpServer, hostname, port })
await app.prepare()
const handle = app.getRequestHandler()
httpServer.on('request', (request, response) => void handle(request, response))
httpServer.listen(port, hostname, () => console.log(`web: http://localhost:${port}`))
