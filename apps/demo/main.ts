import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Api } from './api.js';
import { govern, latest, load, rekey, view, widen, type Finding } from './chapters.js';
import { loadAirports, loadFlights } from './flights.js';
import { LiveWriter } from './live-writer.js';
import { ServiceProcess } from './service-process.js';
import { bold, chapter, dim, green, red, say, seconds, table } from './terminal.js';

/** Flights that are there before the first repartition; the others are written while the two repartitions run. */
const LOADED = 200_000;
const LIVE_EACH = 10_000;

const HELP = `The whole path on real flights: a schema is governed, a log fills, a live topic is repartitioned through a crash, a view answers.

  npm run demo             in a temporary directory, which is removed
  npm run demo -- --keep   the service stays for a look around
`;

const { values } = parseArgs({
  options: { keep: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const started = performance.now();
const directory = await mkdtemp(join(tmpdir(), 'weir-demo-'));
const service = await ServiceProcess.prepare(directory);
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interrupted = true;
    void service
      .kill()
      .then(() => rm(directory, { recursive: true, force: true }))
      .then(() => process.exit(signal === 'SIGINT' ? 130 : 143));
  });
}

try {
  const findings = await story();
  chapter('What was measured and verified');
  table(
    ['step', 'measured', 'verified'],
    findings.map((finding) => [finding.what, finding.measured, finding.verified]),
  );
  say('');
  say(`${green('✓')} ${bold('everything held')} in ${seconds(performance.now() - started)}`);
  if (values.keep) {
    service.release();
    say(`the service stays at ${bold(service.url)} (process ${service.pid}, data in ${directory})`);
    say(dim(`curl '${service.url}/v1/views/departures/rows?order=mean_delay.desc&limit=5'`));
  } else {
    await service.stop();
    await rm(directory, { recursive: true, force: true });
  }
} catch (error) {
  if (!interrupted) {
    process.stdout.write(`\n${red('✗')} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    say(`the service's log and data are kept in ${directory}`);
    await service.kill();
    process.exitCode = 1;
  }
}

async function story(): Promise<Finding[]> {
  const [flights, airports] = await Promise.all([loadFlights(), loadAirports()]);
  chapter('Weir starts');
  const ready = await service.start();
  say(`${green('✓')} ready after ${ready.toFixed(0)} ms at ${service.url}, everything in ${directory}`);
  const api = new Api(service.url);
  const writer = new LiveWriter(api, 'flights');
  const live = flights.slice(LOADED, LOADED + LIVE_EACH);
  const more = flights.slice(LOADED + LIVE_EACH, LOADED + 2 * LIVE_EACH);

  const findings = [
    { what: 'start to ready', measured: `${ready.toFixed(0)} ms`, verified: 'empty directory' },
    await govern(api, airports),
    await load(writer, flights.slice(0, LOADED)),
  ];
  for (const repartition of [
    () => widen(api, service, writer, live, flights),
    () => rekey(api, writer, more, flights),
  ]) {
    const { finding, check } = await repartition();
    findings.push(finding);
    if (check.lost + check.repeated + check.reordered + check.misplaced > 0)
      throw new Error(`${finding.what}: ${finding.verified}`);
  }
  findings.push(await latest(api, flights, writer), await view(api, writer));
  return findings;
}
