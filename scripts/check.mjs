/**
 * All that CI runs; every step runs even when an earlier one failed, and the last lines sum up.
 *
 *   npm run check                    everything
 *   npm run check -- --skip tests    all but the named steps (comma separated)
 *   npm run check -- --only lint     only the named steps
 *   npm run check -- --one-by-one    nothing beside anything else, each step's output as it comes
 */
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';

const COMMANDS = {
  tests: 'npm test',
  lint: 'npm run --silent lint',
  types: 'npm run --silent types',
  format: 'npm run --silent format',
  simulation: 'npm run --silent test:simulation',
  docs: 'npm run --silent docs:configuration -- --check',
  rules: 'npm run --silent docs:rules -- --check',
  openapi: 'npm run --silent openapi -- --check',
  demo: 'npm run --silent demo',
  postgres: 'npm run --silent test:postgres',
  kafka: 'npm run --silent test:kafka',
  'kafka-3.9': 'WEIR_KAFKA_VERSION=3.9.2 npm run --silent test:kafka -- libs/adapters/log-kafka',
  'nodes-3.9':
    'WEIR_KAFKA_VERSION=3.9.2 npm run --silent test:kafka -- test/kafka-nodes/failover.kafka.spec.ts -t leader',
  clients: 'npm run --silent test:clients',
  'node-releases': 'node scripts/test-nodes.mjs --prepare',
  // What other releases can break in files, native modules and whole processes; `npm run test:nodes` adds what only the language could.
  nodes:
    'npm run --silent test:nodes -- libs/adapters/store-sql libs/adapters/log-embedded/embedded-log test/server-process',
};

/**
 * Rows run one after another, the lanes of a row side by side, the steps of a lane one after another. Beside each other stands what mostly waits: for a leader to be elected, a lease to end. Steps that only compute and have no
 * deadline ({@link SPARE}) run beside others on the processor time that those leave (`nice`), and on all of it once they are done. What has deadlines and takes all processors there are
 * stands alone but for those, so that a deadline is one for the code and not for the machine. Each step draws its own ports and directories.
 */
const ROWS = [
  [['tests'], ['lint', 'types', 'format', 'node-releases']],
  [['kafka'], ['postgres', 'kafka-3.9', 'clients', 'docs', 'rules', 'openapi', 'demo', 'nodes-3.9'], ['simulation']],
  [['nodes']],
];
const SPARE = ['lint', 'types', 'format', 'node-releases', 'simulation'];
const STEPS = ROWS.flat(2);

const { values } = parseArgs({
  options: { skip: { type: 'string' }, only: { type: 'string' }, 'one-by-one': { type: 'boolean' } },
});
const names = (list) => (list === undefined ? [] : list.split(',').map((name) => name.trim()));
const unknown = [...names(values.skip), ...names(values.only)].filter((name) => !STEPS.includes(name));
if (unknown.length > 0) {
  console.error(`no such step: ${unknown.join(', ')}. Steps: ${STEPS.join(', ')}`);
  process.exit(2);
}
const wanted = (name) =>
  !names(values.skip).includes(name) && (values.only === undefined || names(values.only).includes(name));

const outcomes = [];
for (const row of values['one-by-one'] ? STEPS.map((name) => [[name]]) : ROWS) {
  const lanes = row.map((steps) => steps.filter(wanted)).filter((steps) => steps.length > 0);
  const alone = lanes.length === 1;
  // What has only spare steps beside it is watched as if it were alone.
  const leading = lanes.filter((steps) => !steps.every((name) => SPARE.includes(name))).length;
  await Promise.all(
    lanes.map(async (steps) => {
      for (const name of steps) {
        const spare = SPARE.includes(name) && !alone;
        outcomes.push(await step(name, { shown: alone || (leading === 1 && !spare), spare }));
      }
    }),
  );
}
outcomes.sort((a, b) => STEPS.indexOf(a.name) - STEPS.indexOf(b.name));

console.log('');
for (const { name, ok, passed, failed, seconds } of outcomes) {
  console.log(
    `${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(13)} ${String(passed).padStart(5)} passed ${String(failed).padStart(4)} failed ${seconds.toFixed(1).padStart(7)} s`,
  );
}
const sum = (member) => outcomes.reduce((total, outcome) => total + outcome[member], 0);
console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = outcomes.every((outcome) => outcome.ok) ? 0 : 1;

/** Runs a step. Alone, what it writes is shown as it comes; beside others it is shown whole when the step has ended. */
async function step(name, { shown, spare }) {
  const command = COMMANDS[name];
  const title = `\n=== ${name}: ${command}`;
  console.log(shown ? title : `${title}\n    (beside others: its output follows when it has ended)`);
  const started = Date.now();
  const { code, output } = await run(
    spare ? ['nice', '-n', '19', 'bash', '-c', command] : ['bash', '-c', command],
    shown,
  );
  const seconds = (Date.now() - started) / 1000;
  if (!shown) process.stdout.write(`${title}, ended after ${seconds.toFixed(1)} s\n${output}`);
  const counted = [...output.matchAll(/^(\d+) passed, (\d+) failed/gm)].at(-1);
  return {
    name,
    ok: code === 0,
    passed: counted === undefined ? Number(code === 0) : Number(counted[1]),
    failed: counted === undefined ? Number(code !== 0) : Math.max(Number(counted[2]), Number(code !== 0)),
    seconds,
  };
}

/** Runs a program and keeps all it writes, in the order it came. */
function run([program, ...args], shown) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' },
    });
    let output = '';
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      from.setEncoding('utf8');
      from.on('data', (text) => {
        if (shown) to.write(text);
        output += text;
      });
    }
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
