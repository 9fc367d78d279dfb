import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'architecture', include: ['test/architecture.test.ts'] } },
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/architecture.test.ts', 'test/system/**', 'test/lightning/**'],
          testTimeout: 15_000,
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          // They start processes, fill disks and measure: one at a time.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'lightning',
          include: ['test/lightning/**/*.test.ts'],
          // Real nodes: payments take their time, and one that hangs is waited for.
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
})
