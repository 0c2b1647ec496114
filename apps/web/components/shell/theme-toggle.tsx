'use client'

import { Monitor, Moon, Sun } from 'lucide-react'
import { useTheme } from 'next-themes'
import { useSyncExternalStore } from 'react'

const ORDER = ['system', 'light', 'dark'] as const
const WORDS = { system: 'as the system', light: 'light', dark: 'dark' } as const

/** The fact "we run in a browser" never changes, so there is nothing to subscribe to and nothing to undo. */
const never = () => () => undefined

/** Cycles system → light → dark. Until the browser has taken over it draws the system icon, because the server cannot know the choice. */
export function ThemeToggle({ className = '' }: { className?: string }) {
  const { theme, setTheme } = useTheme()
  const inBrowser = useSyncExternalStore(
    never,
    () => true,
    () => false,
  )
  const current = inBrowser ? (ORDER.find((name) => name === theme) ?? 'system') : 'system'
  const next = ORDER[(ORDER.indexOf(current) + 1) % ORDER.length] ?? 'system'
  const Icon = current === 'light' ? Sun : current === 'dark' ? Moon : Monitor
  return (
    <button
      type="button"
      onClick={() => setTheme(next)}
      aria-label={`Theme: ${WORDS[current]}. Change to ${WORDS[next]}`}
      title={`Theme: ${WORDS[current]}`}
      className={`grid size-8 place-items-center rounded-md text-muted hover:bg-raised hover:text-foreground ${className}`}
    >
      <Icon size={16} aria-hidden="true" />
    </button>
  )
}
