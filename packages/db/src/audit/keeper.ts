import type { Pool } from 'pg'
import { appendAudit, inTransaction } from '../commands/audit.ts'
import { tellSystemAlert } from '../commands/notifications.ts'
import type { HealthAnswer } from '../contracts/api.ts'
import { type AuditState, systemActor } from '../contracts/audit.ts'
import { messageOf, StorageError } from '../errors.ts'
import { mergeBreakGlass } from './break-glass.ts'
import { verifyStored } from './check.ts'
import { copyCheckpoints, makeCheckpoint } from './checkpoint.ts'
import { openSigningKey, type SigningKey, trustedKeys } from './signing-key.ts'
import type { AuditHead, AuditProblem } from './verify.ts'

/** How often it is asked whether a checkpoint is due, and new entries are verified. */
const TICK_MS = 15_000
/** The whole chain is read from its beginning once an hour at least, a short one once a minute at most: a third of a percent of the time goes into it. */
const WHOLE_MS = 3_600_000
const WHOLE_LEAST_MS = 60_000
const WHOLE_SHARE = 300

export interface AuditKeeper {
  /** Begin: verify the whole chain, then keep signing and verifying until `close`. */
  start(): void
  /** Sign what is new now, wherever it can be signed; before an export. */
  seal(): Promise<void>
  state(): Promise<AuditState>
  /** The lines of the health answer. */
  checks(): HealthAnswer['checks']
  close(): Promise<void>
}

/**
 * Keeps the chain of one installation: signs its head when a checkpoint is due, copies checkpoints to `<dataDir>/audit-checkpoints.jsonl`, and
 * reads what is new (once an hour everything) to say whether the chain holds. Whether the log takes entries is tried at every look: one that does not
 * stops every action, so that is an alert of its own, `audit_blocked`, which pages people. Failures are told by `checks()` and `log`, and tried again.
 */
export function createAuditKeeper(
  pool: Pool,
  dataDir: string,
  log: (error: unknown, message: string) => void,
  options: { tickMs?: number } = {},
): AuditKeeper {
  let key: SigningKey | null = null
  let failure: string | null = null
  let blocked: string | null = null
  /** What people were last told of it; undefined: not known, after a start. */
  let toldBlocked: boolean | undefined
  let problem: AuditProblem | null = null
  let verified: { head: AuditHead; at: Date; wholeAt: Date } | null = null
  let wholeEveryMs = WHOLE_LEAST_MS
  let rights: Rights = NO_RIGHTS
  let timer: NodeJS.Timeout | undefined
  let work: Promise<void> = Promise.resolve()
  let closed = false

  async function sign(force: boolean): Promise<void> {
    key ??= openSigningKey(dataDir)
    await makeCheckpoint(pool, key, { force })
    await copyCheckpoints(pool, dataDir)
  }

  async function verify(): Promise<void> {
    const now = new Date()
    const whole = verified === null || now.getTime() - verified.wholeAt.getTime() >= wholeEveryMs
    // A problem stays until the whole chain was read again and found to hold.
    if (problem !== null && !whole) return
    const trusted = trustedKeys(dataDir)
    const verdict = await verifyStored(pool, { dataDir, trusted, from: whole ? undefined : verified?.head })
    if (whole) wholeEveryMs = Math.min(WHOLE_MS, Math.max(WHOLE_LEAST_MS, (Date.now() - now.getTime()) * WHOLE_SHARE))
    if (verdict.problem !== null && verdict.problem.message !== problem?.message) {
      log(new Error(verdict.problem.message), 'the audit log was tampered with')
    }
    problem = verdict.problem
    verified = { head: verdict.head, at: now, wholeAt: whole || verified === null ? now : verified.wholeAt }
  }

  /** Try whether the log takes entries, and page people when it begins or ceases to refuse them. */
  async function tryWriting(): Promise<void> {
    const before = blocked
    blocked = await whyBlocked(pool)
    if (blocked !== null && blocked !== before)
      log(new Error(blocked), 'audit_blocked: the audit log takes no entries, so no action is taken')
    if (blocked === null && before !== null) log(null, 'audit_blocked is over: the audit log takes entries again')
    if (toldBlocked === (blocked !== null)) return
    const sentence =
      blocked === null
        ? 'The audit log takes entries again.'
        : `The audit log takes no entries, so Weir refuses every change, sign-in and block: ${blocked}.`
    // A database that takes no messages either is told by the health answer alone, and tried again.
    await tellSystemAlert(pool, blocked === null ? 'cleared' : 'raised', { name: BLOCKED, sentence })
    toldBlocked = blocked !== null
  }

  async function tick(): Promise<void> {
    try {
      await tryWriting()
      // What was done from the terminal meanwhile.
      if (blocked === null) await mergeBreakGlass(pool, dataDir, () => (key ??= openSigningKey(dataDir)))
    } catch (error) {
      log(error, 'whether the audit log takes entries could not be found out or told; tried again')
    }
    try {
      rights = await readRights(pool)
      // Verified first: what does not hold is not signed.
      await verify()
      if (problem === null) await sign(false)
      failure = null
    } catch (error) {
      const message = messageOf(error)
      if (message !== failure) log(error, 'the audit log could not be verified and signed')
      failure = message
    }
  }

  /** Whether the chain holds, for the health answer. */
  function standing(): Omit<HealthAnswer['checks'][number], 'name'> {
    if (problem !== null) {
      return { state: 'fail', message: `${problem.message} Compare with an earlier export: bin/weir audit verify FILE.` }
    }
    if (failure !== null) {
      return { state: 'warn', message: `The audit log cannot be verified and signed: ${failure}. It is tried again every 15 s.` }
    }
    if (verified === null) return { state: 'ok', message: 'The audit log is being verified.' }
    return { state: 'ok', message: [`The audit log holds up to entry ${verified.head.seq}.`, ...warningsOf(rights)].join(' ') }
  }

  function again(): void {
    if (closed) return
    timer = setTimeout(() => {
      work = tick().then(again)
    }, options.tickMs ?? TICK_MS)
    timer.unref()
  }

  return {
    start() {
      work = tick().then(again)
    },
    async seal() {
      if (problem === null) await sign(true)
    },
    async state() {
      const { rows } = await pool.query<StateRow>(STATE)
      const [row] = rows
      return {
        head: row?.seq == null ? null : { seq: Number(row.seq), hash: row.hash ?? '', at: row.at?.toISOString() ?? '' },
        verified:
          verified === null ? null : { seq: verified.head.seq, at: verified.at.toISOString(), wholeAt: verified.wholeAt.toISOString() },
        problem: problem === null ? null : { code: problem.code, seq: problem.seq, message: problem.message },
        checkpoint:
          row?.number == null ? null : { number: Number(row.number), seq: Number(row.checked), at: row.checked_at?.toISOString() ?? '' },
        key: key?.id ?? null,
        events: row?.events ?? [],
        warnings: [...(failure === null ? [] : [`Verifying or signing fails: ${failure}.`]), ...warningsOf(rights)],
      }
    },
    checks() {
      const own = { name: 'audit', ...standing() }
      if (blocked === null) return [own]
      const remedy =
        'Everything that must be recorded is refused until it does. bin/weir doctor helps; docs/audit.md says what is left to do.'
      return [{ name: BLOCKED, state: 'fail', message: `The audit log takes no entries: ${blocked}. ${remedy}` }, own]
    },
    async close() {
      closed = true
      clearTimeout(timer)
      await work
    },
  }
}

