/**
 * A line without axes, for the shape of a value over time. Nulls are gaps. `label` is read instead of the drawing.
 * Plain SVG paths: recharts would cost more than the rest of the row.
 */
export function Sparkline({
  values,
  label,
  width = 120,
  height = 28,
  className,
}: {
  values: readonly (number | null)[]
  label: string
  width?: number
  height?: number
  className?: string
}) {
  const path = sparkPath(values, width, height)
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      className={className}
      width={width}
      height={height}
    >
      {path.area === '' ? null : <path d={path.area} fill="currentColor" opacity={0.12} />}
      <path d={path.line} fill="none" stroke="currentColor" strokeWidth={1.5} strokeLinejoin="round" vectorEffect="non-scaling-stroke" />
    </svg>
  )
}

/** Line and filled area of a sparkline, from zero to the largest value; one sub-path per run without gaps. */
export function sparkPath(values: readonly (number | null)[], width: number, height: number): { line: string; area: string } {
  const peak = Math.max(0, ...values.map((value) => value ?? 0))
  const step = values.length > 1 ? width / (values.length - 1) : width
  const y = (value: number): number => Math.round((peak === 0 ? height - 1 : height - 1 - (value / peak) * (height - 2)) * 100) / 100
  let line = ''
  let area = ''
  let start: number | null = null
  values.forEach((value, index) => {
    const x = Math.round(index * step * 100) / 100
    if (value === null) {
      start = null
      return
    }
    line += `${start === null ? 'M' : 'L'}${x} ${y(value)}`
    if (start === null) start = index
    const next = values[index + 1]
    if (next === undefined || next === null) {
      const run = values.slice(start, index + 1)
      const points = run.map((one, offset) => `${Math.round(((start ?? 0) + offset) * step * 100) / 100} ${y(one ?? 0)}`)
      area += `M${Math.round(start * step * 100) / 100} ${height}L${points.join('L')}L${x} ${height}Z`
    }
  })
  return { line, area }
}
