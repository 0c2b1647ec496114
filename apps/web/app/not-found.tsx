import { MapPinOff } from 'lucide-react'
import Link from 'next/link'
import { Notice } from '@/components/shell/notice'
import { buttonStyle } from '@/components/ui/button'

export default function NotFound() {
  return (
    <main id="main">
      <Notice
        icon={MapPinOff}
        title="There is no page here"
        actions={
          <Link href="/" className={buttonStyle({ variant: 'primary', size: 'lg' })}>
            Go to the overview
          </Link>
        }
      >
        <p>The address may be mistyped, or it is from a newer or older Weir.</p>
      </Notice>
    </main>
  )
}
