import type { View } from '../../data/view.ts'
import { printInstant } from '../../data/view-state.ts'

/**
 * The question for the window before. A moving window would move it at every refresh, although what lies a whole window back hardly
 * changes the comparison: its ends are rounded to a thirtieth of the window (at least a minute), so that most refreshes find the
 * answer in the cache.
 */
export function previousOf(view: View): Record<string, string> {
  const span = view.range.to.getTime() - view.range.from.getTime()
  const step = Math.max(60_000, span / 30)
  const end = Math.floor(view.range.from.getTime() / step) * step
  return { ...view.previousParams(), from: printInstant(end - span), to: printInstant(end) }
}
