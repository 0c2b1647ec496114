'use client'

import { Check } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import { PasswordField } from '@/components/shell/password-field'
import { ProblemNote } from '@/components/shell/problem-note'
import { Button } from '@/components/ui/button'
import { Input, Label } from '@/components/ui/input'
import { fetchJson } from '@/data/fetch-json'

const MINIMUM = 12

/** Name, e-mail and password of a new account. `email` is fixed when the invitation names one. */
export function WelcomeForm({ token, email: invited }: { token: string; email: string | null }) {
  const [name, setName] = useState('')
  const [email, setEmail] = useState(invited ?? '')
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const length = [...password].length

  async function submit(event: FormEvent) {
    event.preventDefault()
    setBusy(true)
    setError(null)
    try {
      await fetchJson('/api/v1/welcome', { method: 'POST', body: { token, name: name.trim(), email: email.trim(), password } })
      window.location.replace('/')
    } catch (cause) {
      setError(cause)
      setBusy(false)
    }
  }

  return (
    <form method="post" action="/api/v1/welcome" onSubmit={submit} className="grid gap-4">
      <div className="grid gap-1.5">
        <Label htmlFor="name">Name</Label>
        <Input
          id="name"
          required
          autoFocus
          maxLength={100}
          autoComplete="name"
          value={name}
          onChange={(event) => setName(event.target.value)}
          className="h-10 text-[14px]"
        />
      </div>
      <div className="grid gap-1.5">
        <Label htmlFor="email">E-mail</Label>
        <Input
          id="email"
          type="email"
          required
          autoComplete="username"
          inputMode="email"
          value={email}
          readOnly={invited !== null}
          onChange={(event) => setEmail(event.target.value)}
          className="h-10 text-[14px] read-only:bg-raised"
        />
      </div>
      <div className="grid gap-1.5">
        <PasswordField
          id="new-password"
          label="Password"
          value={password}
          onChange={setPassword}
          autoComplete="new-password"
          describedBy="password-rule"
        />
        <p id="password-rule" className={`flex items-center gap-1.5 text-[12.5px] ${length >= MINIMUM ? 'text-ok' : 'text-muted'}`}>
          {length >= MINIMUM ? (
            <>
              <Check size={14} aria-hidden="true" /> Long enough
            </>
          ) : (
            `At least ${MINIMUM} characters; a few unrelated words do well.${length > 0 ? ` ${MINIMUM - length} to go.` : ''}`
          )}
        </p>
      </div>
      {error === null ? null : <ProblemNote error={error} />}
      <Button type="submit" variant="primary" size="lg" disabled={busy || length < MINIMUM} className="mt-1 h-10 w-full text-[14px]">
        {busy ? 'Making your account…' : 'Make account and sign in'}
      </Button>
    </form>
  )
}
