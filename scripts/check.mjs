/**
 * All that CI runs, one step after another; every step runs even when an earlier one failed, and the last line sums up.
 *
 *   npm run check                  everything
 *   npm run check -- --skip tests  all but the named steps (comma separated)
 *   npm run check -- --only lint   only the named steps
 */
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';

const STEPS = [
  { name: 'lint', command: 'npm run --silent lint' },
  { name: 'types', command: 'npm run --silent types' },
  { name: 'format', command: 'npm run --silent format' },
  { name: 'tests', command: 'npm test' },
  { name: 'simulation', command: 'npm run --silent test:simulation' },
  { name: 'docs', command: 'npm run --silent docs:configuration -- --check' },
  { name: 'openapi', command: 'npm run --silent openapi -- --check' },
  { name: 'demo', command: 'npm run --silent demo' },
  { name: 'postgres', command: 'npm run --silent test:postgres' },
  { name: 'kafka', command: 'npm run --silent test:kafka' },
  { name: 'kafka-3.9', command: 'WEIR_KAFKA_VERSION=3.9.2 npm run --silent test:kafka -- libs/adapters/log-kafka' },
  { name: 'clients', command: 'npm run --silent test:clients' },
  { name: 'nodes', command: 'npm run --silent test:nodes' },
];

const { values } = parseArgs({ options: { skip: { type: 'string' }, only: { type: 'string' } } });
const names = (list) => (list === undefined ? [] : list.split(',').map((name) => name.trim()));
const unknown = [...names(values.skip), ...names(values.only)].filter(
  (name) => !STEPS.some((step) => step.name === name),
);
if (unknown.length > 0) {
  console.error(`no such step: ${unknown.join(', ')}. Steps: ${STEPS.map((step) => step.name).join(', ')}`);
  process.exit(2);
}
const steps = STEPS.filter(
  (step) =>
    !names(values.skip).includes(step.name) && (values.only === undefined || names(values.only).includes(step.name)),
);

const outcomes = [];
for (const step of steps) {
  console.log(`\n=== ${step.name}: ${step.command}`);
  const started = Date.now();
  const { code, output } = await run(step.command);
  const counted = [...output.matchAll(/^(\d+) passed, (\d+) failed/gm)].at(-1);
  outcomes.push({
    name: step.name,
    ok: code === 0,
    passed: counted === undefined ? Number(code === 0) : Number(counted[1]),
    failed: counted === undefined ? Number(code !== 0) : Math.max(Number(counted[2]), Number(code !== 0)),
    seconds: (Date.now() - started) / 1000,
  });
}

console.log('');
for (const { name, ok, passed, failed, seconds } of outcomes) {
  console.log(
    `${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(10)} ${String(passed).padStart(5)} passed ${String(failed).padStart(4)} failed ${seconds.toFixed(1).padStart(7)} s`,
  );
}
const sum = (member) => outcomes.reduce((total, outcome) => total + outcome[member], 0);
console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = outcomes.every((outcome) => outcome.ok) ? 0 : 1;

/** Runs a shell command with its output shown as it comes, and kept. */
function run(command) {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', command], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' },
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      process.stdout.write(chunk);
      output += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
