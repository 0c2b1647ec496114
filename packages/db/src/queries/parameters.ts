/** The types a parameter is sent as. */
type SqlType =
  | 'bigint'
  | 'int'
  | 'smallint'
  | 'text'
  | 'inet'
  | 'macaddr'
  | 'timestamptz'
  | 'interval'
  | 'bigint[]'
  | 'int[]'
  | 'text[]'
  | 'inet[]'
  | 'macaddr[]'

type ParameterValue = string | number | null | readonly string[] | readonly number[]

/**
 * The values of one statement. SQL text refers to them as `$n::type` and never holds a value itself; equal values share a place,
 * so that a filter repeated in each branch of a union is sent once.
 */
export class Parameters {
  readonly #values: ParameterValue[] = []
  readonly #places = new Map<string, number>()

  /** The text that stands for `value` in SQL. */
  add(value: ParameterValue, type: SqlType): string {
    const identity = `${type}:${JSON.stringify(value)}`
    let place = this.#places.get(identity)
    if (place === undefined) {
      place = this.#values.push(value)
      this.#places.set(identity, place)
    }
    return `$${place}::${type}`
  }

  /** A moment, given in epoch milliseconds. */
  addTime(ms: number): string {
    return this.add(new Date(ms).toISOString(), 'timestamptz')
  }

  /** In the order of their places, as node-postgres takes them. */
  get values(): unknown[] {
    return [...this.#values]
  }
}
