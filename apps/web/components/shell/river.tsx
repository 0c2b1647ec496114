const WIDTH = 1000
const HEIGHT = 900
const LINES = 15

/** One stream line: level above the weir, pressed together over its crest, falling, and spread out below it. */
function stream(index: number): string {
  const share = index / (LINES - 1)
  const above = 330 + share * 170
  const crest = 352 + share * 62
  const below = 560 + share * 190
  return `M-20 ${above}C180 ${above} 300 ${crest} 430 ${crest}C560 ${crest} 548 ${below} 700 ${below}S880 ${below} 1020 ${below}`
}

/** Level lines of a river going over a weir; decoration of the sign-in page. */
export function River() {
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="xMidYMid slice"
      className="absolute inset-0 size-full"
      fill="none"
      role="presentation"
    >
      {[50, 150, 250, 350, 450, 550, 650, 750, 850].map((y) => (
        <line key={y} x1="0" x2={WIDTH} y1={y} y2={y} stroke="var(--border)" strokeWidth="1" strokeDasharray="1 7" />
      ))}
      <path
        d="M352 900 392 452c3-20 16-30 38-30 92 0 84 148 176 478Z"
        fill="var(--surface)"
        stroke="var(--border-strong)"
        strokeWidth="1.5"
      />
      {Array.from({ length: LINES }, (_, index) => {
        const d = stream(index)
        return (
          <path key={d} d={d} stroke="var(--accent)" strokeWidth={index % 5 === 0 ? 2.2 : 1.1} opacity={0.92 - (index / LINES) * 0.62} />
        )
      })}
      {[
        [118, 0],
        [236, 5],
        [430, 0],
        [430, 10],
        [815, 5],
        [900, 0],
      ].map(([x = 0, line = 0]) => {
        const share = line / (LINES - 1)
        const y = x === 430 ? 352 + share * 62 : x < 430 ? null : 560 + share * 190
        return y === null ? null : (
          <circle key={`${x}-${line}`} cx={x} cy={y} r="4.5" fill="var(--bg)" stroke="var(--accent)" strokeWidth="2" />
        )
      })}
    </svg>
  )
}
