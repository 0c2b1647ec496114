import { defineConfig } from 'vitest/config'

const out = ['**/node_modules/**', '**/.next/**', '**/.next-*/**', '**/.turbo/**', '**/.weir/**']

/**
 * One project per kind of proof; `scripts/test.ts` runs them in this order.
 *
 * unit: pure, no I/O. integration (`*.it.test.ts`): a real PostgreSQL, a clone of a migrated database per file.
 * chaos (`*.chaos.test.ts`): the integration tests' faults, many times over; only `npm run test:chaos` runs it.
 * exporters: real exporters against the real collector. system: the whole product from `scripts/up.ts`. browser: a real Chromium.
 */
export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    passWithNoTests: true,
    reporters: ['default'],
    // The reason of a failure says what was found, not only that it was something else.
    chaiConfig: { truncateThreshold: 400 },
    env: { TZ: 'UTC' },
    // Two cores are the reference machine; more workers only make timings noisy.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{apps,packages,scripts,tests/house,tests/web,tests/ui,tests/map}/**/*.test.{ts,tsx}'],
          exclude: [...out, '**/*.it.test.ts', '**/*.chaos.test.ts'],
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['{apps,packages,tests/web}/**/*.it.test.ts'],
          exclude: out,
          globalSetup: ['packages/db/src/testing/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'chaos',
          include: ['{apps,packages}/**/*.chaos.test.ts'],
          exclude: out,
          globalSetup: ['packages/db/src/testing/global-setup.ts'],
          testTimeout: 1_800_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'exporters',
          include: ['tests/exporters/**/*.test.ts'],
          exclude: out,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['tests/{system,e2e}/**/*.test.ts'],
          exclude: out,
          testTimeout: 180_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['tests/browser/**/*.test.ts'],
          exclude: out,
          globalSetup: ['tests/browser/setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
