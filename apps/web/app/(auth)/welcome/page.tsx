import { readWelcomeLink } from '@weir/db/commands'
import type { Metadata } from 'next'
import Link from 'next/link'
import { buttonStyle } from '@/components/ui/button'
import { house } from '@/server/house'
import { WelcomeForm } from './welcome-form'

export const metadata: Metadata = { title: 'Welcome', referrer: 'no-referrer' }

const CAN: Record<string, string> = {
  viewer: 'As a viewer you see all traffic, with addresses cut to their networks.',
  manager: 'As a manager you see all traffic, with addresses cut to their networks.',
  operator: 'As an operator you explore all traffic down to single flows.',
  oncall: 'As an on-call engineer you explore all traffic down to single flows.',
  admin: 'As an admin you see everything and manage exporters, services and people.',
}

/** Where a one-time link leads. Opening it does not use it up; only the form does. */
export default async function WelcomePage({ searchParams }: { searchParams: Promise<Record<string, string | string[] | undefined>> }) {
  const { token } = await searchParams
  const secret = typeof token === 'string' ? token : ''
  const link = secret === '' ? null : await readWelcomeLink(house().pool, secret)
  if (link === null) {
    return (
      <>
        <h1 className="font-semibold text-[24px] leading-8 tracking-tight">This link does not work any more</h1>
        <p className="mt-2 text-muted leading-relaxed">
          It was used already, is older than 24 hours, or was withdrawn. Each link lets one person in, once.
        </p>
        <p className="mt-3 text-muted leading-relaxed">
          Ask an admin for a new one. On the Weir host itself,{' '}
          <code className="whitespace-nowrap rounded bg-raised px-1 py-0.5 font-mono text-[12px] text-foreground">bin/weir admin link</code>{' '}
          prints a new admin link.
        </p>
        <Link href="/sign-in" className={buttonStyle({ variant: 'primary', size: 'lg', className: 'mt-6 h-10 w-full text-[14px]' })}>
          Go to sign-in
        </Link>
      </>
    )
  }
  return (
    <>
      <h1 className="font-semibold text-[24px] leading-8 tracking-tight">Welcome to Weir</h1>
      <p className="mt-1 mb-7 text-muted leading-relaxed">{CAN[link.role]} Choose how you sign in from now on.</p>
      <WelcomeForm token={secret} email={link.email} />
    </>
  )
}
