/**
 * Thousands of runs of the embedded log on a simulated disk that fails, tears and forgets: `npm run test:simulation [-- seeds]`, 2,000 unless given, shared out over the
 * processors. They begin behind those of `npm test`. A seed that finds something is replayed with WEIR_SIM_FIRST=<seed> WEIR_SIM_SEEDS=1.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Behind the seeds that the unit tests run. */
const FIRST = 101;
const SUITE = 'libs/adapters/log-embedded/durability.spec.ts';

const seeds = Number(process.argv[2] ?? 2_000);
const shares = Math.min(availableParallelism(), 8);
const each = Math.ceil(seeds / shares);
const outcomes = await Promise.all(Array.from({ length: shares }, (_, share) => run(FIRST + share * each)));
const failed = outcomes.filter((code) => code !== 0).length;
console.log(`${failed === 0 ? each * shares : 0} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function run(first) {
  return new Promise((resolve, reject) => {
    const child = spawn('npx', ['vitest', 'run', '--project', 'unit', SUITE, '-t', 'whatever a power cut'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, WEIR_SIM_FIRST: String(first), WEIR_SIM_SEEDS: String(each) },
    });
    // Each would sum up for itself; the last line of this one is the sum.
    child.stdout.on('data', (chunk) =>
      process.stdout.write(String(chunk).replaceAll(/^(\d+) passed, /gm, '- $1 passed, ')),
    );
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
