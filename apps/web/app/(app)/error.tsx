'use client'

import { CircleAlert } from 'lucide-react'
import { useEffect } from 'react'
import { Notice } from '@/components/shell/notice'
import { Button } from '@/components/ui/button'

/** A page failed while drawing; the frame around it still works. */
export default function PageError({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  useEffect(() => {
    console.error(error)
  }, [error])
  return (
    <Notice
      icon={CircleAlert}
      title="This page failed"
      actions={
        <>
          <Button variant="primary" size="lg" onClick={reset}>
            Try again
          </Button>
          <Button size="lg" onClick={() => window.location.assign('/')}>
            Go to the overview
          </Button>
        </>
      }
    >
      <p>Something in it did not work; collecting flows goes on. Trying again helps if the server or the database was away for a moment.</p>
      <p>
        If it stays, run <code className="font-mono text-[12px] text-foreground">bin/weir doctor</code> on the Weir host
        {error.digest === undefined ? '' : ` and look for ${error.digest} in the log of the web process`}.
      </p>
    </Notice>
  )
}
