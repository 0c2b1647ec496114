import type { BlockState, DeviceState } from '@weir/db/contracts'
import { CircleCheck, CircleSlash, Clock, Droplets, Hourglass, Loader, OctagonX } from 'lucide-react'
import { Badge, StateDot } from '../ui/badge.tsx'
import { deviceWords, STATE_WORDS } from './model.ts'

const ICONS = {
  pending_approval: Hourglass,
  approved: Loader,
  applying: Loader,
  enforced: Clock,
  verified: CircleCheck,
  leaking: Droplets,
  withdrawing: Loader,
  expired: CircleSlash,
  withdrawn: CircleSlash,
  failed: OctagonX,
  refused: OctagonX,
} as const satisfies Record<BlockState, unknown>

/** State of a block as a shape and words; the colour only repeats them. */
export function BlockMark({ state }: { state: BlockState }) {
  const Icon = ICONS[state]
  const { word, tone, hint } = STATE_WORDS[state]
  return (
    <Badge tone={tone} title={hint}>
      <Icon aria-hidden /> {word}
    </Badge>
  )
}

/** One device and what it does with the rule. */
export function DeviceMark({
  name,
  state,
  block,
  error,
}: {
  name: string
  state: DeviceState
  /** State of the block it is part of. */
  block: BlockState
  error: string | null
}) {
  const { word, tone } = deviceWords(state, block)
  return (
    <span className="min-w-0 max-w-full text-[12.5px]" title={error ?? undefined}>
      <StateDot tone={tone} wrap>
        {name} <span className="text-muted">{word}</span>
      </StateDot>
    </span>
  )
}
