/** One entry of a chart's legend: a mark as it is drawn, and what it stands for. */
export function Key({ mark, children }: { mark: React.ReactNode; children: React.ReactNode }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <span aria-hidden className="inline-flex w-4 items-center justify-center">
        {mark}
      </span>
      {children}
    </span>
  )
}
