'use client'
import { bytes, count } from '../format.ts'
import { cn } from '../ui/cn.ts'

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const
const two = (hour: number): string => String(hour).padStart(2, '0')

/** Five steps of one colour: 0 is nothing at all, 4 near the busiest hour. The steps widen, so that one burst does not hide the rest. */
export function stepOf(value: number, peak: number): 0 | 1 | 2 | 3 | 4 {
  if (value <= 0 || peak <= 0) return 0
  const share = value / peak
  return share > 0.5 ? 4 : share > 0.2 ? 3 : share > 0.05 ? 2 : 1
}
const FILL = ['bg-border/50', 'bg-warn/25', 'bg-warn/45', 'bg-warn/70', 'bg-warn'] as const

/**
 * When in the week a rule would hit normal traffic: 168 sums of bytes, Monday 00:00 first, in the zone the caller says. The sentence above
 * the strip and the title of each hour say it without colour.
 */
export function WeekStrip({ hours, zone }: { hours: readonly number[]; zone: string }) {
  const peak = Math.max(0, ...hours)
  const busiest = hours.indexOf(peak)
  const hit = hours.filter((value) => value > 0).length
  const sentence =
    peak === 0
      ? 'In no hour of the week would it have hit normal traffic.'
      : `Normal traffic would have been hit in ${count(hit)} of 168 hours of the week, most on ${DAYS[Math.floor(busiest / 24)] ?? ''} ${two(busiest % 24)}:00 (${bytes(peak)}).`
  return (
    <figure className="min-w-0">
      <figcaption className="mb-2 text-[13px]">{sentence}</figcaption>
      <div>
        <div
          role="img"
          aria-label={`Hours of the week, ${zone}. ${sentence}`}
          className="grid grid-cols-[28px_repeat(24,minmax(0,1fr))] gap-px"
        >
          {DAYS.flatMap((day, index) => [
            <span key={day} className="text-[11px] text-muted leading-4">
              {day}
            </span>,
            ...Array.from({ length: 24 }, (_, hour) => {
              const value = hours[index * 24 + hour] ?? 0
              return (
                <span
                  key={`${day}-${two(hour)}`}
                  title={`${day} ${two(hour)}:00 – ${bytes(value)}`}
                  className={cn('h-4 rounded-[2px]', FILL[stepOf(value, peak)])}
                />
              )
            }),
          ])}
          <span />
          {Array.from({ length: 24 }, (_, hour) => (
            <span key={two(hour)} className="text-[11px] text-muted leading-4">
              {hour % 6 === 0 ? two(hour) : ''}
            </span>
          ))}
        </div>
      </div>
      <p className="mt-1.5 flex flex-wrap items-center gap-x-3 gap-y-1 text-[12px] text-muted">
        <span>{zone}</span>
        {peak === 0 ? null : (
          <span className="inline-flex items-center gap-1">
            none
            {FILL.map((fill) => (
              <span key={fill} aria-hidden className={cn('size-3 rounded-[2px]', fill)} />
            ))}
            {bytes(peak)} in one hour
          </span>
        )}
      </p>
    </figure>
  )
}
