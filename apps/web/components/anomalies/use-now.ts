'use client'
import { useEffect, useState } from 'react'

/** The present, moving every `everyMs`; 0 until the browser has taken over. */
export function useNow(everyMs = 10_000): number {
  const [now, setNow] = useState(0)
  useEffect(() => {
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}
