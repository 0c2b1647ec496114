/** Colour of the n-th series as a CSS variable; the rest is always grey. */
export const seriesColour = (index: number, other: boolean): string => (other ? 'var(--chart-other)' : `var(--chart-${(index % 8) + 1})`)