const BLOCKED = 'audit_blocked'

/** Why the log takes no entries, in the database's words; null when it does. An entry is written and rolled back. Throws when there is no database. */
export async function whyBlocked(pool: Pool): Promise<string | null> {
  const probe = new Error('rolled back on purpose')
  try {
    await inTransaction(pool, async (client) => {
      await appendAudit(client, { event: 'audit.probe', actor: systemActor('audit'), subject: 'audit' })
      throw probe
    })
    return null
  } catch (error) {
    if (error === probe) return null
    if (error instanceof StorageError && error.code === 'audit-blocked') return messageOf(error.cause)
    throw error
  }
}

interface Rights {
  /** The connecting user could change the tables: triggers and the chain are what protects them. */
  changeable: boolean
  superuser: boolean
}

async function readRights(pool: Pool): Promise<Rights> {
  const { rows } = await pool.query<Rights>(
    `select has_table_privilege('audit_entry', 'UPDATE') as changeable, current_setting('is_superuser') = 'on' as superuser`,
  )
  return rows[0] ?? NO_RIGHTS
}
const NO_RIGHTS: Rights = { changeable: false, superuser: false }

/** What weakens the log here. Not a fault: every change still shows. */
function warningsOf(rights: Rights): string[] {
  if (!rights.changeable) return []
  const held = 'changes to it are refused by triggers and shown by the chain, not prevented by rights.'
  return rights.superuser
    ? [`The database user is a superuser: ${held}`]
    : [
        `The database user owns it and may make no role: ${held} A database administrator can make the role weir_audit the owner of ` +
          'audit_entry and audit_checkpoint, with select and insert for this user.',
      ]
}

interface StateRow {
  seq: string | null
  hash: string | null
  at: Date | null
  number: string | null
  checked: string | null
  checked_at: Date | null
  events: string[]
}

// The events are found by hopping through their index: a `distinct` would read every entry.
const STATE = `
  with recursive hop (event) as (
    (select event from audit_entry order by event limit 1)
    union all
    select (select a.event from audit_entry a where a.event > hop.event order by a.event limit 1) from hop where hop.event is not null
  )
  select e.seq, encode(e.hash, 'hex') as hash, e.at, c.number, c.seq as checked, c.at as checked_at,
    array(select event from hop where event is not null) as events
  from (select 1) one
  left join (select seq, hash, at from audit_entry order by seq desc limit 1) e on true
  left join (select number, seq, at from audit_checkpoint order by number desc limit 1) c on true`
