import { INTERNAL, UNKNOWN } from './geo-model.ts'

const regions = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' })

/** Name of a country code for people. */
export function placeName(code: string, given?: string): string {
  if (code === INTERNAL) return 'Internal'
  if (code === UNKNOWN) return 'Unknown'
  if (given !== undefined && given !== '' && given !== code) return given
  try {
    return regions.of(code) ?? code
  } catch {
    // Not shaped like a region code; Intl throws instead of falling back.
    return code
  }
}
