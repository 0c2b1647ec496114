/** Datagrams being put together at once; the oldest goes first. */
const PENDING = 256
/** Fragments of one datagram. */
const FRAGMENTS = 64
/** Octets of one datagram (RFC 791: 65,535). */
const OCTETS = 65_535

interface Pending {
  parts: { at: number; octets: Uint8Array }[]
  /** Octets of the whole, once the last fragment has said so. */
  total: number
}

/** Puts IP fragments together (RFC 791, section 3.2; RFC 8200, section 4.5). Overlapping parts are taken as the first said. */
export class Reassembly {
  readonly #pending = new Map<string, Pending>()

  /** Add a fragment; returns the whole payload when it is complete, else null. */
  add(key: string, at: number, more: boolean, octets: Uint8Array): Uint8Array | null {
    if (at + octets.length > OCTETS) return null
    let pending = this.#pending.get(key)
    if (pending === undefined) {
      if (this.#pending.size >= PENDING) {
        const oldest = this.#pending.keys().next().value
        if (oldest !== undefined) this.#pending.delete(oldest)
      }
      pending = { parts: [], total: -1 }
      this.#pending.set(key, pending)
    }
    if (pending.parts.length >= FRAGMENTS) {
      this.#pending.delete(key)
      return null
    }
    pending.parts.push({ at, octets: octets.slice() })
    if (!more) pending.total = at + octets.length
    const whole = assemble(pending)
    if (whole !== null) this.#pending.delete(key)
    return whole
  }
}

function assemble(pending: Pending): Uint8Array | null {
  if (pending.total < 0) return null
  const parts = [...pending.parts].sort((a, b) => a.at - b.at)
  const whole = new Uint8Array(pending.total)
  let filled = 0
  for (const part of parts) {
    if (part.at > filled) return null
    const from = filled - part.at
    if (from < part.octets.length) {
      whole.set(part.octets.subarray(from, Math.min(part.octets.length, pending.total - part.at)), filled)
      filled = Math.min(pending.total, part.at + part.octets.length)
    }
  }
  return filled >= pending.total ? whole : null
}
