'use client'
import ELK, { type ELK as Elk } from 'elkjs/lib/elk-api.js'
import { useEffect, useState } from 'react'
import { fromElk, type Layout, signature, toElk } from './layout.ts'
import type { ViewGraph } from './model.ts'

/** One worker for the page, from a file of its own (the bundler copies it as it is); started when the first graph is shown. */
let elk: Elk | null = null
const engine = (): Elk => {
  elk ??= new ELK({ workerUrl: new URL('elkjs/lib/elk-worker.min.js', import.meta.url).href })
  return elk
}

/** Layouts already computed, newest last: coming back to a view shows it as it was. */
const MOST_KEPT = 12
const kept = new Map<string, Layout>()
function keep(layout: Layout): Layout {
  kept.delete(layout.signature)
  kept.set(layout.signature, layout)
  for (const key of kept.keys()) {
    if (kept.size <= MOST_KEPT) break
    kept.delete(key)
  }
  return layout
}

/**
 * The layout of a view, computed in a worker. While a new one is computed the last one stays; an unchanged set of nodes and edges
 * is not laid out again, so a refresh changes rates and widths but moves nothing.
 */
export function useLayout(view: ViewGraph | null): { layout: Layout | null; error: unknown } {
  const [state, setState] = useState<{ layout: Layout | null; error: unknown }>({ layout: null, error: null })
  const wanted = view === null ? null : signature(view)
  const ready = wanted === null ? null : (kept.get(wanted) ?? null)

  useEffect(() => {
    if (view === null || wanted === null || state.layout?.signature === wanted) return
    const known = kept.get(wanted)
    if (known) {
      setState({ layout: known, error: null })
      return
    }
    let stale = false
    const question = toElk(view, state.layout)
    engine()
      .layout(question)
      .then(
        (answer) => {
          const layout = keep(fromElk(answer, wanted))
          if (!stale) setState({ layout, error: null })
        },
        (error: unknown) => {
          if (!stale) setState((before) => ({ ...before, error }))
        },
      )
    return () => {
      stale = true
    }
  }, [view, wanted, state.layout])

  return ready && ready !== state.layout ? { layout: ready, error: null } : state
}
