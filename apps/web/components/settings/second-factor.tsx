'use client'

import encodeQR from 'qr'
import { useId, useMemo, useState } from 'react'
import { toast } from 'sonner'
import { useSecondFactor } from '../../data/use-step-up.ts'
import { ignoreCancelled, useWithStepUp } from '../blocks/step-up.tsx'
import { download } from '../download.ts'
import { exact } from '../format.ts'
import { CodeField } from '../shell/code-field.tsx'
import { ProblemNote } from '../shell/problem-note.tsx'
import { Time } from '../time.tsx'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import { Dialog, DialogClose, DialogContent } from '../ui/dialog.tsx'
import { Panel, PanelBody, PanelHeader } from '../ui/panel.tsx'
import { SkeletonRows } from '../ui/skeleton.tsx'
import { ErrorState } from '../ui/state.tsx'
import { Confirm } from './confirm.tsx'
import { useChange } from './settings-data.ts'

const ROUTE = '/api/v1/profile/second-factor'
/** Below this many, new ones should be made. */
const FEW = 3

interface Begun {
  secret: string
  uri: string
}

/** One's own second factor: set up, renew the recovery codes, turn off. */
export function SecondFactor() {
  const factor = useSecondFactor()
  const begin = useChange<Begun>()
  const renew = useChange<{ recoveryCodes: string[] }>()
  const remove = useChange()
  const stepUp = useWithStepUp()
  const [begun, setBegun] = useState<Begun | null>(null)
  const [asking, setAsking] = useState(false)
  const left = factor.data?.recoveryCodesLeft ?? 0
  return (
    <Panel className="xl:col-span-2">
      <PanelHeader title="Second factor">{factor.data?.on ? <Badge tone="ok">on</Badge> : null}</PanelHeader>
      <PanelBody>
        {factor.data === undefined ? (
          factor.error === null ? (
            <SkeletonRows rows={2} />
          ) : (
            <ErrorState error={factor.error} onRetry={() => void factor.refetch()} className="px-0" />
          )
        ) : factor.data.on ? (
          <div className="grid gap-3 text-[13px]">
            <p className="leading-relaxed">
              Signing in asks for a code of your app
              {factor.data.since === null ? null : (
                <>
                  {' '}
                  since <Time at={Date.parse(factor.data.since)} />
                </>
              )}
              .{' '}
              <span className={left < FEW ? 'text-warn' : 'text-muted'}>
                {left === 0
                  ? 'No recovery code is left: make new ones.'
                  : `${exact(left)} recovery ${left === 1 ? 'code is' : 'codes are'} left.`}
              </span>
            </p>
            {renew.isError ? <ProblemNote error={renew.error} /> : null}
            <div className="flex flex-wrap gap-2">
              <Button
                disabled={renew.isPending}
                onClick={() =>
                  void stepUp
                    .run(() => renew.mutateAsync({ method: 'POST', path: `${ROUTE}/recovery-codes`, body: {} }))
                    .catch(() => undefined)
                }
              >
                New recovery codes
              </Button>
              <Button variant="danger" onClick={() => setAsking(true)}>
                Turn off
              </Button>
            </div>
          </div>
        ) : (
          <div className="grid gap-3 text-[13px]">
            <p className="max-w-2xl text-muted leading-relaxed">
              A code of an app on your phone, beside the password. A stolen password then lets nobody in, and the code confirms blocks and
              approvals too.
            </p>
            {begin.isError ? <ProblemNote error={begin.error} /> : null}
            <div>
              <Button
                variant="primary"
                disabled={begin.isPending}
                onClick={() =>
                  void stepUp.run(() => begin.mutateAsync({ method: 'POST', path: ROUTE, body: {} })).then(setBegun, () => undefined)
                }
              >
                Set up
              </Button>
            </div>
          </div>
        )}
      </PanelBody>
      <SetUp begun={begun} onClose={() => setBegun(null)} />
      <Dialog open={renew.data !== undefined} onOpenChange={() => renew.reset()}>
        {renew.data === undefined ? null : <Codes codes={renew.data.recoveryCodes} />}
      </Dialog>
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title="Turn the second factor off?"
        action="Turn off"
        onConfirm={() =>
          stepUp
            .run(() => remove.mutateAsync({ method: 'DELETE', path: ROUTE }))
            .then(() => toast.success('The second factor is off'), ignoreCancelled)
        }
      >
        <p>Your password alone lets you in then. The recovery codes end, and the entry in your app can be deleted.</p>
      </Confirm>
      {stepUp.dialog}
    </Panel>
  )
}

