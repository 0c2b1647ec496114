import type { Metadata } from 'next'
import { Users } from '@/components/settings/users'
import { personFor } from '@/server/page'

export const metadata: Metadata = { title: 'Users' }

export default async function UsersPage() {
  const person = await personFor('/settings/users')
  return <Users ownId={person.userId} />
}
