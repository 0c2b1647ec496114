import { LockKeyhole } from 'lucide-react'
import { headers } from 'next/headers'
import Link from 'next/link'
import { Notice } from '@/components/shell/notice'
import { ROLE_NAMES } from '@/components/shell/roles'
import { buttonStyle } from '@/components/ui/button'
import { principalOf } from '@/server/principal'

/** Shown in place of a page that the person's role does not open. */
export default async function Forbidden() {
  const principal = await principalOf(await headers())
  return (
    <Notice
      icon={LockKeyhole}
      title="Your role does not open this page"
      actions={
        <Link href="/" className={buttonStyle({ variant: 'primary', size: 'lg' })}>
          Go to the overview
        </Link>
      }
    >
      <p>
        You are signed in{principal === null ? '' : ` as ${ROLE_NAMES[principal.role].toLowerCase()}`}. Single flows and addresses need
        operator, on-call or admin; changing Weir itself needs admin.
      </p>
      <p>Ask an admin to change your role; it holds at once, without a new sign-in.</p>
    </Notice>
  )
}
