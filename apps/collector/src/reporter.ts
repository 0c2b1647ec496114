import { createServer, type Server } from 'node:http'
import { type DestinationStream, type Logger, pino } from 'pino'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { escapeControls } from './clean-text.ts'
import type { Component } from './component.ts'
import { ConfigError, type LogLevel, type Port } from './config.ts'

/** One thing the health page tells: a state, what is seen and what to do about it. */
export interface Check {
  name: string
  state: 'ok' | 'warn' | 'fail'
  message: string
}

/** A metric value with its labels. */
export type Sample = [labels: Record<string, string>, value: number]

const LIMITED_WINDOW_MS = 10_000
const MAX_LIMITED_KEYS = 256

/**
 * Logs (JSON lines), metrics and health of the process.
 *
 * Counters live as plain numbers where the work is done; `counter` and `gauge` take a function that reads them when Prometheus asks.
 */
export class Reporter implements Component {
  readonly name = 'metrics'
  readonly log: Logger
  readonly #registry = new Registry()
  readonly #host: string
  readonly #port: Port
  readonly #limited = new Map<string, { until: number; suppressed: number }>()
  readonly #checks: (() => Check[])[] = []
  /** More that `/healthz` tells. */
  details: () => Record<string, unknown> = () => ({})
  #server: Server | null = null

  constructor(options: { level: LogLevel; metricsPort: Port; metricsHost?: string; destination?: DestinationStream }) {
    // pino escapes C0 controls as JSON demands; the hook covers C1 and the bidirectional overrides a hostile name may carry.
    this.log = pino(
      {
        level: options.level,
        base: { service: 'collector' },
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
        hooks: { streamWrite: (line) => `${escapeControls(line.trimEnd())}\n` },
      },
      options.destination ?? pino.destination({ fd: 1, sync: false }),
    )
    this.#host = options.metricsHost ?? '127.0.0.1'
    this.#port = options.metricsPort
    collectDefaultMetrics({ register: this.#registry, prefix: 'weir_' })
  }

  /** The port the metrics answer on once started; null when switched off. */
  get port(): number | null {
    const address = this.#server?.address()
    return typeof address === 'object' && address !== null ? address.port : null
  }

  counter(name: string, help: string, labelNames: string[], read: () => Sample[]): void {
    new Counter({
      name: `weir_${name}`,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [labels, value] of read()) this.inc(labels, value)
      },
    })
  }

  gauge(name: string, help: string, labelNames: string[], read: () => Sample[]): void {
    new Gauge({
      name: `weir_${name}`,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [labels, value] of read()) this.set(labels, value)
      },
    })
  }

  /** Add a source of health checks; it is asked on every look. */
  check(source: () => Check[]): void {
    this.#checks.push(source)
  }

  checks(): Check[] {
    return this.#checks.flatMap((source) => source())
  }

  /** Log at most once in ten seconds per key; the next line that passes says how many were held back. `key` names the kind, never data. */
  limited(level: 'error' | 'warn' | 'info', key: string, facts: Record<string, unknown>, message: string): void {
    const now = Date.now()
    const state = this.#limited.get(key)
    if (state !== undefined && now < state.until) {
      state.suppressed++
      return
    }
    if (this.#limited.size >= MAX_LIMITED_KEYS && state === undefined) this.#limited.clear()
    this.#limited.set(key, { until: now + LIMITED_WINDOW_MS, suppressed: 0 })
    const held = state?.suppressed ?? 0
    this.log[level](held > 0 ? { ...facts, suppressed: held } : facts, message)
  }

  async start(): Promise<void> {
    if (this.#port === null) return
    const port = this.#port
    const server = createServer((request, response) => {
      const path = (request.url ?? '/').split('?')[0]
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD' }).end()
      } else if (path === '/metrics') {
        this.#registry.metrics().then(
          (text) => response.writeHead(200, { 'content-type': this.#registry.contentType }).end(text),
          (error: unknown) => {
            this.log.error({ err: error }, 'metrics could not be gathered')
            response.writeHead(500).end()
          },
        )
      } else if (path === '/healthz') {
        const checks = this.checks()
        const status = checks.some((c) => c.state === 'fail') ? 'down' : checks.some((c) => c.state === 'warn') ? 'degraded' : 'ok'
        response
          .writeHead(status === 'down' ? 503 : 200, { 'content-type': 'application/json' })
          .end(`${JSON.stringify({ status, checks, ...this.details() })}\n`)
      } else {
        response.writeHead(404, { 'content-type': 'text/plain' }).end('Try /metrics or /healthz.\n')
      }
    })
    server.keepAliveTimeout = 2_000
    this.#server = server
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        reject(
          error.code === 'EADDRINUSE'
            ? new ConfigError(
                'WEIR_METRICS_PORT',
                `${this.#host}:${port} is already in use`,
                'Stop the other program or choose another port',
                error,
              )
            : error,
        )
      })
      server.listen(port, this.#host, resolve)
    })
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (server === null) return
    this.#server = null
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
}
