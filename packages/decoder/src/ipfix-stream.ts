import { u16 } from './bytes.ts'

/**
 * Cuts the octets of an IPFIX connection (TCP, TLS; RFC 7011, section 10.4) into messages, wherever the network cut them.
 *
 * A version other than 10 or a length below 16 cannot be recovered from, because nothing marks the next message:
 * `broken` is set, and the connection must be closed. At most one message (65,535 octets) is held.
 */
export class IpfixStream {
  /** Why the stream cannot go on, or null. */
  broken: string | null = null
  #held = new Uint8Array(65535)
  #length = 0

  /** Octets waiting for the rest of their message. */
  get waiting(): number {
    return this.#length
  }

  /** Take the next octets; whole messages go to `message` in order. A message is only valid during the call. */
  push(octets: Uint8Array, message: (octets: Uint8Array) => void): void {
    let at = 0
    while (at < octets.length && this.broken === null) {
      if (this.#length === 0 && octets.length - at >= 4) {
        const length = this.#check(octets, at)
        if (length === 0) return
        if (octets.length - at >= length) {
          message(octets.subarray(at, at + length))
          at += length
          continue
        }
      }
      const wanted = this.#length < 4 ? 4 : u16(this.#held, 2)
      const taken = Math.min(wanted - this.#length, octets.length - at)
      this.#held.set(octets.subarray(at, at + taken), this.#length)
      this.#length += taken
      at += taken
      if (this.#length < 4) continue
      const length = this.#check(this.#held, 0)
      if (length === 0) return
      if (this.#length < length) continue
      this.#length = 0
      message(this.#held.subarray(0, length))
    }
  }

  #check(b: Uint8Array, at: number): number {
    const version = u16(b, at)
    const length = u16(b, at + 2)
    if (version === 10 && length >= 16) return length
    this.broken = version === 10 ? `message length ${length} is below 16` : `version word ${version}, not 10`
    return 0
  }
}
