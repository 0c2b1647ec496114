// Text that came off the wire must not steer a terminal or forge a line: C0 and C1 controls, line and paragraph separators and the
// bidirectional overrides are what can.
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is its purpose.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Longest text kept of anything a packet carries, in UTF-16 units. */
export const TEXT_LIMIT = 256

/** The text with every control character written as \uXXXX. */
export function escapeControls(text: string): string {
  return text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** A name as told by an exporter, fit to store: no controls, no surrounding space, at most 256 units and no split surrogate. */
export function cleanName(text: string): string {
  const clean = text.replace(UNSAFE, '').trim()
  return clean.length <= TEXT_LIMIT ? clean : clean.slice(0, TEXT_LIMIT).replace(/[\ud800-\udbff]$/, '')
}
