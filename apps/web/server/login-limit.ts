import { addressBlock } from './client-address.ts'

/**
 * How many wrong passwords are allowed before answers stop for a while. Two counters, both over a sliding 15 minutes and in memory:
 *
 * - per network block (/32, /64): after 10 failures that block waits. A thousand addresses of one /64 are one block.
 * - per account: after 30 failures the account waits, but only for blocks from which it never signed in. Whoever tries to lock an admin
 *   out therefore does not reach the places the admin comes from, and `bin/weir admin link` works always.
 */
const WINDOW_MS = 15 * 60_000
const PER_BLOCK = 10
const PER_ACCOUNT = 30
const ENTRIES_MAX = 20_000

export class LoginLimit {
  readonly #failures = new Map<string, number[]>()

  #recent(key: string, now: number): number[] {
    const times = (this.#failures.get(key) ?? []).filter((at) => at > now - WINDOW_MS)
    if (times.length === 0) this.#failures.delete(key)
    else this.#failures.set(key, times)
    return times
  }

  /** Seconds to wait before this try may be made; 0: now. `known` are addresses the account signed in from before, asked only when needed. */
  async wait(email: string, address: string, now: number, known: () => Promise<readonly string[]>): Promise<number> {
    const block = addressBlock(address)
    const left = (times: number[], limit: number) => Math.ceil(((times[times.length - limit] ?? now) + WINDOW_MS - now) / 1000)
    const byBlock = this.#recent(`block ${block}`, now)
    if (byBlock.length >= PER_BLOCK) return left(byBlock, PER_BLOCK)
    const byAccount = this.#recent(`account ${email.toLowerCase()}`, now)
    if (byAccount.length < PER_ACCOUNT) return 0
    const friends = new Set((await known()).map(addressBlock))
    return friends.has(block) ? 0 : left(byAccount, PER_ACCOUNT)
  }

  /** Count a try before its password is checked, so that many at once cannot slip through; `succeeded` takes it back. */
  tried(email: string, address: string, now: number): void {
    for (const key of [`block ${addressBlock(address)}`, `account ${email.toLowerCase()}`]) {
      const times = this.#recent(key, now)
      times.push(now)
      this.#failures.delete(key)
      this.#failures.set(key, times.slice(-PER_ACCOUNT))
    }
    // Oldest first: a map keeps the order in which keys were last written.
    for (const key of this.#failures.keys()) {
      if (this.#failures.size <= ENTRIES_MAX) break
      this.#failures.delete(key)
    }
  }

  succeeded(email: string, address: string, at: number): void {
    for (const key of [`block ${addressBlock(address)}`, `account ${email.toLowerCase()}`]) {
      const times = this.#failures.get(key)
      const index = times?.lastIndexOf(at) ?? -1
      if (times !== undefined && index >= 0) times.splice(index, 1)
    }
  }
}
