'use client'
import { type RefObject, useEffect, useState } from 'react'

/**
 * How high, in px, the element may be so that it ends with the window; null before it is known. The frame above it (top bar, filter
 * bar) changes height by what it holds, so the place is measured, not assumed. `present` says whether the element is drawn at all.
 */
export function useFillHeight(element: RefObject<HTMLElement | null>, present: boolean, bottom = 24, least = 480): number | null {
  const [height, setHeight] = useState<number | null>(null)
  useEffect(() => {
    if (!present) return
    const measure = () => {
      const box = element.current?.getBoundingClientRect()
      if (box) setHeight(Math.max(least, Math.floor(window.innerHeight - (box.top + window.scrollY) - bottom)))
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(document.body)
    for (const header of document.querySelectorAll('header')) observer.observe(header)
    window.addEventListener('resize', measure)
    return () => {
      observer.disconnect()
      window.removeEventListener('resize', measure)
    }
  }, [element, bottom, least, present])
  return height
}
