'use client'
import { type ReactNode, useId, useRef, useState } from 'react'
import { needsStepUp, useSecondFactor, useStepUp } from '../../data/use-step-up.ts'
import { CodeField } from '../shell/code-field.tsx'
import { PasswordField } from '../shell/password-field.tsx'
import { ProblemNote } from '../shell/problem-note.tsx'
import { Button } from '../ui/button.tsx'
import { Dialog, DialogClose, DialogContent } from '../ui/dialog.tsx'

export class StepUpCancelled extends Error {
  override readonly name = 'StepUpCancelled'
}

/** For promises of which a closed dialog is no error; every other one stays. */
export function ignoreCancelled(error: unknown): void {
  if (!(error instanceof StepUpCancelled)) throw error
}

/**
 * Run a decision; when the server asks for the password or a code first, ask the person, then run it again. Rejects with StepUpCancelled when the
 * person closes the dialog: nothing was done then. Render `dialog` somewhere in the screen.
 */
export function useWithStepUp(): { run: <T>(act: () => Promise<T>) => Promise<T>; dialog: ReactNode } {
  const [open, setOpen] = useState(false)
  const answer = useRef<((done: boolean) => void) | null>(null)
  const settle = (done: boolean): void => {
    setOpen(false)
    answer.current?.(done)
    answer.current = null
  }
  async function run<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      if (!needsStepUp(error)) throw error
    }
    setOpen(true)
    const done = await new Promise<boolean>((resolve) => {
      answer.current = resolve
    })
    if (!done) throw new StepUpCancelled('Nobody confirmed it.')
    return act()
  }
  return { run, dialog: <StepUpDialog open={open} onSettled={settle} /> }
}

function StepUpDialog({ open, onSettled }: { open: boolean; onSettled: (done: boolean) => void }) {
  return (
    <Dialog open={open} onOpenChange={(next) => !next && onSettled(false)}>
      {open ? <Body onDone={() => onSettled(true)} /> : null}
    </Dialog>
  )
}

function Body({ onDone }: { onDone: () => void }) {
  const id = useId()
  const stepUp = useStepUp()
  const factor = useSecondFactor()
  const [password, setPassword] = useState('')
  const [code, setCode] = useState('')
  const [chosen, setChosen] = useState<'code' | 'password' | null>(null)
  const hasCode = factor.data?.on === true
  const by = hasCode ? (chosen ?? 'code') : 'password'
  const shown = by === 'code' ? code : password
  return (
    <DialogContent
      title="Confirm that it is you"
      className="sm:w-[420px]"
      footer={
        <>
          <DialogClose asChild>
            <Button size="lg">Cancel</Button>
          </DialogClose>
          <Button type="submit" form={`${id}-form`} variant="primary" size="lg" disabled={stepUp.isPending || shown.trim() === ''}>
            {stepUp.isPending ? 'Checking…' : 'Confirm'}
          </Button>
        </>
      }
    >
      <form
        id={`${id}-form`}
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          stepUp.mutate(by === 'code' ? { code } : { password }, { onSuccess: onDone })
        }}
      >
        <p className="text-[13px] text-muted leading-relaxed">
          {by === 'code'
            ? 'Type the code that your app shows now. It then holds for five minutes.'
            : 'Type the password you signed in with. It then holds for five minutes.'}
        </p>
        {by === 'code' ? (
          <CodeField
            id={`${id}-code`}
            value={code}
            onChange={setCode}
            autoFocus
            invalid={stepUp.isError}
            describedBy={stepUp.isError ? `${id}-problem` : undefined}
          />
        ) : (
          <PasswordField
            id={`${id}-password`}
            label="Password"
            value={password}
            onChange={setPassword}
            autoComplete="current-password"
            autoFocus
            invalid={stepUp.isError}
            describedBy={stepUp.isError ? `${id}-problem` : undefined}
          />
        )}
        {stepUp.isError ? <ProblemNote id={`${id}-problem`} error={stepUp.error} /> : null}
        {hasCode ? (
          <Button
            variant="link"
            className="justify-self-start"
            onClick={() => {
              stepUp.reset()
              setChosen(by === 'code' ? 'password' : 'code')
            }}
          >
            {by === 'code' ? 'Use the password instead' : 'Use a code instead'}
          </Button>
        ) : null}
      </form>
    </DialogContent>
  )
}
