'use client'
import type { AnomalyCard, DeviceShape, Simulation, SimulationAlternative } from '@weir/db/contracts'
import { ArrowLeft, ServerCog } from 'lucide-react'
import Link from 'next/link'
import { useRouter, useSearchParams } from 'next/navigation'
import { useEffect, useRef, useState } from 'react'
import { toast } from 'sonner'
import { useAnomaly } from '../../data/use-anomalies.ts'
import { requestBlock, useBlockChange, useSimulate } from '../../data/use-blocks.ts'
import { useDevices } from '../../data/use-blocks-settings.ts'
import { useMay } from '../../data/use-profile.ts'
import { isPreset, PRESET_MS, parseInstant } from '../../data/view-state.ts'
import { Box } from '../ui/box.tsx'
import { Button } from '../ui/button.tsx'
import { Panel } from '../ui/panel.tsx'
import { SkeletonRows } from '../ui/skeleton.tsx'
import { EmptyState, ErrorState } from '../ui/state.tsx'
import { DeviceText } from './device-text.tsx'
import { type Draft, draftKey, windowOfDraft } from './draft.ts'
import { EvidenceOf } from './evidence-of.tsx'
import { Alternatives, Impact } from './impact.tsx'
import { DIALECT_NAMES } from './model.ts'
import { RequestPanel } from './request-panel.tsx'
import { EMPTY_RULE, formOf, type RuleForm, readRule, ruleFromFilter } from './rule.ts'
import { RuleEditor } from './rule-editor.tsx'
import { StepUpCancelled, useWithStepUp } from './step-up.tsx'

/** The block flow: evidence, rule, what it would have hit, narrower ways, the exact text, and the request. Nothing is sent before the last. */
export function NewBlock() {
  const search = useSearchParams()
  const anomalyId = search.get('anomaly')
  const filter = search.get('filter') ?? ''
  const anomaly = useAnomaly(anomalyId)
  const devices = useDevices()
  const mayWrite = useMay('inventory:write')
  const waiting = devices.data === undefined || (anomalyId !== null && anomaly.data === undefined)
  const failed = devices.data === undefined ? devices.error : anomalyId !== null && anomaly.data === undefined ? anomaly.error : null
  return (
    <div className="mx-auto flex w-full max-w-[1240px] flex-col gap-3">
      <Button asChild variant="ghost" className="self-start px-1.5">
        <Link href={anomalyId === null ? '/blocks' : `/anomalies/${encodeURIComponent(anomalyId)}`}>
          <ArrowLeft /> {anomalyId === null ? 'All blocks' : 'The anomaly'}
        </Link>
      </Button>
      <header>
        <h1 className="font-semibold text-[20px] leading-7 tracking-tight">New block</h1>
        <p className="text-[13px] text-muted">Nothing reaches a device before you request it, and then only if the guard rails agree.</p>
      </header>
      {failed !== null ? (
        <Panel>
          <ErrorState
            error={failed}
            className="py-10"
            onRetry={() => void (devices.error !== null ? devices.refetch() : anomaly.refetch())}
          />
        </Panel>
      ) : waiting || devices.data === undefined ? (
        <Panel>
          <SkeletonRows rows={10} className="p-4" />
        </Panel>
      ) : devices.data.devices.length === 0 ? (
        <Panel>
          <EmptyState
            icon={ServerCog}
            className="py-14"
            title="No device can carry a block yet"
            actions={
              <Button asChild variant={mayWrite ? 'primary' : 'secondary'}>
                <Link href="/settings/devices">{mayWrite ? 'Add a device' : 'Devices'}</Link>
              </Button>
            }
          >
            {mayWrite
              ? 'Say which router, firewall or route server stops traffic for you.'
              : 'An admin says which router, firewall or route server stops traffic for you.'}
          </EmptyState>
        </Panel>
      ) : (
        <Flow
          anomaly={anomalyId === null ? null : (anomaly.data ?? null)}
          filter={filter}
          view={viewWindow(search)}
          devices={devices.data.devices}
        />
      )}
    </div>
  )
}

