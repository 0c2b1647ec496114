import { unpack } from './chromium.ts'

/** Once before all browser tests. */
export default async function setup(): Promise<void> {
  await unpack()
}
