import { forbidden } from 'next/navigation'

/** Where the proxy leads a request for a page that the person's role does not open; `forbidden.tsx` is what they see. */
export default function NotAllowedPage(): never {
  forbidden()
}
