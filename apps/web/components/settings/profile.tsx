'use client'

import { useRouter } from 'next/navigation'
import { type FormEvent, useState } from 'react'
import { toast } from 'sonner'
import { PasswordField } from '../shell/password-field.tsx'
import { ProblemNote } from '../shell/problem-note.tsx'
import { Button } from '../ui/button.tsx'
import { Input, Label } from '../ui/input.tsx'
import { Panel, PanelBody, PanelHeader } from '../ui/panel.tsx'
import { PageHead } from './page-head.tsx'
import { SecondFactor } from './second-factor.tsx'
import { useChange } from './settings-data.ts'

/** One's own name, password and second factor. */
export function ProfileSettings({ name: stored, email, role, roleHint }: { name: string; email: string; role: string; roleHint: string }) {
  return (
    <>
      <PageHead title="Profile">
        Signed in as {email}. Your role is {role.toLowerCase()}: {roleHint}
      </PageHead>
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <NameForm stored={stored} />
        <PasswordForm email={email} />
        <SecondFactor />
      </div>
    </>
  )
}

function NameForm({ stored }: { stored: string }) {
  const router = useRouter()
  const change = useChange()
  const [name, setName] = useState(stored)
  return (
    <Panel>
      <PanelHeader title="Name" />
      <PanelBody>
        <form
          className="grid gap-3"
          onSubmit={(event) => {
            event.preventDefault()
            change.mutateAsync({ method: 'PATCH', path: '/api/v1/profile', body: { name: name.trim() } }).then(
              () => {
                toast.success('Name saved')
                router.refresh()
              },
              () => undefined,
            )
          }}
        >
          <div className="grid gap-1.5">
            <Label htmlFor="own-name">How others see you</Label>
            <Input
              id="own-name"
              required
              maxLength={100}
              autoComplete="name"
              value={name}
              onChange={(event) => setName(event.target.value)}
              className="h-9"
            />
          </div>
          {change.isError ? <ProblemNote error={change.error} /> : null}
          <div>
            <Button type="submit" variant="primary" disabled={change.isPending || name.trim() === '' || name.trim() === stored}>
              Save
            </Button>
          </div>
        </form>
      </PanelBody>
    </Panel>
  )
}

function PasswordForm({ email }: { email: string }) {
  const change = useChange()
  const [current, setCurrent] = useState('')
  const [password, setPassword] = useState('')
  function submit(event: FormEvent) {
    event.preventDefault()
    change.mutateAsync({ method: 'PUT', path: '/api/v1/profile/password', body: { current, password } }).then(
      () => {
        setCurrent('')
        setPassword('')
        toast.success('Password changed', { description: 'Your other sessions have ended.' })
      },
      () => undefined,
    )
  }
  return (
    <Panel>
      <PanelHeader title="Password" />
      <PanelBody>
        <form className="grid gap-3" onSubmit={submit}>
          <input type="email" autoComplete="username" value={email} readOnly hidden />
          <PasswordField
            id="current-password"
            label="Present password"
            value={current}
            onChange={setCurrent}
            autoComplete="current-password"
          />
          <PasswordField
            id="next-password"
            label="New password"
            value={password}
            onChange={setPassword}
            autoComplete="new-password"
            describedBy="next-rule"
          />
          <p id="next-rule" className="text-[12.5px] text-muted">
            At least 12 characters; a few unrelated words do well. Your other sessions end.
          </p>
          {change.isError ? <ProblemNote error={change.error} /> : null}
          <div>
            <Button type="submit" variant="primary" disabled={change.isPending || current === '' || [...password].length < 12}>
              Change password
            </Button>
          </div>
        </form>
      </PanelBody>
    </Panel>
  )
}
