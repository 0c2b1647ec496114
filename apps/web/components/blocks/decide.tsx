'use client'
import type { Block } from '@weir/db/contracts'
import { useId, useState } from 'react'
import { toast } from 'sonner'
import { approveBlock, useBlockChange, withdrawBlock } from '../../data/use-blocks.ts'
import { ProblemNote } from '../shell/problem-note.tsx'
import { Button } from '../ui/button.tsx'
import { DialogClose, DialogContent } from '../ui/dialog.tsx'
import { fieldStyle, Label } from '../ui/input.tsx'
import { Hash } from './device-text.tsx'
import { allByHand, withDeviceNames } from './model.ts'
import { StepUpCancelled, useWithStepUp } from './step-up.tsx'
import { Reasons } from './verdict.tsx'

const isProblem = (error: unknown): boolean => error !== null && !(error instanceof StepUpCancelled)

/** The second person's consent: to exactly this rule, on exactly these devices, by the hash of their text. */
export function ApproveDialog({ block, onDone }: { block: Block; onDone: () => void }) {
  const change = useBlockChange()
  const stepUp = useWithStepUp()
  // The text that this person opened; if it changes meanwhile, the server refuses the old hash.
  const [shown] = useState(block)
  return (
    <DialogContent
      title="Approve this block"
      description={`Asked for by ${shown.requester.name}: “${shown.reason}”`}
      footer={
        <>
          <DialogClose asChild>
            <Button size="lg">Cancel</Button>
          </DialogClose>
          <Button
            variant="primary"
            size="lg"
            disabled={change.isPending}
            onClick={() =>
              change.mutate(() => stepUp.run(() => approveBlock(shown.id, shown.hash)), {
                onSuccess: () => {
                  toast('Approved', {
                    description: allByHand(shown.deviceDetails)
                      ? 'Paste the text on its devices now.'
                      : 'The devices get it within seconds.',
                  })
                  onDone()
                },
              })
            }
          >
            {change.isPending ? 'Working…' : 'Approve and enforce'}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4 text-[13px] leading-relaxed">
        <p className="font-medium text-[14px] [overflow-wrap:anywhere]">{withDeviceNames(shown.sentence, shown.deviceDetails)}</p>
        {shown.emergencyReason === null ? null : (
          <p className="border-warn/60 border-l-2 pl-3">
            It was not simulated, because: “{shown.emergencyReason}”. What else it would hit is not known.
          </p>
        )}
        {shown.verdict.reasons.length === 0 ? null : (
          <div>
            <h3 className="mb-1.5 font-medium text-[12px] text-muted">Why a second person is asked</h3>
            <Reasons verdict={shown.verdict} />
          </div>
        )}
        <div>
          <h3 className="mb-1.5 font-medium text-[12px] text-muted">What is sent</h3>
          <ul className="flex flex-col gap-2">
            {shown.deviceDetails.map((device) => (
              <li key={device.deviceId} className="overflow-hidden rounded-md border border-border">
                <div className="flex items-center justify-between gap-2 border-border border-b bg-bg px-2.5 py-1 text-[12.5px]">
                  <span className="font-medium">{device.name}</span>
                  <Hash value={device.hash} label={`Copy the hash for ${device.name}`} />
                </div>
                <pre className="whitespace-pre-wrap p-2.5 font-mono text-[12px] leading-5 [overflow-wrap:anywhere]">{device.apply}</pre>
              </li>
            ))}
          </ul>
        </div>
        <div className="rounded-md border border-accent/40 bg-accent-soft px-3 py-2">
          <p className="text-[12px] text-muted">You approve this hash, and nothing else:</p>
          <code className="break-all font-mono text-[12px]">{shown.hash}</code>
        </div>
        {isProblem(change.error) ? <ProblemNote error={change.error} /> : null}
        {stepUp.dialog}
      </div>
    </DialogContent>
  )
}

/** End it early, or take back a request. */
export function WithdrawDialog({ block, onDone }: { block: Block; onDone: () => void }) {
  const id = useId()
  const change = useBlockChange()
  const stepUp = useWithStepUp()
  const [reason, setReason] = useState('')
  const waiting = block.state === 'pending_approval'
  return (
    <DialogContent
      title={waiting ? 'Withdraw the request' : 'Undo this block'}
      className="sm:w-[480px]"
      footer={
        <>
          <DialogClose asChild>
            <Button size="lg">Keep it</Button>
          </DialogClose>
          <Button type="submit" form={`${id}-form`} variant="danger" size="lg" disabled={change.isPending || reason.trim() === ''}>
            {change.isPending ? 'Working…' : waiting ? 'Withdraw' : 'Undo now'}
          </Button>
        </>
      }
    >
      <form
        id={`${id}-form`}
        className="flex flex-col gap-4 text-[13px] leading-relaxed"
        onSubmit={(event) => {
          event.preventDefault()
          change.mutate(() => stepUp.run(() => withdrawBlock(block.id, reason.trim())), {
            onSuccess: () => {
              toast(waiting ? 'The request is withdrawn' : 'The devices are told to drop the rule')
              onDone()
            },
          })
        }}
      >
        <p className="text-muted">
          {waiting
            ? 'Nothing was sent yet. A new request needs a new simulation.'
            : 'Each device gets the undo text that was stored with the request. The traffic then flows again.'}
        </p>
        <div className="grid gap-1">
          <Label htmlFor={`${id}-reason`}>Why? It goes to the audit log</Label>
          <textarea
            id={`${id}-reason`}
            value={reason}
            required
            maxLength={500}
            rows={3}
            placeholder="The attack is over."
            onChange={(event) => setReason(event.target.value.replace(/\n/g, ' '))}
            className={`${fieldStyle} h-auto resize-y py-2 leading-5`}
          />
        </div>
        {isProblem(change.error) ? <ProblemNote error={change.error} /> : null}
      </form>
      {stepUp.dialog}
    </DialogContent>
  )
}
