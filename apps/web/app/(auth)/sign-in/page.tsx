import type { Metadata } from 'next'
import { headers } from 'next/headers'
import { redirect } from 'next/navigation'
import { safeReturnPath } from '@/server/origin'
import { principalOf } from '@/server/principal'
import { SignInForm } from './sign-in-form'

export const metadata: Metadata = { title: 'Sign in' }

export default async function SignInPage({ searchParams }: { searchParams: Promise<Record<string, string | string[] | undefined>> }) {
  const asked = (await searchParams).return
  const returnPath = safeReturnPath(typeof asked === 'string' ? asked : null)
  const principal = await principalOf(await headers()).catch(() => null)
  if (principal?.kind === 'session') redirect(returnPath)
  return (
    <>
      <h1 className="font-semibold text-[24px] leading-8 tracking-tight">Sign in</h1>
      <p className="mt-1 mb-7 text-muted">
        {returnPath === '/' ? 'See what flows through your network.' : 'You return to the view you asked for.'}
      </p>
      <SignInForm returnPath={returnPath} />
    </>
  )
}
