/** One point of a chart, as its library asks for it. */
interface Place {
  cx?: number
  cy?: number
  index?: number
}

/** A known value between unknown ones has no line to be on: such a moment is drawn as a point. `values` in the order of the chart. */
export function lonelyDot(values: readonly (number | null)[]): (place: Place) => React.ReactElement<SVGElement> {
  const known = (index: number): boolean => (values[index] ?? null) !== null
  return ({ cx, cy, index = -1 }) =>
    cx !== undefined && cy !== undefined && known(index) && !known(index - 1) && !known(index + 1) ? (
      <circle key={index} cx={cx} cy={cy} r={3} fill="var(--chart-1)" />
    ) : (
      <g key={index} />
    )
}
