import { createPool } from '@weir/db/connection'
import { driverFor } from '../src/enforce/drivers.ts'
import { Enforce } from '../src/enforce/enforce.ts'
import { Reporter } from '../src/reporter.ts'

/**
 * The role `enforce` as a process that is killed right before its n-th step (WEIR_TEST_POINT): every statement that writes, begins or commits, and
 * every word to a device is one. It says `point <n> <what>` first. It begins when its standard input says so.
 */
const wanted = Number(process.env.WEIR_TEST_POINT ?? 0)
let steps = 0
const WRITES = /^\s*(begin|commit|update|insert|delete|with|select \* from block where id = \$1 for update|select .* from audit_)/i

function die(what: string): never {
  process.stdout.write(`point ${steps} ${what}\n`)
  process.kill(process.pid, 'SIGKILL')
  // The signal is on its way; nothing more may happen.
  for (;;);
}
async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  if (++steps === wanted) die(what)
  return await work()
}

const pool = createPool({
  connectionString: process.env.DATABASE_URL ?? '',
  applicationName: 'weir-test-enforcer',
  max: 6,
  onError: () => undefined,
})
pool.on('connect', (client) => {
  const query = client.query.bind(client)
  Reflect.set(client, 'query', (...args: unknown[]): unknown => {
    const text = typeof args[0] === 'string' ? args[0] : ''
    if (WRITES.test(text) && ++steps === wanted) die(text.trim().replace(/\s+/g, ' ').slice(0, 50))
    return Reflect.apply(query, client, args)
  })
})

const enforce = new Enforce(
  pool,
  {
    databaseUrl: process.env.DATABASE_URL ?? '',
    keyDir: '/nonexistent',
    reconcileMs: Number(process.env.WEIR_TEST_RECONCILE_MS ?? 60_000),
    quietMs: 1_000,
    watch: null,
    driverFor: (device, keyDir) => {
      const driver = driverFor(device, keyDir)
      return driver === null
        ? null
        : {
            apply: (text) => step('device apply', () => driver.apply(text)),
            undo: (text) => step('device undo', () => driver.undo(text)),
            list: () => step('device list', () => driver.list()),
          }
    },
  },
  new Reporter({ level: 'silent', metricsPort: null }),
)
process.stdin.once('data', () => void enforce.start())
process.stdout.write('waiting\n')
