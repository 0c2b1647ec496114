export { createEmptyDatabase, createTestDatabase, type TestDatabase, testEngines, testServerUrl } from './database.ts'
export { address, type SampleFlow, sampleContext, sampleFlow, seededRandom } from './sample-flow.ts'
export { startTestServers, type TestServers } from './servers.ts'
