import { type Action, PAGES, type PagePath } from '@weir/db/contracts'
import { headers } from 'next/headers'
import { forbidden, redirect } from 'next/navigation'
import { grantOf, type Principal, principalOf } from './principal.ts'

export type Person = Extract<Principal, { kind: 'session' }>

/** The signed-in person, if their role opens `path`; everyone else is sent away. For server components. */
export async function personFor(path: PagePath): Promise<Person> {
  const principal = await principalOf(await headers())
  if (principal?.kind !== 'session') redirect(`/sign-in?${new URLSearchParams({ return: path })}`)
  const action: Action | 'open' = PAGES[path]
  if (action !== 'open' && grantOf(principal, action) === 'no') forbidden()
  return principal
}

/** Whether this person may do `action`, for what a page offers; the route behind it asks again. */
export const can = (person: Person, action: Action): boolean => grantOf(person, action) !== 'no'
