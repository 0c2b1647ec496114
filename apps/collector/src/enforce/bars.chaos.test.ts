/** As long and as many as a night allows: see bars.it.test.ts. */
process.env.WEIR_TEST_SIZE = 'night'
await import('./bars.it.test.ts')
