/** ISO 3166 alpha-2 to 1–676; 0 for anything that is no such code. */
export function countryValue(code: string): number {
  if (!/^[A-Z]{2}$/.test(code)) return 0
  return 1 + (code.charCodeAt(0) - 65) * 26 + (code.charCodeAt(1) - 65)
}

const CODES = Array.from({ length: 677 }, (_, value) =>
  value === 0 ? '' : String.fromCharCode(65 + Math.floor((value - 1) / 26), 65 + ((value - 1) % 26)),
)

/** The alpha-2 code of a country value, '' for 0. */
export function countryCode(value: number): string {
  return CODES[value] ?? ''
}