/** The window of the screen that led here, or null. */
function viewWindow(search: URLSearchParams): { from: number; to: number } | null {
  const from = parseInstant(search.get('from'))
  const to = parseInstant(search.get('to'))
  if (from !== null && to !== null && to > from) return { from, to }
  const range = search.get('range')
  return range !== null && isPreset(range) ? { from: Date.now() - PRESET_MS[range], to: Date.now() } : null
}

/** What to begin with: the anomaly's own filter, else its ends; or the filter of the screen that led here. */
function startOf(anomaly: AnomalyCard | null, filter: string): { form: RuleForm; left: string[] } {
  if (anomaly === null) return ruleFromFilter(filter)
  const said = ruleFromFilter(anomaly.explorer?.filter ?? '')
  if (said.form.src !== '' || said.form.dst !== '') return said
  return { form: { ...said.form, src: anomaly.actor ?? '', dst: anomaly.target ?? '' }, left: said.left }
}

function Flow({
  anomaly,
  filter,
  view,
  devices,
}: {
  anomaly: AnomalyCard | null
  filter: string
  view: { from: number; to: number } | null
  devices: readonly DeviceShape[]
}) {
  const router = useRouter()
  const simulating = useSimulate()
  const requesting = useBlockChange()
  const stepUp = useWithStepUp()
  const [start] = useState(() => startOf(anomaly, filter))
  const [frozenView] = useState(view)
  const [draft, setDraft] = useState<Draft>(() => {
    const answering = devices.filter((device) => device.reachable !== false)
    return {
      form: start.form,
      ttl: '3600',
      devices: (answering.length > 0 ? answering : devices).map((device) => device.id),
      window: anomaly !== null ? 'anomaly' : frozenView !== null ? 'view' : 'none',
      days: '7',
    }
  })
  const [result, setResult] = useState<{ simulation: Simulation; key: string } | null>(null)
  const [queue, setQueue] = useState<{ rest: RuleForm[]; total: number }>({ rest: [], total: 1 })
  const [reason, setReason] = useState(() => anomaly?.sentence.slice(0, 500) ?? '')
  const [tried, setTried] = useState(false)
  const turn = useRef(0)
  const impact = useRef<HTMLDivElement>(null)
  const rule = readRule(draft.form)
  const current = result !== null && result.key === draftKey(draft) ? result.simulation : null

  async function simulate(next: Draft): Promise<void> {
    const read = readRule(next.form)
    setTried(true)
    if (!read.ok || next.devices.length === 0) return
    turn.current += 1
    const mine = turn.current
    const window = windowOfDraft(next.window, frozenView, Date.now())
    try {
      const simulation = await simulating.mutateAsync({
        match: read.match,
        action: read.action,
        ttlSeconds: Number(next.ttl),
        devices: next.devices.toSorted(),
        anomalyId: anomaly?.id ?? null,
        ...(window === null ? {} : { window }),
        days: Number(next.days),
      })
      if (mine === turn.current) setResult({ simulation, key: draftKey(next) })
    } catch {
      // Said beside the button: the mutation keeps its error.
    }
  }

  /** A choice by one click is simulated at once; what is typed waits for the button. */
  const choose = (patch: Partial<Draft>): void => {
    const next = { ...draft, ...patch }
    setDraft(next)
    if (result !== null) void simulate(next)
  }

  const started = useRef(false)
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, with what the page opened with.
  useEffect(() => {
    if (started.current) return
    started.current = true
    if (start.form.src !== '' || start.form.dst !== '') void simulate(draft)
  }, [])

  const take = (alternative: SimulationAlternative): void => {
    const [first, ...rest] = alternative.matches.map((match) => formOf(match, alternative.action))
    if (first === undefined) return
    setQueue({ rest, total: alternative.matches.length })
    choose({ form: first })
    impact.current?.scrollIntoView({ block: 'start' })
  }

  /** Go on with the next rule of an alternative that has several; false when there is none. */
  const advance = (): boolean => {
    const [next, ...rest] = queue.rest
    if (next === undefined) return false
    const following = { ...draft, form: next }
    setQueue({ rest, total: queue.total })
    setDraft(following)
    void simulate(following)
    impact.current?.scrollIntoView({ block: 'start' })
    return true
  }

  const send = (emergencyReason: string | null): void => {
    if (!rule.ok) return
    const body =
      emergencyReason === null && current !== null
        ? { simulationId: current.id, reason: reason.trim() }
        : {
            emergencyReason,
            match: rule.match,
            action: rule.action,
            ttlSeconds: Number(draft.ttl),
            devices: draft.devices.toSorted(),
            anomalyId: anomaly?.id ?? null,
            reason: reason.trim(),
          }
    requesting.mutate(
      async () => {
        const made = await stepUp.run(() => requestBlock(body))
        const waits = made.state === 'pending_approval'
        toast(waits ? 'Requested, waits for a second person' : 'Requested', {
          description: waits ? 'On-call engineers and admins can approve it.' : 'The devices get it within seconds.',
        })
        if (!advance()) router.push(`/blocks/${encodeURIComponent(made.id)}`)
      },
      { onError: (error) => (error instanceof StepUpCancelled ? requesting.reset() : undefined) },
    )
  }

  return (
    <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_340px] lg:items-start">
      <div className="flex min-w-0 flex-col gap-4">
        <EvidenceOf anomaly={anomaly} filter={filter} left={start.left} />
        <RuleEditor
          draft={draft}
          devices={devices}
          problems={tried && !rule.ok ? rule.problems : {}}
          fromView={frozenView !== null}
          fromAnomaly={anomaly !== null}
          busy={simulating.isPending}
          error={simulating.error}
          stale={result !== null && current === null}
          simulated={current !== null}
          queue={queue}
          onType={(form) => setDraft({ ...draft, form })}
          onChoose={choose}
          onSimulate={() => void simulate(draft)}
          onClear={() => {
            setQueue({ rest: [], total: 1 })
            setDraft({ ...draft, form: EMPTY_RULE })
          }}
        />
        <div ref={impact} className="flex min-w-0 scroll-mt-16 flex-col gap-4">
          {result === null && simulating.isPending ? (
            <Box title="What it would have hit">
              <SkeletonRows rows={6} />
            </Box>
          ) : result === null ? null : (
            <div className={current === null ? 'flex flex-col gap-4 opacity-55' : 'flex flex-col gap-4'} aria-busy={simulating.isPending}>
              <Impact simulation={result.simulation} />
              <Alternatives simulation={result.simulation} disabled={simulating.isPending} onUse={take} />
              <Box title="Exact text for each device" hint="what is sent, and what takes it away again">
                <div className="flex flex-col gap-4">
                  <p className="text-[12.5px] text-muted">
                    The request puts its own id in place of this one, and hashes the text: that hash is what is approved and sent.
                  </p>
                  {result.simulation.previews.map((preview) =>
                    preview.apply === null || preview.undo === null ? (
                      <p key={preview.deviceId} className="border-warn/60 border-l-2 pl-3 text-[13px]">
                        <span className="font-medium">{preview.name}</span>{' '}
                        <span className="text-muted">{DIALECT_NAMES[preview.dialect] ?? preview.dialect}</span> cannot carry this rule.{' '}
                        {preview.problem} Choose another alternative, or leave this device out.
                      </p>
                    ) : (
                      <DeviceText
                        key={preview.deviceId}
                        device={preview.name}
                        dialect={DIALECT_NAMES[preview.dialect] ?? preview.dialect}
                        apply={preview.apply}
                        undo={preview.undo}
                        hash={null}
                      />
                    ),
                  )}
                </div>
              </Box>
            </div>
          )}
        </div>
      </div>
      <RequestPanel
        simulation={current}
        stale={result !== null && current === null}
        simulating={simulating.isPending}
        ruleReady={rule.ok && draft.devices.length > 0}
        reason={reason}
        onReason={setReason}
        busy={requesting.isPending}
        error={requesting.error instanceof StepUpCancelled ? null : requesting.error}
        queue={queue}
        onRequest={() => send(null)}
        onEmergency={send}
        onSkip={() => {
          requesting.reset()
          advance()
        }}
      />
      {stepUp.dialog}
    </div>
  )
}
