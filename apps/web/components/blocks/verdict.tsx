import type { GuardVerdict } from '@weir/db/contracts'
import { OctagonX, UserRoundCheck } from 'lucide-react'
import Link from 'next/link'

/** What the guard rails found, each with its remedy. Two kinds of mark, so that refusing and asking for help do not depend on colour. */
export function Reasons({ verdict }: { verdict: GuardVerdict }) {
  return (
    <ul className="flex flex-col gap-2">
      {verdict.reasons.map((reason) => (
        <li key={`${reason.code} ${reason.message}`} className="flex gap-2 text-[13px] leading-relaxed">
          {reason.effect === 'refuse' ? (
            <OctagonX aria-label="Refuses it" className="mt-1 size-3.5 shrink-0 text-critical" />
          ) : (
            <UserRoundCheck aria-label="Needs a second person" className="mt-1 size-3.5 shrink-0 text-warn" />
          )}
          <div className="min-w-0 [overflow-wrap:anywhere]">
            <p>{reason.message}</p>
            <p className="text-muted">
              {reason.remedy}
              {reason.code === 'protected' || reason.code === 'list_unreadable' ? (
                <>
                  {' '}
                  <Link href="/settings/protected" className="text-accent underline underline-offset-2">
                    See the protected prefixes
                  </Link>
                </>
              ) : null}
            </p>
          </div>
        </li>
      ))}
    </ul>
  )
}
