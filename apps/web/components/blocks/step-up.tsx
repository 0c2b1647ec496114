'use client'
import { type ReactNode, useId, useRef, useState } from 'react'
import { needsStepUp, useStepUp } from '../../data/use-step-up.ts'
import { PasswordField } from '../shell/password-field.tsx'
import { ProblemNote } from '../shell/problem-note.tsx'
import { Button } from '../ui/button.tsx'
import { Dialog, DialogClose, DialogContent } from '../ui/dialog.tsx'

export class StepUpCancelled extends Error {
  override readonly name = 'StepUpCancelled'
}

/**
 * Run a decision; when the server asks for the password first, ask the person, then run it again. Rejects with StepUpCancelled when the
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
    if (!done) throw new StepUpCancelled('The password was not given.')
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
  const [password, setPassword] = useState('')
  return (
    <DialogContent
      title="Confirm that it is you"
      className="sm:w-[420px]"
      footer={
        <>
          <DialogClose asChild>
            <Button size="lg">Cancel</Button>
          </DialogClose>
          <Button type="submit" form={`${id}-form`} variant="primary" size="lg" disabled={stepUp.isPending || password === ''}>
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
          stepUp.mutate(password, { onSuccess: onDone })
        }}
      >
        <p className="text-[13px] text-muted leading-relaxed">
          A block changes what your network carries. Type the password you signed in with; it then holds for five minutes.
        </p>
        <PasswordField
          id={`${id}-password`}
          label="Password"
          value={password}
          onChange={setPassword}
          autoComplete="current-password"
          invalid={stepUp.isError}
          describedBy={stepUp.isError ? `${id}-problem` : undefined}
        />
        {stepUp.isError ? <ProblemNote id={`${id}-problem`} error={stepUp.error} /> : null}
      </form>
    </DialogContent>
  )
}
