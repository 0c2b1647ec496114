/** Edit distance of two short words (insert, delete, replace and swap of neighbours each cost 1). */
export function distance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min((row[j - 1] ?? 0) + 1, (last[j] ?? 0) + 1, (last[j - 1] ?? 0) + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, (before[j - 2] ?? 0) + 1)
      row.push(least)
    }
    before = last
    last = row
  }
  return last[b.length] ?? 0
}

/** The word most like `word`, or null when none is near enough to be a likely slip (a third of its letters). */
export function closest(word: string, words: readonly string[]): string | null {
  let best: string | null = null
  let least = Math.max(1, Math.ceil(word.length / 3)) + 1
  for (const candidate of words) {
    const d = candidate.startsWith(word) && word.length > 1 ? 1 : distance(word, candidate)
    if (d < least) {
      least = d
      best = candidate
    }
  }
  return best
}
