/**
 * How far a browser has heard the anomaly events. Its last id goes with every new connection; the server then tells what came after it, each
 * event once and in order, or where the events stand now if that is too much.
 */
export class AnomalyPosition {
  #last: number | null = null

  /** What a connection says first. */
  hello(): { lastEvent?: number } {
    return this.#last === null ? {} : { lastEvent: this.#last }
  }

  /** True when the event is new here. */
  take(event: { id: number }): boolean {
    if (this.#last !== null && event.id <= this.#last) return false
    this.#last = event.id
    return true
  }

  /** The server's word on where the events stand, which also holds when its numbers have started again. */
  stand(last: number): void {
    this.#last = last
  }
}
