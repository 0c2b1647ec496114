'use client'
import type { Simulation } from '@weir/db/contracts'
import { OctagonX, ShieldBan, ShieldCheck, UserRoundCheck } from 'lucide-react'
import { useId, useState } from 'react'
import { ProblemNote } from '../shell/problem-note.tsx'
import { Box } from '../ui/box.tsx'
import { Button } from '../ui/button.tsx'
import { fieldStyle, Label } from '../ui/input.tsx'
import { withDeviceNames, withoutStepUp } from './model.ts'
import { Reasons } from './verdict.tsx'

const VERDICTS = {
  allowed: { icon: ShieldCheck, tone: 'text-ok', word: 'You may do this alone' },
  needs_second_person: { icon: UserRoundCheck, tone: 'text-warn', word: 'Needs a second person' },
  refused: { icon: OctagonX, tone: 'text-critical', word: 'Refused by the guard rails' },
} as const

/** The last step: the whole decision in one sentence, what the guard rails say, why, and the request itself. */
export function RequestPanel({
  simulation,
  stale,
  simulating,
  ruleReady,
  reason,
  onReason,
  busy,
  error,
  queue,
  onRequest,
  onEmergency,
  onSkip,
}: {
  /** Of the rule as it stands; null when it was not simulated, or changed since. */
  simulation: Simulation | null
  stale: boolean
  simulating: boolean
  ruleReady: boolean
  reason: string
  onReason: (text: string) => void
  busy: boolean
  error: unknown
  queue: { rest: readonly unknown[]; total: number }
  onRequest: () => void
  onEmergency: (emergencyReason: string) => void
  /** Leave this rule out and go on with the next one of the alternative. */
  onSkip: () => void
}) {
  const id = useId()
  const [emergency, setEmergency] = useState('')
  const verdict = simulation === null ? null : withoutStepUp(simulation.verdict)
  const look = verdict === null ? null : VERDICTS[verdict.decision]
  const unsupported = simulation?.previews.filter((preview) => !preview.supported) ?? []
  const mayAsk = verdict !== null && verdict.decision !== 'refused' && unsupported.length === 0
  const why = reason.trim() !== ''
  return (
    <aside aria-label="The request" className="flex flex-col gap-4 lg:sticky lg:top-17 lg:max-h-[calc(100dvh-84px)] lg:overflow-y-auto">
      <Box title="The request" hint={queue.total > 1 ? `${queue.total - queue.rest.length} of ${queue.total}` : undefined}>
        <form
          className="flex flex-col gap-3"
          onSubmit={(event) => {
            event.preventDefault()
            if (mayAsk && why && !busy) onRequest()
          }}
        >
          <div aria-live="polite" className="flex flex-col gap-3">
            {simulation === null || look === null || verdict === null ? (
              <p className="text-[13px] text-muted">
                {simulating
                  ? 'Being simulated…'
                  : stale
                    ? 'The rule has changed. Simulate it again: a request is for exactly what was simulated.'
                    : 'Fill in the rule and simulate it. A request is for exactly what was simulated.'}
              </p>
            ) : (
              <>
                <p className="font-medium text-[14px] leading-6 [overflow-wrap:anywhere]">
                  {withDeviceNames(simulation.sentence, simulation.previews)}
                </p>
                <p className="flex items-center gap-2 font-medium text-[13px]">
                  <look.icon aria-hidden className={`size-4 shrink-0 ${look.tone}`} /> {look.word}
                </p>
                {verdict.reasons.length === 0 ? null : <Reasons verdict={verdict} />}
                {unsupported.length === 0 ? null : (
                  <p className="text-[13px] text-critical">
                    {unsupported.map((preview) => preview.name).join(', ')} cannot carry this rule: see the text for each device.
                  </p>
                )}
              </>
            )}
          </div>
          <div className="grid gap-1">
            <Label htmlFor={`${id}-reason`}>Why? For the approver and the audit</Label>
            <textarea
              id={`${id}-reason`}
              value={reason}
              maxLength={500}
              rows={3}
              placeholder="Flood of DNS answers against the web shop."
              onChange={(event) => onReason(event.target.value.replace(/\n/g, ' '))}
              className={`${fieldStyle} h-auto resize-y py-2 leading-5`}
            />
          </div>
          {error === null || error === undefined ? null : <ProblemNote error={error} />}
          <Button type="submit" variant="primary" size="lg" disabled={!mayAsk || !why || busy}>
            <ShieldBan /> {busy ? 'Working…' : verdict?.decision === 'needs_second_person' ? 'Request approval' : 'Request the block'}
          </Button>
          {queue.rest.length === 0 ? null : (
            <Button variant="ghost" disabled={busy || simulating} onClick={onSkip}>
              Skip this rule
            </Button>
          )}
          <p className="text-[12.5px] text-muted">
            {!why && mayAsk
              ? 'Say why first.'
              : verdict?.decision === 'needs_second_person'
                ? 'On-call engineers and admins can approve it, not you.'
                : 'Your password is asked for when it was not in the last five minutes.'}
          </p>
        </form>
        {simulation === null && ruleReady ? (
          <details className="mt-3 border-border border-t pt-3 text-[13px]">
            <summary className="w-fit cursor-pointer rounded-sm text-muted">It cannot wait for a simulation</summary>
            <form
              className="mt-2 flex flex-col gap-2"
              onSubmit={(event) => {
                event.preventDefault()
                if (emergency.trim() !== '' && why && !busy) onEmergency(emergency.trim())
              }}
            >
              <p className="text-muted leading-relaxed">
                What else the rule hits is then not known, so it always needs a second person, and the audit says that it was not simulated.
              </p>
              <Label htmlFor={`${id}-emergency`}>Why it cannot wait</Label>
              <textarea
                id={`${id}-emergency`}
                value={emergency}
                maxLength={500}
                rows={2}
                onChange={(event) => setEmergency(event.target.value.replace(/\n/g, ' '))}
                className={`${fieldStyle} h-auto resize-y py-2 leading-5`}
              />
              <Button type="submit" variant="danger" disabled={emergency.trim() === '' || !why || busy}>
                Request without a simulation
              </Button>
            </form>
          </details>
        ) : null}
      </Box>
    </aside>
  )
}
