'use client'
import { Check, Copy } from 'lucide-react'
import { useEffect, useState } from 'react'
import { Button, type ButtonProps } from './button.tsx'

/**
 * Put text on the clipboard. The Clipboard API exists only on HTTPS and localhost, and Weir is often opened by address on plain
 * HTTP: there the old selection command is used. Resolves to whether it worked.
 */
export async function copyText(text: string): Promise<boolean> {
  if (navigator.clipboard !== undefined && window.isSecureContext) {
    try {
      await navigator.clipboard.writeText(text)
      return true
    } catch {
      // Permission refused: the selection command may still be allowed.
    }
  }
  const area = document.createElement('textarea')
  area.value = text
  area.setAttribute('readonly', '')
  area.style.position = 'fixed'
  area.style.opacity = '0'
  document.body.append(area)
  area.select()
  const done = document.execCommand('copy')
  area.remove()
  return done
}

/** Copies `text` and says so for two seconds. With children it is a labelled button, else an icon. */
export function CopyButton({
  text,
  label = 'Copy',
  children,
  ...props
}: { text: string; label?: string } & Omit<ButtonProps, 'onClick' | 'aria-label'>) {
  const [state, setState] = useState<'idle' | 'done' | 'failed'>('idle')
  useEffect(() => {
    if (state === 'idle') return
    const timer = setTimeout(() => setState('idle'), 2000)
    return () => clearTimeout(timer)
  }, [state])
  const said = state === 'done' ? 'Copied' : state === 'failed' ? 'Could not copy' : label
  return (
    <Button
      variant="ghost"
      size={children === undefined ? 'icon-sm' : 'sm'}
      aria-label={said}
      title={said}
      onClick={() => void copyText(text).then((done) => setState(done ? 'done' : 'failed'))}
      {...props}
    >
      {state === 'done' ? <Check className="text-ok" /> : <Copy />}
      {children === undefined ? null : state === 'idle' ? children : said}
    </Button>
  )
}
