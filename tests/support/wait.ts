/** What waiting longer cannot cure: ends `until` at once. */
export class Hopeless extends Error {}

/** Ask `look` every `every` ms until it gives something other than null, undefined or false. Rejects after `limit` ms, naming what was missed. */
export async function until<T>(
  what: string,
  look: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  limit = 30_000,
  every = 100,
): Promise<T> {
  const deadline = Date.now() + limit
  let last: unknown
  for (;;) {
    try {
      const got = await look()
      if (got !== null && got !== undefined && got !== false) return got
    } catch (error) {
      if (error instanceof Hopeless) throw error
      last = error
    }
    if (Date.now() > deadline) {
      const why = last === undefined ? '' : `; last: ${last instanceof Error ? last.message : String(last)}`
      throw new Error(`waited ${limit / 1000} s in vain for ${what}${why}`)
    }
    await new Promise((resolve) => setTimeout(resolve, every))
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
