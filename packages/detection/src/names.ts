/**
 * Texts that many rows share, by number: an address is kept once, however many conversations it has, for as long as it has any.
 * Plain data, so that a state snapshot needs no code.
 */
export interface Names {
  numbers: Map<string, number>
  /** The text of each number; '' where it is free. */
  texts: string[]
  uses: number[]
  free: number[]
}

export function names(): Names {
  return { numbers: new Map(), texts: [], uses: [], free: [] }
}

/** The number of `text`, -1 when nobody holds it. */
export const numberOf = (all: Names, text: string): number => all.numbers.get(text) ?? -1

export const nameOf = (all: Names, number: number): string => all.texts[number] ?? ''

/** The number of `text`, which is now held once more. */
export function hold(all: Names, text: string): number {
  let number = all.numbers.get(text)
  if (number === undefined) {
    number = all.free.pop() ?? all.texts.length
    all.numbers.set(text, number)
    all.texts[number] = text
    all.uses[number] = 0
  }
  all.uses[number] = (all.uses[number] ?? 0) + 1
  return number
}

/** Held once less; by nobody any more, it is forgotten and its number given to another. */
export function letGo(all: Names, number: number): void {
  const left = (all.uses[number] ?? 0) - 1
  all.uses[number] = left
  if (left > 0) return
  all.numbers.delete(all.texts[number] ?? '')
  all.texts[number] = ''
  all.free.push(number)
}
