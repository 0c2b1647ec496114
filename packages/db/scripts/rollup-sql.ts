// Prints the rollup step of a migration for one engine, written from the catalogue:
//   node packages/db/scripts/rollup-sql.ts timescale|postgres [views]
// `views`: for `postgres`, only the views, after a change that the tables do not need.
// A shipped migration never changes: after a change of the catalogue, take from this what a new migration needs.
import {
  boundedSum,
  DEFAULT_RETENTION_DAYS,
  DIMENSION_TYPES,
  RAW_COLUMNS,
  ROLLUP_FLOORS,
  ROLLUP_LEVELS,
  ROLLUP_PEAK,
  ROLLUP_SUMS,
  ROLLUPS,
  type RollupLevel,
  rawSums,
  rawValues,
  rollsUp,
  sumColumns,
} from '../src/rollups.ts'

const WIDTH: Record<RollupLevel, string> = { '1m': '1 minute', '1h': '1 hour', '1d': '1 day' }
const out: string[] = []
const print = (...lines: string[]) => out.push(...lines)

function timescale(): void {
  // Refresh windows. A window reaches back further than live input can be late (24 h), and stays inside the retention of what it reads,
  // so that a refresh never sees a time whose source has been dropped.
  const refresh: Record<RollupLevel, { start: string; end: string; every: string; chunk: string; chunkDays: number }> = {
    '1m': { start: '2 days', end: '1 minute', every: '1 minute', chunk: '1 day', chunkDays: 1 },
    '1h': { start: '4 days', end: '10 minutes', every: '10 minutes', chunk: '30 days', chunkDays: 30 },
    '1d': { start: '8 days', end: '1 hour', every: '1 hour', chunk: '360 days', chunkDays: 360 },
  }
  for (const rollup of ROLLUPS) {
    const { name, dims } = rollup
    for (const [i, level] of ROLLUP_LEVELS.entries()) {
      const from = i === 0 ? 'flow' : `${name}_${ROLLUP_LEVELS[i - 1]}`
      const time = i === 0 ? 'time' : 'bucket'
      const raw = rawSums()
      const sums = ROLLUP_SUMS.map((sum, n) => `${i === 0 ? raw[n] : boundedSum(sum)} as ${sum}`)
      // Unique per key and bucket in the level below, so the greatest is the greatest minute.
      if (i > 0) sums.push(`max(${i === 1 ? 'scaled_bytes' : ROLLUP_PEAK}) as ${ROLLUP_PEAK}`)
      const floor = level === '1d' ? ROLLUP_FLOORS[name]?.floor : undefined
      const { start, end, every, chunk, chunkDays } = refresh[level]
      print(
        `create materialized view ${name}_${level}`,
        `with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false, timescaledb.chunk_interval = '${chunk}') as`,
        `select time_bucket('${WIDTH[level]}', ${time}) as bucket, ${dims.join(', ')},`,
        `  ${sums.join(',\n  ')}`,
        `from ${from}${i === 0 ? ` where ${rollsUp(rollup)}` : ''}`,
        `group by 1, ${dims.map((_, n) => n + 2).join(', ')}`,
        ...(floor === undefined ? [] : [`having sum(scaled_bytes) >= weir_floor_${floor}()`]),
        'with no data;',
        `select add_continuous_aggregate_policy('${name}_${level}', start_offset => interval '${start}', end_offset => interval '${end}', schedule_interval => interval '${every}');`,
        `select add_retention_policy('${name}_${level}', drop_created_before => interval '${DEFAULT_RETENTION_DAYS[level] + chunkDays} days');`,
        '',
      )
    }
  }
}

function postgres(tables: boolean): void {
  const bin = (level: RollupLevel, column: string) => `date_bin('${WIDTH[level]}', ${column}, '2000-01-01 00:00:00+00')`
  for (const rollup of ROLLUPS) {
    const { name, dims } = rollup
    for (const [i, level] of ROLLUP_LEVELS.entries()) {
      const data = `${name}_${level}_data`
      const wide = dims.filter((dim) => DIMENSION_TYPES[dim] === 'bigint')
      const narrow = dims.filter((dim) => DIMENSION_TYPES[dim] !== 'bigint')
      if (tables) {
        print(
          `create table ${data} (`,
          '  bucket timestamptz not null,',
          ...ROLLUP_SUMS.map((sum) => `  ${sum} bigint not null,`),
          ...(i === 0 ? [] : [`  ${ROLLUP_PEAK} bigint,`]),
          ...wide.map((dim) => `  ${dim} bigint,`),
          '  fold integer not null,',
          narrow.map((dim) => `  ${dim} ${DIMENSION_TYPES[dim]}`).join(',\n'),
          ') partition by range (bucket);',
          `create index ${data}_brin_idx on ${data} using brin (bucket, fold) with (pages_per_range = 32, autosummarize = on);`,
          '',
        )
      }
      const columns = ['bucket', ...dims, ...sumColumns(level)].join(', ')
      // Pending parts are parts of a key's bucket: nothing is known of its greatest minute.
      const unknownPeak = i === 0 ? '' : ', null::bigint'
      const arms = [`select ${columns} from ${data}`]
      for (let from = i - 1; from >= 0; from--) {
        const finer = ROLLUP_LEVELS[from]
        if (!finer) continue
        arms.push(
          [
            `select ${bin(level, 'part.bucket')}, ${[...dims, ...ROLLUP_SUMS].map((c) => `part.${c}`).join(', ')}${unknownPeak}`,
            '  from rollup_pending pending cross join lateral (',
            `    select d.bucket, ${[...dims, ...ROLLUP_SUMS].map((c) => `d.${c}`).join(', ')} from ${name}_${finer}_data d\n      where d.fold = pending.id and d.bucket >= pending.first and d.bucket <= pending.last offset 0) part`,
            `  where pending.level = ${from + 1}`,
          ].join('\n'),
        )
      }
      arms.push(
        [
          `select ${bin(level, 'part.time')}, ${dims.map((c) => `part.${c}`).join(', ')},`,
          `    ${rawValues('part.').join(',\n    ')}${unknownPeak}`,
          '  from rollup_pending pending cross join lateral (',
          `    select f.time, ${[...dims, ...RAW_COLUMNS].map((c) => `f.${c}`).join(', ')} from flow f\n      where f.batch = pending.id and ${rollsUp(rollup, 'f.')} offset 0) part`,
          '  where pending.level = 0',
        ].join('\n'),
      )
      print(`create view ${name}_${level} as`, arms.map((arm) => `  ${arm}`).join('\n  union all\n'), ';', '')
    }
  }
}

const [engine, what] = process.argv.slice(2)
if (engine === 'timescale' && what === undefined) timescale()
else if (engine === 'postgres' && (what === undefined || what === 'views')) postgres(what === undefined)
else throw new Error('usage: node packages/db/scripts/rollup-sql.ts timescale|postgres [views]')
process.stdout.write(`${out.join('\n').trimEnd()}\n`)
