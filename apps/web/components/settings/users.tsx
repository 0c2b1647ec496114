'use client'

import { ROLES, type Role } from '@weir/db/contracts'
import { ShieldOff, UserPlus } from 'lucide-react'
import { useState } from 'react'
import { toast } from 'sonner'
import { ProblemError } from '../../data/fetch-json.ts'
import { ignoreCancelled, useWithStepUp } from '../blocks/step-up.tsx'
import { ago, dateMinute } from '../format.ts'
import { ProblemNote } from '../shell/problem-note.tsx'
import { ROLE_NAMES } from '../shell/roles.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Input, Label } from '../ui/input.tsx'
import { Panel, PanelHeader } from '../ui/panel.tsx'
import { Select } from '../ui/select.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { ErrorState } from '../ui/state.tsx'
import { Confirm } from './confirm.tsx'
import { MakeOnce } from './make-once.tsx'
import { PageHead } from './page-head.tsx'
import { RoleChoice } from './role-select.tsx'
import { type InvitationRow, type UserRow, useChange, useUsers } from './settings-data.ts'

const OPTIONS = ROLES.map((role) => ({ value: role, label: ROLE_NAMES[role] }))

/** People with an account and invitations that are still open. */
export function Users({ ownId }: { ownId: string }) {
  const users = useUsers()
  const [inviting, setInviting] = useState(false)
  return (
    <>
      <PageHead
        title="Users"
        actions={
          <Button variant="primary" onClick={() => setInviting(true)}>
            <UserPlus aria-hidden="true" /> Invite someone
          </Button>
        }
      >
        A role holds from the next click on, open pages included. Nobody changes their own role, and there is always at least one admin.
      </PageHead>
      <Panel>
        {users.isPending ? (
          <div className="grid gap-3 p-4">
            <Skeleton className="h-8" />
            <Skeleton className="h-8" />
            <Skeleton className="h-8" />
          </div>
        ) : users.isError ? (
          <ErrorState error={users.error} onRetry={() => void users.refetch()} />
        ) : (
          <ul className="divide-y">
            {users.data.users.map((user) => (
              <User key={user.id} user={user} own={user.id === ownId} />
            ))}
          </ul>
        )}
      </Panel>
      {users.data !== undefined && users.data.invitations.length > 0 ? <Invitations invitations={users.data.invitations} /> : null}
      <Invite open={inviting} onOpenChange={setInviting} />
    </>
  )
}

function User({ user, own }: { user: UserRow; own: boolean }) {
  const change = useChange()
  const [asking, setAsking] = useState<'disable' | 'second-factor' | null>(null)
  const stepUp = useWithStepUp()
  const patch = (body: { role?: Role; disabled?: boolean }) =>
    change.mutateAsync({ method: 'PATCH', path: `/api/v1/users/${user.id}`, body })
  const tell = (error: unknown) =>
    toast.error(error instanceof ProblemError ? error.detail : 'The change failed', {
      description: error instanceof ProblemError ? error.remedy : 'Try again.',
    })
  const seen = user.lastSeenAt === null ? 'no open session' : `active ${ago(Date.parse(user.lastSeenAt), Date.now())}`
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
      <div className="min-w-0 flex-1 basis-52">
        <p className="flex items-center gap-2">
          <span className={`truncate font-medium ${user.disabled ? 'text-muted line-through' : ''}`}>{user.name}</span>
          {own ? <Badge>you</Badge> : null}
          {user.disabled ? <Badge tone="warn">disabled</Badge> : null}
          {user.secondFactor ? <Badge tone="ok">second factor</Badge> : null}
        </p>
        <p className="truncate text-[12.5px] text-muted">
          {user.email} · {seen}
        </p>
      </div>
      <div className="flex items-center gap-2">
        {own ? (
          <Badge tone="accent">{ROLE_NAMES[user.role]}</Badge>
        ) : (
          <>
            {user.secondFactor ? (
              <Button
                aria-label={`Take away the second factor of ${user.name}`}
                title="For whoever lost the app and the recovery codes"
                onClick={() => setAsking('second-factor')}
              >
                <ShieldOff aria-hidden /> Lost it
              </Button>
            ) : null}
            <Select
              label={`Role of ${user.name}`}
              value={user.role}
              options={OPTIONS}
              disabled={change.isPending || user.disabled}
              className="w-28"
              onChange={(role) =>
                void patch({ role }).then(() => toast.success(`${user.name} is ${ROLE_NAMES[role].toLowerCase()} now`), tell)
              }
            />
            {user.disabled ? (
              <Button className="w-20" disabled={change.isPending} onClick={() => void patch({ disabled: false }).catch(tell)}>
                Enable
              </Button>
            ) : (
              <Button className="w-20" variant="danger" onClick={() => setAsking('disable')}>
                Disable
              </Button>
            )}
          </>
        )}
      </div>
      <Confirm
        open={asking === 'disable'}
        onOpenChange={() => setAsking(null)}
        title={`Disable ${user.name}?`}
        action="Disable"
        onConfirm={() => patch({ disabled: true })}
      >
        <p>Their sessions end now and they cannot sign in until someone enables the account again. What they made stays.</p>
      </Confirm>
      <Confirm
        open={asking === 'second-factor'}
        onOpenChange={() => setAsking(null)}
        title={`Take away ${user.name}’s second factor?`}
        action="Take it away"
        onConfirm={() =>
          stepUp
            .run(() => change.mutateAsync({ method: 'DELETE', path: `/api/v1/users/${user.id}/second-factor` }))
            .then(() => toast.success(`${user.name} signs in with the password alone now`), ignoreCancelled)
        }
      >
        <p>
          For someone who has lost the app and the recovery codes. Make sure that it is them: from now on the password alone lets them in,
          and their sessions end.
        </p>
      </Confirm>
      {stepUp.dialog}
    </li>
  )
}

