import { defineConfig } from 'vitest/config';

/**
 * One vitest project per cost class. `unit` is everything beside the sources; `process` starts whole services from `dist/`
 * and is therefore run after a build. Files share a worker (`isolate: false`), so no test keeps global state.
 */
export default defineConfig({
  resolve: { conditions: ['development', 'node'] },
  ssr: { resolve: { conditions: ['development', 'node'] } },
  test: {
    pool: 'forks',
    isolate: false,
    maxWorkers: 2,
    setupFiles: ['./scripts/property-seed.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What is waited for comes sooner on a quiet machine; the second that is the default is over before a busy one has begun.
    expect: { poll: { timeout: 50_000 } },
    // What passes at a second try lands, and is told as `unsteady` at the very end of the run: a defect of the test or of the code to be looked for, not a reason to lose the rest. Whole files have one in scripts/services/second-try.mjs.
    retry: process.env['CI'] === undefined ? 0 : 1,
    reporters: ['default', './scripts/test-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['libs/**/*.spec.ts', 'apps/**/*.spec.ts', 'scripts/**/*.spec.ts', 'migrations/**/*.spec.ts'],
          exclude: ['**/*.pg.spec.ts', '**/*.kafka.spec.ts', '**/node_modules/**'],
        },
      },
      // Longest times are for a hang alone: where several suites share two processors, a process that starts in a second takes many.
      {
        extends: true,
        test: {
          name: 'postgres',
          include: ['libs/**/*.pg.spec.ts', 'test/**/*.pg.spec.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'kafka',
          include: ['libs/**/*.kafka.spec.ts', 'test/**/*.kafka.spec.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'process',
          include: ['test/**/*.spec.ts'],
          exclude: ['**/*.pg.spec.ts', '**/*.kafka.spec.ts', '**/node_modules/**'],
          isolate: true,
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
    ],
  },
});
