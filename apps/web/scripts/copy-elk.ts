/**
 * Puts the graph layout engine under public/elk: `node apps/web/scripts/copy-elk.ts`, part of `npm run build` and `npm run dev`.
 *
 * elkjs runs in a worker of its own file, apart from our bundle: it blocks for a second on large graphs, and its licence
 * (EPL-2.0) asks that it stays recognisable; its licence text is put beside it. Not checked in, 1.6 MB.
 */
import { copyFileSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)
const source = dirname(require.resolve('elkjs/package.json'))
const target = join(import.meta.dirname, '../public/elk')
mkdirSync(target, { recursive: true })
copyFileSync(join(source, 'lib/elk-worker.min.js'), join(target, 'elk-worker.min.js'))
copyFileSync(join(source, 'LICENSE.md'), join(target, 'LICENSE.md'))
