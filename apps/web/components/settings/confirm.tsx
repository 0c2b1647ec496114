'use client'

import { type ReactNode, useId, useState } from 'react'
import { ProblemNote } from '../shell/problem-note.tsx'
import { Button } from '../ui/button.tsx'
import { Dialog, DialogClose, DialogContent } from '../ui/dialog.tsx'
import { Input, Label } from '../ui/input.tsx'

/**
 * Asks before something that cannot be taken back; says what will be gone. With `asksWhy` the person gives a reason, which goes into the audit log.
 * Stays open, with the cause, when it fails.
 */
export function Confirm({
  open,
  onOpenChange,
  title,
  children,
  action,
  asksWhy = false,
  onConfirm,
}: {
  open: boolean
  onOpenChange: (open: boolean) => void
  title: string
  children: ReactNode
  /** The verb on the button. */
  action: string
  asksWhy?: boolean
  onConfirm: (reason: string) => Promise<unknown>
}) {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const [reason, setReason] = useState('')
  const id = useId()
  async function confirm() {
    setBusy(true)
    setError(null)
    try {
      await onConfirm(reason.trim())
      onOpenChange(false)
      setReason('')
    } catch (cause) {
      setError(cause)
    }
    setBusy(false)
  }
  return (
    <Dialog
      open={open}
      onOpenChange={(next) => {
        setError(null)
        onOpenChange(next)
      }}
    >
      <DialogContent
        title={title}
        className="sm:w-[440px]"
        footer={
          <>
            <DialogClose asChild>
              <Button size="lg">Cancel</Button>
            </DialogClose>
            <Button variant="danger" size="lg" disabled={busy || (asksWhy && reason.trim() === '')} onClick={() => void confirm()}>
              {busy ? 'Working…' : action}
            </Button>
          </>
        }
      >
        <div className="grid gap-3 text-[13px] text-muted leading-relaxed">
          {children}
          {asksWhy ? (
            <div className="grid gap-1">
              <Label htmlFor={`${id}-why`}>Why, for the audit log</Label>
              <Input id={`${id}-why`} value={reason} maxLength={200} required onChange={(event) => setReason(event.target.value)} />
            </div>
          ) : null}
          {error === null ? null : <ProblemNote error={error} />}
        </div>
      </DialogContent>
    </Dialog>
  )
}
