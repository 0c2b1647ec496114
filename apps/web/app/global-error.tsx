'use client'

import { useEffect } from 'react'

/** The last resort, when even the frame cannot be drawn: no styles, no components, only words. */
export default function GlobalError({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  useEffect(() => {
    console.error(error)
  }, [error])
  return (
    <html lang="en">
      <body style={{ fontFamily: 'system-ui, sans-serif', maxWidth: 480, margin: '15vh auto', padding: '0 16px', lineHeight: 1.5 }}>
        <h1 style={{ fontSize: 20 }}>Weir could not draw this page</h1>
        <p>Collecting flows goes on. The server or its database may have been away for a moment.</p>
        <p>
          If it stays, run “bin/weir doctor” on the Weir host
          {error.digest === undefined ? '' : `; the log of the web process names ${error.digest}`}.
        </p>
        <button type="button" onClick={reset} style={{ padding: '8px 14px' }}>
          Try again
        </button>
      </body>
    </html>
  )
}
