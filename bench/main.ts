import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { commandLine } from './command-line.js';
import { foregroundProduce } from './foreground-produce.js';
import { boundedMemory } from './bounded-memory.js';
import { hostile } from './hostile.js';
import { kafkaAppend } from './kafka-append.js';
import { kafkaRepartition } from './kafka-repartition.js';
import { knownSchemas } from './known-schemas.js';
import { latencyThrottle } from './latency-throttle.js';
import { largeLogStart } from './large-log-start.js';
import { largeRegistry } from './large-registry.js';
import { logAppend } from './log-append.js';
import { logFetch } from './log-fetch.js';
import type { Benchmark, Comparison, Figure } from './measure.js';
import { newSubjects } from './new-subjects.js';
import { newVersions } from './new-versions.js';
import { partitions } from './partitions.js';
import { realEvolution } from './real-evolution.js';
import { repartition } from './repartition.js';
import { restAppend } from './rest-append.js';
import { restFetch } from './rest-fetch.js';
import { start } from './start.js';
import { viewBuild } from './view-build.js';

const BENCHMARKS: readonly Benchmark[] = [
  start,
  commandLine,
  knownSchemas,
  newSubjects,
  newVersions,
  largeLogStart,
  largeRegistry,
  logAppend,
  logFetch,
  partitions,
  kafkaAppend,
  restAppend,
  restFetch,
  foregroundProduce,
  latencyThrottle,
  repartition,
  kafkaRepartition,
  viewBuild,
  hostile,
  boundedMemory,
  ...realEvolution,
];

const { values, positionals } = parseArgs({
  options: { gate: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const chosen = positionals.length === 0 ? BENCHMARKS : BENCHMARKS.filter((one) => positionals.includes(one.name));
if (chosen.length === 0) {
  process.stderr.write(`no such benchmark. There are: ${BENCHMARKS.map((one) => one.name).join(', ')}\n`);
  process.exit(2);
}

const number = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 2 : 0 });
process.stdout.write(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}\n\n`);
let missed = 0;
for (const benchmark of chosen) {
  for (const result of await benchmark.run()) missed += print(result) ? 0 : 1;
}
if (values.gate && missed > 0) {
  process.stdout.write(`\n${missed} below their goal\n`);
  process.exitCode = 1;
}

/** Prints a result; false when it misses its goal. */
function print(result: Comparison | Figure): boolean {
  if (!('baseline' in result)) {
    const { most = Infinity, least = -Infinity } = result;
    const good = result.measured <= most && result.measured >= least;
    const goal =
      most < Infinity ? ` (goal: at most ${number(most)})` : least > 0 ? ` (goal: at least ${number(least)})` : '';
    process.stdout.write(`${result.what}: ${number(result.measured)} ${result.unit}${goal}${good ? '' : '  MISSED'}\n`);
    return good;
  }
  const ratio = result.measured / result.baseline.measured;
  const good = result.goal === undefined || ratio >= result.goal;
  process.stdout.write(
    `${result.what}: ${number(result.measured)} ${result.unit}\n` +
      `    = ${(ratio * 100).toFixed(0)} % of ${result.baseline.what}: ${number(result.baseline.measured)} ${result.unit}` +
      `${result.goal === undefined ? '' : ` (goal: ${(result.goal * 100).toFixed(0)} %)`}${good ? '' : '  MISSED'}\n`,
  );
  return good;
}
