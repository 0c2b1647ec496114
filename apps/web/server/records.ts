import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { RECORDS_MAX } from '@weir/db/commands'
import { Problem } from './problem.ts'

const BODY_MAX = 16 * 1_048_576
const unpack = promisify(gunzip)
const TYPES = ['application/json', 'application/x-ndjson', 'application/ndjson', 'application/jsonl']

const bad = (status: number, detail: string, remedy: string) => new Problem(status, 'bad-body', detail, remedy)
const tooLarge = () => bad(413, 'The body is larger than 16 MiB.', 'Send fewer records at a time: 100 to 1,000 serve well.')

async function octetsOf(request: Request): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength
    if (size > BODY_MAX) throw tooLarge()
    chunks.push(chunk)
  }
  const body = Buffer.concat(chunks)
  const encoding = request.headers.get('content-encoding')?.trim().toLowerCase() ?? 'identity'
  if (encoding === 'identity' || encoding === '') return body
  if (encoding !== 'gzip') throw bad(415, `The content encoding "${encoding.slice(0, 40)}" is not known here.`, 'Send gzip or no encoding.')
  try {
    return await unpack(body, { maxOutputLength: BODY_MAX })
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge()
    throw bad(400, 'The body is not gzip, although it says so.', 'Check what compresses it, or send it as it is.')
  }
}

/**
 * The records of a bulk request, each as its own JSON text: an array, one object, or NDJSON. Texts of NDJSON lines are passed on as they
 * came, so that 64-bit numbers keep their digits. Throws Problem 400, 413 or 415.
 */
export async function recordsOf(request: Request): Promise<string[]> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''
  if (!TYPES.includes(type)) {
    throw bad(
      415,
      'The body is declared neither as JSON nor as NDJSON.',
      'Send it with Content-Type: application/json or application/x-ndjson.',
    )
  }
  const text = (await octetsOf(request)).toString('utf8').trim()
  const records = text.startsWith('[') ? elementsOf(text) : text.split(/\r?\n/).filter((line) => line.trim() !== '')
  // One object over several lines is one record, not one a line.
  const whole = records.length > 1 && text.startsWith('{') && !records[0]?.trimEnd().endsWith('}') ? [text] : records
  if (whole.length > RECORDS_MAX) {
    throw bad(
      413,
      `The body holds ${whole.length.toLocaleString('en-US')} records.`,
      `Send at most ${RECORDS_MAX.toLocaleString('en-US')} at a time.`,
    )
  }
  return whole
}

/** The texts of an array's elements, cut without parsing numbers: `JSON.parse` would round what is beyond 2^53. */
function elementsOf(text: string): string[] {
  try {
    JSON.parse(text)
  } catch (error) {
    throw bad(
      400,
      `The body is not JSON: ${error instanceof Error ? error.message : 'unreadable'}.`,
      'Send one JSON array, or one object per line.',
    )
  }
  const elements: string[] = []
  let depth = 0
  let begin = 1
  let inText = false
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (inText) {
      if (c === 92) i++
      else if (c === 34) inText = false
    } else if (c === 34) inText = true
    else if (c === 91 || c === 123) depth++
    else if (c === 93 || c === 125 || (c === 44 && depth === 1)) {
      if (c !== 44) depth--
      if (depth === 0 || c === 44) {
        const element = text.slice(begin, i).trim()
        if (element !== '') elements.push(element)
        begin = i + 1
      }
    }
  }
  return elements
}
