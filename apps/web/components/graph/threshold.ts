/**
 * Steps for the smallest edge to draw: 0, then 1-2-5 numbers from below the smallest rate to below the largest, in the rate's unit.
 * The largest edge can never be hidden.
 */
export function thresholdSteps(rates: readonly number[]): number[] {
  const positive = rates.filter((rate) => rate > 0)
  if (positive.length === 0) return [0]
  const low = Math.min(...positive)
  const high = Math.max(...positive)
  const steps = [0]
  for (let exponent = Math.floor(Math.log10(low)); exponent <= Math.log10(high); exponent++) {
    for (const digit of [1, 2, 5]) {
      const step = digit * 10 ** exponent
      if (step > low && step <= high) steps.push(step)
    }
  }
  return steps
}

/** Index of the last step that is not above `value`. */
export function stepAt(steps: readonly number[], value: number): number {
  let found = 0
  for (const [index, step] of steps.entries()) if (step <= value) found = index
  return found
}
