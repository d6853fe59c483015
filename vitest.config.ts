import { defineConfig } from 'vitest/config'

/** `unit`: in seconds, no real Docker or network beyond loopback. `e2e`: the real things, one file after the other. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{lib,orchestrator,collector,aggregator,alerts,dashboards,cli,scripts,test/acceptance,examples}/**/*.test.ts'],
          testTimeout: 15_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          globalSetup: ['test/e2e/setup.ts'],
        },
      },
    ],
  },
})
