import { buffer } from 'node:stream/consumers'
import { isWhole } from '@weir/db/ingest'
import { decodePayload } from './codec.ts'
import type { TrialCase } from './trial.ts'

// Process of `survivesTrial`: does what the spool does with a frame that it reads.
const { header, columns }: TrialCase = JSON.parse(process.argv[2] ?? '')
const stored = await buffer(process.stdin)
try {
  const { body, lengths } = await decodePayload(header, stored)
  isWhole({ rows: header.rows, columns, body, lengths })
} catch {
  // An error that can be caught kills nobody: the spool meets it as well, and sets the frame aside as damaged.
}
