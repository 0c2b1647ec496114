'use client'
import { parseAsFloat, parseAsInteger, parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs'

export const SHOWS = ['graph', 'list'] as const
/** How many nodes are drawn before the smallest are folded into groups. */
export const NODE_LIMITS = [15, 30, 60, 100, 300] as const
export const DEFAULT_LIMIT = 30
/** Nodes to ask the server for, so that folding here has the members of what it folds. The server folds the rest into networks itself. */
export const askedNodes = (limit: number): string => (limit <= 100 ? '100' : '300')
export const DEPTHS = [1, 2, 3] as const

/** What the service graph's own URL keys say. `focus` is a node id, `least` a rate in the view's unit per second. */
export function useGraphState() {
  return useQueryStates(
    {
      show: parseAsStringLiteral(SHOWS).withDefault('graph'),
      focus: parseAsString.withDefault(''),
      depth: parseAsInteger.withDefault(1),
      least: parseAsFloat.withDefault(0),
      nodes: parseAsInteger.withDefault(DEFAULT_LIMIT),
    },
    { history: 'replace', shallow: true, clearOnDefault: true },
  )
}
