/** One line of a comparison: a field by its path, what it was and what it is. Undefined: it was not, or is no longer, there. */
export interface Difference {
  path: string
  was: string | undefined
  now: string | undefined
  kind: 'added' | 'removed' | 'changed' | 'same'
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Between the path of a list and its item; no path has one. */
const PART = '\u0000'

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

function leaves(value: unknown, path: string, into: Map<string, string>): void {
  if (isObject(value) && Object.keys(value).length > 0) {
    for (const [key, member] of Object.entries(value)) leaves(member, path === '' ? key : `${path}.${key}`, into)
  } else if (Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string')) {
    // A list of names is a set to the reader: what came and what went.
    for (const item of value) into.set(`${path}${PART}${item}`, item)
  } else if (Array.isArray(value) && value.some(isObject)) {
    value.forEach((item: unknown, index) => {
      leaves(item, `${path}[${index + 1}]`, into)
    })
  } else into.set(path, shown(value))
}

/** Compare two values field by field, in the order in which the fields stand. What is null as a whole has no fields. */
export function differences(before: unknown, after: unknown): Difference[] {
  const was = new Map<string, string>()
  const now = new Map<string, string>()
  if (before !== null) leaves(before, '', was)
  if (after !== null) leaves(after, '', now)
  return [...new Set([...was.keys(), ...now.keys()])].map((path) => {
    const [a, b] = [was.get(path), now.get(path)]
    return {
      path: path.split(PART)[0] ?? path,
      was: a,
      now: b,
      kind: a === undefined ? 'added' : b === undefined ? 'removed' : a === b ? 'same' : 'changed',
    }
  })
}
