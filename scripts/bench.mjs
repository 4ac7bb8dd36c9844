/**
 * Runs the benchmarks: `npm run bench [-- names --gate]`. Where figures of PostgreSQL are printed beside and WEIR_TEST_POSTGRES_URL names no server, one is
 * started that flushes each commit to the disk, as one in use does.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startPostgres } from './services/postgres.mjs';
import { firstLine, ServiceUnavailable } from './services/service-process.mjs';

/** Benchmarks that have such figures. */
const ON_POSTGRES = ['new-subjects', 'view-build'];

const args = process.argv.slice(2);
const names = args.filter((one) => !one.startsWith('-'));
const wanted = names.length === 0 || names.some((name) => ON_POSTGRES.includes(name));
const postgres = wanted && !process.env.WEIR_TEST_POSTGRES_URL ? await start() : undefined;
try {
  const env = postgres === undefined ? {} : { WEIR_TEST_POSTGRES_URL: postgres.url };
  const main = fileURLToPath(new URL('../dist/bench/main.js', import.meta.url));
  const bench = spawn(process.execPath, [main, ...args], { stdio: 'inherit', env: { ...process.env, ...env } });
  const [code] = await once(bench, 'exit');
  process.exitCode = code ?? 1;
} finally {
  await postgres?.stop();
}

async function start() {
  try {
    return await startPostgres({ durable: true });
  } catch (error) {
    if (!(error instanceof ServiceUnavailable)) throw error;
    console.log(`NO FIGURES OF POSTGRESQL: ${firstLine(error)}`);
    return undefined;
  }
}
