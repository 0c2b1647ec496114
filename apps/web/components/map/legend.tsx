'use client'
import { rateUnit, si, type ViewMetric } from '../format.ts'
import { css, type Palette } from './palette.ts'
import type { Rgb, Scale } from './scale.ts'

/** Which shade means which rate, each step named by its lower bound; the unit once. */
export function ShadeLegend({
  scale,
  colours,
  metric,
  palette,
}: {
  scale: Scale
  colours: readonly Rgb[]
  metric: ViewMetric
  palette: Palette
}) {
  if (scale.classes === 0) return null
  const steps = colours.map((colour, index) => {
    const low = scale.thresholds[index - 1]
    const text = (value: number) => si(value).join(' ').trim()
    return {
      colour,
      label: low !== undefined ? text(low) : scale.thresholds[0] === undefined ? text(scale.max) : `< ${text(scale.thresholds[0])}`,
    }
  })
  return (
    <div className="flex items-end gap-2 text-[11px] text-muted leading-none">
      <div className="flex flex-col gap-1">
        <span className="h-2.5 w-7 rounded-sm border border-border" style={{ background: css(palette.land) }} />
        <span>none</span>
      </div>
      <ol className="flex" aria-label={`Shades, mean rate in ${rateUnit(metric)}`}>
        {steps.map(({ colour, label }) => (
          <li key={label} className="flex flex-col gap-1">
            <span className="h-2.5 w-10 first:rounded-l-sm" style={{ background: css(colour) }} />
            <span className="whitespace-nowrap">{label}</span>
          </li>
        ))}
      </ol>
      <span className="whitespace-nowrap font-medium">{rateUnit(metric)}</span>
    </div>
  )
}

/** The colours of the arcs that are on the map. */
export function ArcLegend({ palette, shown }: { palette: Palette; shown: { in: boolean; out: boolean; transit: boolean } }) {
  const entries = [
    { key: 'in', label: 'in', colour: palette.in, on: shown.in },
    { key: 'out', label: 'out', colour: palette.out, on: shown.out },
    { key: 'transit', label: 'between countries', colour: palette.transit, on: shown.transit },
  ].filter((entry) => entry.on)
  if (entries.length === 0) return null
  return (
    <ul aria-label="Arcs, seen from your network" className="flex flex-wrap gap-x-3 gap-y-1 text-[11px] text-muted leading-none">
      {entries.map((entry) => (
        <li key={entry.key} className="flex items-center gap-1.5">
          <span
            aria-hidden
            className="h-0.5 w-5 rounded"
            style={{ background: `linear-gradient(90deg, transparent, ${css(entry.colour)})` }}
          />
          {entry.label}
        </li>
      ))}
    </ul>
  )
}
