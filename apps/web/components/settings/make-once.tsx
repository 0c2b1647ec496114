'use client'

import { type FormEvent, type ReactNode, useId } from 'react'
import { Button } from '../ui/button.tsx'
import { Dialog, DialogClose, DialogContent } from '../ui/dialog.tsx'
import { SecretOnce } from './secret-once.tsx'

/**
 * A dialog that makes something which is shown this one time: first what to make (`children` is the form's content), then the secret. `onClose`
 * forgets both.
 */
export function MakeOnce({
  open,
  onClose,
  title,
  action,
  busy,
  onMake,
  made,
  children,
}: {
  open: boolean
  onClose: () => void
  title: string
  /** The verb on the button. */
  action: string
  busy: boolean
  onMake: () => void
  /** What was made; undefined: not yet. */
  made: { title: string; label: string; secret: string; note: string } | undefined
  children: ReactNode
}) {
  const id = useId()
  return (
    <Dialog open={open} onOpenChange={(next) => !next && onClose()}>
      <DialogContent
        title={made?.title ?? title}
        className="sm:w-[480px]"
        footer={
          made === undefined ? (
            <>
              <DialogClose asChild>
                <Button size="lg">Cancel</Button>
              </DialogClose>
              <Button type="submit" form={id} variant="primary" size="lg" disabled={busy}>
                {busy ? 'Working…' : action}
              </Button>
            </>
          ) : (
            <DialogClose asChild>
              <Button variant="primary" size="lg">
                Done
              </Button>
            </DialogClose>
          )
        }
      >
        {made === undefined ? (
          <form
            id={id}
            className="grid gap-4"
            onSubmit={(event: FormEvent) => {
              event.preventDefault()
              onMake()
            }}
          >
            {children}
          </form>
        ) : (
          <SecretOnce label={made.label} secret={made.secret} note={made.note} />
        )}
      </DialogContent>
    </Dialog>
  )
}
