'use client'

import { type ReactNode, useState } from 'react'
import { ProblemNote } from '../shell/problem-note.tsx'
import { Button } from '../ui/button.tsx'
import { Dialog, DialogClose, DialogContent } from '../ui/dialog.tsx'

/** Asks before something that cannot be taken back; says what will be gone. Stays open, with the reason, when it fails. */
export function Confirm({
  open,
  onOpenChange,
  title,
  children,
  action,
  onConfirm,
}: {
  open: boolean
  onOpenChange: (open: boolean) => void
  title: string
  children: ReactNode
  /** The verb on the button. */
  action: string
  onConfirm: () => Promise<unknown>
}) {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  async function confirm() {
    setBusy(true)
    setError(null)
    try {
      await onConfirm()
      onOpenChange(false)
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
            <Button variant="danger" size="lg" disabled={busy} onClick={() => void confirm()}>
              {busy ? 'Working…' : action}
            </Button>
          </>
        }
      >
        <div className="grid gap-3 text-[13px] text-muted leading-relaxed">
          {children}
          {error === null ? null : <ProblemNote error={error} />}
        </div>
      </DialogContent>
    </Dialog>
  )
}
