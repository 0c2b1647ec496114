// The faults of alerts.it.test.ts at the pace of the product.
process.env.WEIR_TEST_PACE = 'real'
await import('./alerts.it.test.ts')

export {}