function Invitations({ invitations }: { invitations: readonly InvitationRow[] }) {
  const change = useChange()
  return (
    <Panel className="mt-4">
      <PanelHeader title="Open invitations" hint="each works once, for 24 hours" />
      <ul className="divide-y border-t">
        {invitations.map((invitation) => (
          <li key={invitation.id} className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-2.5">
            <div className="min-w-0 flex-1 basis-52 text-[13px]">
              <p className="truncate">{invitation.email ?? 'Anyone with the link'}</p>
              <p className="truncate text-[12.5px] text-muted">
                {invitation.createdBy === null ? '' : `by ${invitation.createdBy} · `}ends {dateMinute(Date.parse(invitation.expiresAt))}
              </p>
            </div>
            <Badge tone="accent">{ROLE_NAMES[invitation.role]}</Badge>
            <Button
              disabled={change.isPending}
              onClick={() =>
                void change.mutateAsync({ method: 'DELETE', path: `/api/v1/users/invitations/${invitation.id}` }).then(
                  () => toast.success('The link does not work any more'),
                  () => toast.error('The invitation is gone already'),
                )
              }
            >
              Withdraw
            </Button>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

function Invite({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  const invite = useChange<{ url: string; expiresAt: string }>()
  const [email, setEmail] = useState('')
  const [role, setRole] = useState<Role>('operator')
  const close = () => {
    onOpenChange(false)
    invite.reset()
    setEmail('')
    setRole('operator')
  }
  return (
    <MakeOnce
      open={open}
      onClose={close}
      title="Invite someone"
      action="Make a link"
      busy={invite.isPending}
      onMake={() =>
        invite.mutate({
          method: 'POST',
          path: '/api/v1/users/invitations',
          body: { role, ...(email.trim() === '' ? {} : { email: email.trim() }) },
        })
      }
      made={
        invite.data && {
          title: 'Send this link',
          label: 'Invitation link',
          secret: invite.data.url,
          note: `Shown only now. It lets one person in as ${ROLE_NAMES[role].toLowerCase()} and ends ${dateMinute(Date.parse(invite.data.expiresAt))}. Send it over a channel you trust: whoever opens it first gets the account.`,
        }
      }
    >
      <div className="grid gap-1.5">
        <Label htmlFor="invite-email">E-mail, if the link is for one address only</Label>
        <Input
          id="invite-email"
          type="email"
          value={email}
          onChange={(event) => setEmail(event.target.value)}
          placeholder="anyone with the link"
          className="h-9"
        />
      </div>
      <RoleChoice value={role} onChange={setRole} />
      {invite.isError ? <ProblemNote error={invite.error} /> : null}
    </MakeOnce>
  )
}
