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
