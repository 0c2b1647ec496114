'use client'
import type { AuditState } from '@weir/db/contracts'
import { ShieldAlert, ShieldCheck, ShieldQuestion } from 'lucide-react'
import { exact } from '../format.ts'
import { Ago } from '../time.tsx'
import { Button } from '../ui/button.tsx'
import { cn } from '../ui/cn.ts'
import { CopyButton } from '../ui/copy-button.tsx'
import { Popover, PopoverContent, PopoverTrigger } from '../ui/popover.tsx'

/** Whether the chain holds, in one word, with what is behind it a click away. */
export function ChainBadge({ state }: { state: AuditState }) {
  const { problem, verified, head, checkpoint } = state
  const [Icon, tone, word] =
    problem !== null
      ? ([ShieldAlert, 'text-critical', `Broken at entry ${exact(problem.seq)}`] as const)
      : verified === null
        ? ([ShieldQuestion, 'text-muted', 'Being verified'] as const)
        : ([ShieldCheck, 'text-ok', `Verified to #${exact(verified.seq)}`] as const)
  return (
    <Popover>
      <PopoverTrigger asChild>
        <Button>
          <Icon aria-hidden className={tone} /> {word}
        </Button>
      </PopoverTrigger>
      <PopoverContent
        align="end"
        aria-label="State of the audit log"
        className="w-[min(380px,calc(100vw-32px))] p-4 text-[13px] leading-relaxed"
      >
        <h2 className={cn('mb-1 font-semibold', problem !== null && 'text-critical')}>
          {problem !== null ? 'The log was tampered with' : verified === null ? 'The log is being verified' : 'The log is whole'}
        </h2>
        <p className="text-muted">
          {problem !== null
            ? `${problem.message} Compare with an earlier export: bin/weir audit verify FILE.`
            : 'Every entry holds the hash of the one before it. A changed, removed, inserted or reordered one breaks the chain.'}
        </p>
        <dl className="mt-3 grid grid-cols-[116px_minmax(0,1fr)] gap-y-1.5">
          <dt className="text-muted">Verified</dt>
          <dd>
            {verified === null ? (
              'not yet'
            ) : (
              <>
                to entry {exact(verified.seq)}, <Ago at={Date.parse(verified.at)} />
              </>
            )}
          </dd>
          <dt className="text-muted">From the start</dt>
          <dd>{verified === null ? 'not yet' : <Ago at={Date.parse(verified.wholeAt)} />}</dd>
          <dt className="text-muted">Checkpoint</dt>
          <dd>
            {checkpoint === null ? (
              'none yet'
            ) : (
              <>
                {exact(checkpoint.number)}, signed to entry {exact(checkpoint.seq)}, <Ago at={Date.parse(checkpoint.at)} />
              </>
            )}
          </dd>
          <dt className="text-muted">Newest entry</dt>
          <dd className="truncate">
            {head === null ? (
              'none yet'
            ) : (
              <span className="font-mono text-[12px]">{`${exact(head.seq)} · ${head.hash.slice(0, 16)}…`}</span>
            )}
          </dd>
          {state.key === null ? null : (
            <>
              <dt className="text-muted">Public key</dt>
              <dd className="flex items-center gap-1">
                <code className="truncate font-mono text-[12px]">{state.key}</code>
                <CopyButton text={state.key} label="Copy the public key" />
              </dd>
            </>
          )}
        </dl>
        {state.warnings.length === 0 ? null : (
          <ul className="mt-3 grid gap-1.5 border-border border-t pt-3 text-[12.5px] text-muted">
            {state.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        )}
      </PopoverContent>
    </Popover>
  )
}
