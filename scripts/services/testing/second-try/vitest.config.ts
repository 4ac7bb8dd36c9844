import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** As the project's own configuration, for the files of `second-try.spec.ts`. */
export default defineConfig({
  test: {
    pool: 'forks',
    isolate: false,
    maxWorkers: 2,
    retry: 1,
    reporters: ['default', fileURLToPath(new URL('../../../test-reporter.ts', import.meta.url))],
    projects: [{ extends: true, test: { name: 'fixture', include: ['*.fixture.ts'] } }],
  },
});
