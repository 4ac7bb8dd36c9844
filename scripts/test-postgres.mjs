/**
 * Runs every `*.pg.spec.ts` against a PostgreSQL started for it: `npm run test:postgres [-- vitest arguments]`.
 * WEIR_TEST_POSTGRES_URL, when set already, names a server to use instead; its user must be allowed to create databases.
 */
import { startPostgres } from './services/postgres.mjs';
import { runSuite } from './services/suite.mjs';

await runSuite({
  projects: ['postgres'],
  async start() {
    const given = process.env.WEIR_TEST_POSTGRES_URL;
    if (given) return { env: {}, label: 'the server of WEIR_TEST_POSTGRES_URL', stop: async () => {} };
    const { url, version, stop } = await startPostgres();
    return { env: { WEIR_TEST_POSTGRES_URL: url }, label: `${version} at ${url}`, stop };
  },
});