/** Scan, type the code, keep the recovery codes. */
function SetUp({ begun, onClose }: { begun: Begun | null; onClose: () => void }) {
  const id = useId()
  const confirm = useChange<{ recoveryCodes: string[] }>()
  const [code, setCode] = useState('')
  const close = () => {
    onClose()
    confirm.reset()
    setCode('')
  }
  return (
    <Dialog open={begun !== null} onOpenChange={(next) => !next && close()}>
      {begun === null ? null : confirm.data !== undefined ? (
        <Codes codes={confirm.data.recoveryCodes} />
      ) : (
        <DialogContent
          title="Set up a second factor"
          className="sm:w-[480px]"
          footer={
            <>
              <DialogClose asChild>
                <Button size="lg">Cancel</Button>
              </DialogClose>
              <Button type="submit" form={`${id}-form`} variant="primary" size="lg" disabled={confirm.isPending || code.trim() === ''}>
                {confirm.isPending ? 'Checking…' : 'Turn on'}
              </Button>
            </>
          }
        >
          <form
            id={`${id}-form`}
            className="grid gap-4 text-[13px]"
            onSubmit={(event) => {
              event.preventDefault()
              confirm.mutate({ method: 'POST', path: `${ROUTE}/confirm`, body: { code } })
            }}
          >
            <p className="text-muted leading-relaxed">Scan this with an authenticator app. Without a camera, type the secret into it.</p>
            <QrCode text={begun.uri} />
            <div className="flex items-start gap-2 rounded-md border border-border bg-bg p-3">
              <code data-testid="secret" className="min-w-0 flex-1 break-words font-mono text-[12.5px] leading-5">
                {begun.secret.match(/.{1,4}/g)?.join(' ')}
              </code>
              <CopyButton text={begun.secret} label="Copy the secret" />
            </div>
            <CodeField
              id={`${id}-code`}
              label="The code that the app shows now"
              value={code}
              onChange={setCode}
              autoFocus
              invalid={confirm.isError}
              describedBy={confirm.isError ? `${id}-problem` : undefined}
            />
            {confirm.isError ? <ProblemNote id={`${id}-problem`} error={confirm.error} /> : null}
            <p className="text-[12.5px] text-muted">Your other sessions end when it is on.</p>
          </form>
        </DialogContent>
      )}
    </Dialog>
  )
}

/** Dark on light in both themes: not every app reads it the other way round. */
function QrCode({ text }: { text: string }) {
  const { path, size } = useMemo(() => {
    const rows = encodeQR(text, 'raw', { border: 2 })
    const path = rows.map((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : '')).join('')).join('')
    return { path, size: rows.length }
  }, [text])
  return (
    <svg
      role="img"
      aria-label="QR code with the secret for your app"
      viewBox={`0 0 ${size} ${size}`}
      shapeRendering="crispEdges"
      className="mx-auto size-52 rounded-md border border-border bg-white"
    >
      <path d={path} fill="#000" />
    </svg>
  )
}

function Codes({ codes }: { codes: readonly string[] }) {
  const text = codes.join('\n')
  return (
    <DialogContent
      title="Keep the recovery codes"
      className="sm:w-[480px]"
      footer={
        <DialogClose asChild>
          <Button variant="primary" size="lg">
            I have kept them
          </Button>
        </DialogClose>
      }
    >
      <div className="grid gap-3 text-[13px]">
        <p className="text-muted leading-relaxed">
          Each lets you in once when the app is lost. They are shown only now; Weir keeps their hashes. Print them, or keep them where you
          keep passwords, not on the phone.
        </p>
        <ul
          data-testid="recovery-codes"
          aria-label="Recovery codes"
          className="grid grid-cols-1 gap-x-6 gap-y-1.5 rounded-md border border-accent/40 bg-accent-soft p-3 font-mono text-[13px] min-[400px]:grid-cols-2"
        >
          {codes.map((code) => (
            <li key={code}>{code}</li>
          ))}
        </ul>
        <div className="flex flex-wrap gap-2">
          <CopyButton text={text} label="Copy all" variant="secondary">
            Copy all
          </CopyButton>
          <Button size="sm" onClick={() => download('weir-recovery-codes.txt', 'text/plain', `Recovery codes for Weir\n\n${text}\n`)}>
            Save as a file
          </Button>
        </div>
      </div>
    </DialogContent>
  )
}
