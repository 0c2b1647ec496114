import type pg from 'pg'
import { StorageError, sqlstate } from './errors.ts'

/** The two storage engines behind one set of relation names. Apart from `migrate.ts`, whose directory of SQL files a web bundler cannot follow. */
export type Engine = 'timescale' | 'postgres'

/** The engine a migrated database has. Throws StorageError `not-migrated` when there is none yet. */
export async function readEngine(client: { query: pg.Pool['query'] }): Promise<Engine> {
  try {
    const { rows } = await client.query<{ engine: string }>(`select value #>> '{}' as engine from setting where key = 'engine'`)
    const engine = rows[0]?.engine
    if (engine === 'timescale' || engine === 'postgres') return engine
  } catch (error) {
    if (sqlstate(error) !== '42P01') throw error
  }
  throw new StorageError('the database has not been migrated', {
    code: 'not-migrated',
    remedy: 'Start Weir once with npm start: it makes the tables.',
  })
}
