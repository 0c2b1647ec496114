import { sparkPath } from './spark-path.ts'

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
