'use client'

import type { Role } from '@weir/db/contracts'
import { KeyRound, Plus } from 'lucide-react'
import { useState } from 'react'
import { ago, dateMinute, duration } from '../format.ts'
import { ProblemNote } from '../shell/problem-note.tsx'
import { ROLE_NAMES } from '../shell/roles.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Input, Label } from '../ui/input.tsx'
import { Panel } from '../ui/panel.tsx'
import { Select } from '../ui/select.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { EmptyState, ErrorState } from '../ui/state.tsx'
import { Confirm } from './confirm.tsx'
import { MakeOnce } from './make-once.tsx'
import { PageHead } from './page-head.tsx'
import { RoleChoice } from './role-select.tsx'
import { type TokenRow, useChange, useTokens } from './settings-data.ts'

const LIVES = [
  { value: '7', label: '7 days' },
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
] as const
type Life = (typeof LIVES)[number]['value']

/** Tokens for programs that read the API. */
export function Tokens() {
  const tokens = useTokens()
  const [making, setMaking] = useState(false)
  const add = (
    <Button variant="primary" onClick={() => setMaking(true)}>
      <Plus aria-hidden="true" /> New token
    </Button>
  )
  return (
    <>
      <PageHead title="API tokens" actions={add}>
        For programs that ask <code className="font-mono text-[12px]">/api/v1</code>. A token has a role of its own, ends by itself after at
        most 90 days, and can neither approve a block nor manage people or tokens.
      </PageHead>
      <Panel>
        {tokens.isPending ? (
          <div className="grid gap-3 p-4">
            <Skeleton className="h-8" />
            <Skeleton className="h-8" />
          </div>
        ) : tokens.isError ? (
          <ErrorState error={tokens.error} onRetry={() => void tokens.refetch()} />
        ) : tokens.data.tokens.length === 0 ? (
          <EmptyState icon={KeyRound} title="No tokens yet">
            A script or dashboard needs one to ask the API without a person. The command line makes them too:{' '}
            <code className="font-mono text-[12px] text-foreground">bin/weir token create --name N --role ROLE</code>
          </EmptyState>
        ) : (
          <ul className="divide-y">
            {tokens.data.tokens.map((token) => (
              <Token key={token.id} token={token} />
            ))}
          </ul>
        )}
      </Panel>
      <NewToken open={making} onOpenChange={setMaking} />
    </>
  )
}

function Token({ token }: { token: TokenRow }) {
  const change = useChange()
  const [asking, setAsking] = useState(false)
  const left = (Date.parse(token.expiresAt) - Date.now()) / 1000
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
      <div className="min-w-0 flex-1 basis-52">
        <p className="flex items-baseline gap-2">
          <span className="truncate font-medium">{token.name}</span>
          <code className="font-mono text-[12px] text-muted">{token.hint}…</code>
        </p>
        <p className="truncate text-[12.5px] text-muted">
          {token.lastUsedAt === null ? 'never used' : `used ${ago(Date.parse(token.lastUsedAt), Date.now())}`} · by{' '}
          {token.createdBy ?? 'the command line'}
        </p>
      </div>
      <div className="flex items-center gap-3">
        <span
          className={`text-[12.5px] ${left < 7 * 86_400 ? 'text-warn' : 'text-muted'}`}
          title={`Ends ${dateMinute(Date.parse(token.expiresAt))}`}
        >
          ends in {duration(left >= 86_400 ? Math.round(left / 86_400) * 86_400 : left)}
        </span>
        <Badge tone="accent">{ROLE_NAMES[token.role]}</Badge>
        <Button variant="danger" onClick={() => setAsking(true)}>
          Revoke
        </Button>
      </div>
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={`Revoke ${token.name}?`}
        action="Revoke"
        onConfirm={() => change.mutateAsync({ method: 'DELETE', path: `/api/v1/tokens/${token.id}` })}
      >
        <p>Programs that use it are refused from now on. This cannot be taken back; make a new token instead.</p>
      </Confirm>
    </li>
  )
}

function NewToken({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  const make = useChange<{ token: string; expiresAt: string }>()
  const [name, setName] = useState('')
  const [role, setRole] = useState<Role>('viewer')
  const [days, setDays] = useState<Life>('90')
  const close = () => {
    onOpenChange(false)
    make.reset()
    setName('')
    setRole('viewer')
    setDays('90')
  }
  return (
    <MakeOnce
      open={open}
      onClose={close}
      title="New token"
      action="Make the token"
      busy={make.isPending}
      onMake={() => make.mutate({ method: 'POST', path: '/api/v1/tokens', body: { name: name.trim(), role, days: Number(days) } })}
      made={
        make.data && {
          title: 'Copy the token now',
          label: 'Token',
          secret: make.data.token,
          note: `Shown only now; Weir keeps its hash. Send it as “Authorization: Bearer …”. It ends ${dateMinute(Date.parse(make.data.expiresAt))}.`,
        }
      }
    >
      <div className="grid gap-1.5">
        <Label htmlFor="token-name">Name of the program that will use it</Label>
        <Input
          id="token-name"
          required
          maxLength={100}
          value={name}
          onChange={(event) => setName(event.target.value)}
          placeholder="capacity report"
          className="h-9"
        />
      </div>
      <div className="grid gap-1.5">
        <span className="font-medium text-[12px] text-muted">Ends after</span>
        <Select label="Ends after" value={days} options={LIVES} onChange={setDays} className="h-9 w-32" />
      </div>
      <RoleChoice value={role} onChange={setRole} />
      {make.isError ? <ProblemNote error={make.error} /> : null}
    </MakeOnce>
  )
}
