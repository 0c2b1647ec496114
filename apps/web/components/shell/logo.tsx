/** The mark: a river held at a crest and let over it. Drawn on a 24-unit grid; takes the text colour for the wall and the accent for the water. */
export function Mark({ size = 24, className }: { size?: number; className?: string }) {
  return (
    <svg width={size} height={size} viewBox="0.5 3.5 23 20.5" fill="none" aria-hidden="true" focusable="false" className={className}>
      <path d="M2 7.25h6.5c6.4 0 4.1 9.5 10 9.5H22" stroke="var(--accent)" strokeWidth="2.5" strokeLinecap="round" />
      <path d="M3 21.5 5.4 12a1.2 1.2 0 0 1 1.16-.9h1.3c4.2 0 3.3 7.7 6.6 10.4Z" fill="currentColor" />
      <path d="M18.4 21h3.2" stroke="var(--accent)" strokeWidth="2" strokeLinecap="round" opacity="0.55" />
    </svg>
  )
}

/** Mark and name, for the sidebar and the sign-in page. */
export function Logo({ size = 22 }: { size?: number }) {
  return (
    <span className="inline-flex items-center gap-2 text-foreground">
      <Mark size={size} />
      <span className="font-semibold tracking-tight" style={{ fontSize: Math.round(size * 0.77) }}>
        Weir
      </span>
    </span>
  )
}
