import type { Metadata } from 'next'
import { ProfileSettings } from '@/components/settings/profile'
import { ROLE_HINTS, ROLE_NAMES } from '@/components/shell/roles'
import { personFor } from '@/server/page'

export const metadata: Metadata = { title: 'Profile' }

export default async function ProfilePage() {
  const person = await personFor('/settings/profile')
  return <ProfileSettings name={person.name} email={person.email} role={ROLE_NAMES[person.role]} roleHint={ROLE_HINTS[person.role]} />
}
