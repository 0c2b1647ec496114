'use client'

import { type FormEvent, useState } from 'react'
import { PasswordField } from '@/components/shell/password-field'
import { ProblemNote } from '@/components/shell/problem-note'
import { Button } from '@/components/ui/button'
import { Input, Label } from '@/components/ui/input'
import { fetchJson } from '@/data/fetch-json'

/** Email and password. What was refused stays in the fields, with the reason above the button. */
export function SignInForm({ returnPath }: { returnPath: string }) {
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)

  async function submit(event: FormEvent) {
    event.preventDefault()
    setBusy(true)
    setError(null)
    try {
      await fetchJson('/api/v1/session', { method: 'POST', body: { email: email.trim(), password } })
      // A whole page load, so that nothing fetched for nobody stays in memory.
      window.location.assign(returnPath)
    } catch (cause) {
      setError(cause)
      setBusy(false)
    }
  }

  return (
    <form method="post" action="/api/v1/session" onSubmit={submit} className="grid gap-4">
      <div className="grid gap-1.5">
        <Label htmlFor="email">E-mail</Label>
        <Input
          id="email"
          name="email"
          type="email"
          required
          autoFocus
          autoComplete="username"
          inputMode="email"
          value={email}
          onChange={(event) => setEmail(event.target.value)}
          aria-invalid={error !== null || undefined}
          className="h-10 text-[14px]"
        />
      </div>
      <PasswordField
        id="password"
        label="Password"
        value={password}
        onChange={setPassword}
        autoComplete="current-password"
        invalid={error !== null}
        describedBy={error === null ? undefined : 'sign-in-problem'}
      />
      {error === null ? null : <ProblemNote id="sign-in-problem" error={error} />}
      <Button type="submit" variant="primary" size="lg" disabled={busy} className="mt-1 h-10 w-full text-[14px]">
        {busy ? 'Signing in…' : 'Sign in'}
      </Button>
      <p className="text-[12.5px] text-muted leading-relaxed">
        No account, or no password any more? An admin can send you a one-time link. Admins get one on the Weir host with{' '}
        <code className="whitespace-nowrap rounded bg-raised px-1 py-0.5 font-mono text-[11.5px] text-foreground">bin/weir admin link</code>
        .
      </p>
    </form>
  )
}
