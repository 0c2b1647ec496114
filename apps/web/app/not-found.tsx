import { MapPinOff } from 'lucide-react'
import Link from 'next/link'
import { Logo } from '@/components/shell/logo'
import { Notice } from '@/components/shell/notice'
import { buttonStyle } from '@/components/ui/button'

export default function NotFound() {
  return (
    <main id="main">
      <div className="flex h-16 items-center px-6 sm:px-10">
        <Logo size={24} />
      </div>
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
