/** Every step with every driver: see crash.it.test.ts. */
process.env.WEIR_TEST_POINTS = 'all'
await import('./crash.it.test.ts')
