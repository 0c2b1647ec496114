import { redirect } from 'next/navigation'
import { can, personFor } from '@/server/page'

/** The settings open where the person most likely wants to go. */
export default async function SettingsPage() {
  redirect(can(await personFor('/settings'), 'user:manage') ? '/settings/users' : '/settings/profile')
}
