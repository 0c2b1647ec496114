import type { TestProject } from 'vitest/node'
import { startTestServers } from './servers.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Server of the `postgres` engine. */
    weirPostgresUrl: string
    /** Server of the `timescale` engine; '' when none is configured. */
    weirTimescaleUrl: string
  }
}

/** Vitest's globalSetup: one set of database servers for the whole run. Workers find them in the environment and by `inject`. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = await startTestServers()
  project.provide('weirPostgresUrl', servers.postgresUrl)
  project.provide('weirTimescaleUrl', servers.timescaleUrl ?? '')
  return servers.stop
}
