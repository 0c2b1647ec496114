'use client'

import { type FormEvent, useState } from 'react'
import { CodeField } from '@/components/shell/code-field'
import { PasswordField } from '@/components/shell/password-field'
import { ProblemNote } from '@/components/shell/problem-note'
import { Button } from '@/components/ui/button'
import { Input, Label } from '@/components/ui/input'
import { fetchJson, ProblemError } from '@/data/fetch-json'

/**
 * Email and password, and the code where the account asks for one: all three go together, so that a password alone begins nothing. What was refused
 * stays in the fields, with the reason above the button.
 */
export function SignInForm({ returnPath }: { returnPath: string }) {
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  /** null: not asked for, as far as is known. */
  const [code, setCode] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)

  async function submit(event: FormEvent) {
    event.preventDefault()
    setBusy(true)
    setError(null)
    try {
      await fetchJson('/api/v1/session', { method: 'POST', body: { email: email.trim(), password, ...(code === null ? {} : { code }) } })
      // A whole page load, so that nothing fetched for nobody stays in memory.
      window.location.assign(returnPath)
    } catch (cause) {
      if (cause instanceof ProblemError && cause.code === 'second-factor-required') setCode('')
      else setError(cause)
      setBusy(false)
    }
  }

  if (code !== null) {
    return (
      <form method="post" action="/api/v1/session" onSubmit={submit} className="grid gap-4">
        <p className="text-[13px] text-muted leading-relaxed">
          The password is right. Type the code that your app shows for Weir, or one of your recovery codes.
        </p>
        <CodeField
          id="code"
          value={code}
          onChange={setCode}
          invalid={error !== null}
          describedBy={error === null ? undefined : 'sign-in-problem'}
          autoFocus
        />
        {error === null ? null : <ProblemNote id="sign-in-problem" error={error} />}
        <Button type="submit" variant="primary" size="lg" disabled={busy || code.trim() === ''} className="mt-1 h-10 w-full text-[14px]">
          {busy ? 'Signing in…' : 'Sign in'}
        </Button>
        <Button
          variant="link"
          className="justify-self-start"
          onClick={() => {
            setCode(null)
            setPassword('')
            setError(null)
          }}
        >
          Sign in as someone else
        </Button>
        <p className="text-[12.5px] text-muted leading-relaxed">
          Lost the app and the recovery codes? An admin can take the second factor away; admins use{' '}
          <code className="whitespace-nowrap rounded bg-raised px-1 py-0.5 font-mono text-[11.5px] text-foreground">
            bin/weir admin link
          </code>{' '}
          on the Weir host.
        </p>
      </form>
    )
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
