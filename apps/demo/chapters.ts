import { type Api, patiently, Refused } from './api.js';
import { type Airport, type Flight } from './flights.js';
import { type LiveWriter, routeOf } from './live-writer.js';
import { startRepartition, watch, type OperationStatus } from './operations.js';
import type { ServiceProcess } from './service-process.js';
import { bold, chapter, count, dim, green, Progress, red, say, seconds, table } from './terminal.js';
import { checkTopic, type TopicCheck } from './topic-check.js';

/** What was measured and verified, for the table at the end. */
export interface Finding {
  readonly what: string;
  readonly measured: string;
  readonly verified: string;
}

export const FLIGHT_SCHEMA = {
  type: 'record',
  name: 'Flight',
  namespace: 'demo.flights',
  fields: [
    { name: 'number', type: 'int' },
    { name: 'scheduled', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'origin', type: 'string' },
    { name: 'destination', type: 'string' },
    { name: 'distance', type: 'int' },
    { name: 'delay', type: 'int' },
  ],
};

const AIRPORT_SCHEMA = {
  type: 'record',
  name: 'Airport',
  namespace: 'demo.flights',
  fields: ['iata', 'name', 'city', 'state'].map((name) => ({ name, type: 'string' })),
};

/** Topics, schemas, one change that is accepted and one that is refused. */
export async function govern(api: Api, airports: readonly Airport[]): Promise<Finding> {
  chapter('A schema is governed');
  const register = (subject: string, schema: unknown) =>
    api.post<{ id: number }>(`/subjects/${subject}/versions`, { schema: JSON.stringify(schema) });
  await api.post('/v1/topics', { name: 'flights', partitions: 6 });
  await api.post('/v1/topics', { name: 'airports', partitions: 1 });
  const first = await register('flights-value', FLIGHT_SCHEMA);
  await register('airports-value', AIRPORT_SCHEMA);
  say(`${green('✓')} flights-value version 1, schema id ${first.id}`);

  const withCarrier = {
    ...FLIGHT_SCHEMA,
    fields: [...FLIGHT_SCHEMA.fields, { name: 'carrier', type: ['null', 'string'], default: null }],
  };
  const second = await register('flights-value', withCarrier);
  say(`${green('✓')} version 2 adds an optional carrier: compatible, schema id ${second.id}`);

  const delayAsText = {
    ...withCarrier,
    fields: withCarrier.fields.map((field) => (field.name === 'delay' ? { ...field, type: 'string' } : field)),
  };
  try {
    await register('flights-value', delayAsText);
    throw new Error('an incompatible schema was accepted');
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 409) throw error;
    const { messages } = await api.post<{ messages: string[] }>(
      '/compatibility/subjects/flights-value/versions/latest?verbose=true',
      { schema: JSON.stringify(delayAsText) },
    );
    say(`${red('✗')} version 3 would turn delay from a number into text: ${bold(`refused with ${error.status}`)}`);
    say(`  ${dim(explain(messages[0] ?? ''))}`);
  }
  const records = airports.map(({ iata, name, city, state }) => ({ key: iata, value: { iata, name, city, state } }));
  await api.post('/v1/topics/airports/records', { records });
  say(`${green('✓')} ${airports.length} airports written as a reference table`);
  return {
    what: 'schema evolution',
    measured: '2 versions',
    verified: '1 compatible change accepted, 1 incompatible refused',
  };
}

/** The reference's text of a finding in words. */
function explain(message: string): string {
  const kind = /errorType:'([A-Z_]+)'/.exec(message)?.[1] ?? 'INCOMPATIBLE';
  const where = /description:'The type \(path '([^']+)'\)/.exec(message)?.[1];
  const why =
    kind === 'TYPE_MISMATCH'
      ? 'readers of the new schema could not read the numbers that are stored'
      : 'readers of the new schema could not read what is stored';
  return `${kind}${where === undefined ? '' : ` at ${where}`}: ${why}; add a new field instead`;
}

/** The log fills through REST. */
export async function load(writer: LiveWriter, flights: readonly Flight[]): Promise<Finding> {
  chapter('A durable log fills');
  const progress = new Progress('load');
  const started = performance.now();
  await writer.writeAll(flights, 2_000, 8, (done) => {
    progress.update(
      done / flights.length,
      `${count(done)} flights · ${count(done / ((performance.now() - started) / 1000))}/s`,
    );
  });
  const ms = performance.now() - started;
  const rate = `${count(flights.length / (ms / 1000))} records/s`;
  progress.done(`${count(flights.length)} flights as Avro in ${seconds(ms)}, ${rate}, each flushed before its answer`);
  return {
    what: 'load over REST',
    measured: `${count(flights.length)} records, ${rate}`,
    verified: 'acknowledged means flushed',
  };
}

export interface Repartitioned {
  readonly finding: Finding;
  readonly check: TopicCheck;
}

/** The topic gets another partition count while a writer goes on, and the service is killed in the middle. */
export async function widen(
  api: Api,
  service: ServiceProcess,
  writer: LiveWriter,
  live: readonly Flight[],
  flights: readonly Flight[],
): Promise<Repartitioned> {
  chapter('Six partitions become twelve, under live writes, through a crash');
  const started = performance.now();
  const { id } = await startRepartition(
    api,
    { topic: 'flights', target: { partitions: 12 }, cutover: { mode: 'auto', maxPauseMs: 5_000 } },
    60_000,
  );
  const writing = keepWriting(writer, live);
  const before = await watch(
    api,
    id,
    'copy',
    (status) =>
      (status.progress?.percent ?? 0) >= 25 ||
      (status.phase !== 'COPYING' && status.phase !== 'PREPARING' && status.phase !== 'PLANNED'),
  );
  say(
    `${red('kill -9')} of the service (process ${service.pid}) at ${(before.progress?.percent ?? 0).toFixed(0)} % of the copy`,
  );
  await service.kill();
  const ready = await service.start();
  say(`${green('✓')} ready again after ${ready.toFixed(0)} ms, log recovered, operation resumed`);
  await patiently(() => api.post(`/v1/operations/${id}:throttle`, { recordsPerSecond: null }));
  const done = await watch(api, id, 'copy', (status) => status.state === 'SWITCHED' || status.state === 'FINISHED');
  await writing.stop();
  const ms = performance.now() - started;
  new Progress('repartition').done(
    `verified and switched in ${seconds(ms)}, kill and restart included; writers paused ${done.cutover.lastAttempt?.pausedMs ?? 0} ms`,
  );
  await finish(api, id);
  return report(api, writer, flights, routeOf, 'repartition 6 → 12', ms, done);
}

/** The topic gets a new key. */
export async function rekey(
  api: Api,
  writer: LiveWriter,
  live: readonly Flight[],
  flights: readonly Flight[],
): Promise<Repartitioned> {
  chapter('The key becomes the airport of departure');
  const started = performance.now();
  const { id } = await startRepartition(
    api,
    {
      topic: 'flights',
      target: { partitions: 8, key: { expr: 'value.origin' } },
      cutover: { mode: 'auto', maxPauseMs: 5_000 },
    },
    null,
  );
  const writing = keepWriting(writer, live);
  const done = await watch(api, id, 'copy', (status) => status.state === 'SWITCHED' || status.state === 'FINISHED');
  await writing.stop();
  const ms = performance.now() - started;
  new Progress('new key').done(
    `verified and switched in ${seconds(ms)}; writers paused ${done.cutover.lastAttempt?.pausedMs ?? 0} ms`,
  );
  await finish(api, id);
  return report(api, writer, flights, (flight) => flight.origin, 'new key, 12 → 8', ms, done);
}

async function finish(api: Api, id: string): Promise<void> {
  await api.post(`/v1/operations/${id}:finish`);
  await watch(api, id, 'finish', (status) => status.state === 'FINISHED');
}

async function report(
  api: Api,
  writer: LiveWriter,
  flights: readonly Flight[],
  keyOf: (flight: Flight) => string,
  what: string,
  ms: number,
  status: OperationStatus,
): Promise<Repartitioned> {
  const progress = new Progress('check');
  const expected = writer.acknowledged.length;
  const check = await checkTopic(api, 'flights', writer.acknowledged, flights, keyOf, (done) =>
    progress.update(done / expected, `${count(done)} records read back`),
  );
  const verdict = `${check.lost} lost, ${check.repeated} repeated, ${check.reordered} reordered, ${check.misplaced} misplaced`;
  progress.done(`${count(check.records)} records read back: ${verdict}`);
  return {
    check,
    finding: {
      what,
      measured: `${seconds(ms)}, pause ${status.cutover.lastAttempt?.pausedMs ?? 0} ms, slowest write ${writer.slowestMs.toFixed(0)} ms`,
      verified: verdict,
    },
  };
}

/** Writes flights in small requests until told to stop; what is left is written then, so that every run ends with the same records. */
function keepWriting(writer: LiveWriter, flights: readonly Flight[]): { stop(): Promise<void> } {
  let at = 0;
  let stopping = false;
  writer.slowestMs = 0;
  const running = (async () => {
    while (at < flights.length && !stopping) {
      const batch = flights.slice(at, at + 50);
      at += batch.length;
      await writer.write(batch);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  return {
    stop: async () => {
      stopping = true;
      await running;
      while (at < flights.length) {
        await writer.write(flights.slice(at, at + 2_000));
        at += 2_000;
      }
    },
  };
}

/** The latest state per key is kept, continuously. */
export async function latest(api: Api, flights: readonly Flight[], writer: LiveWriter): Promise<Finding> {
  chapter('The latest flight of each airport is kept');
  const started = performance.now();
  await api.post('/v1/derivations', {
    kind: 'latest',
    source: 'flights',
    name: 'latest-departures',
    orderBy: { by: 'timestamp' },
  });
  const progress = new Progress('derive');
  const written = new Set([...writer.acknowledged, ...writer.uncertain]);
  for (;;) {
    const { lag } = await api.get<{ lag: { records: number } | null }>('/v1/derivations/latest-departures');
    if (lag !== null && lag.records === 0) break;
    progress.update(
      lag === null ? 0 : 1 - lag.records / written.size,
      `${lag === null ? '' : count(lag.records)} records behind`,
    );
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  const ms = performance.now() - started;
  const expected = new Map<string, Flight>();
  for (const flight of flights) {
    const known = expected.get(flight.origin);
    if (written.has(flight.number) && (known === undefined || flight.scheduled >= known.scheduled))
      expected.set(flight.origin, flight);
  }
  let right = 0;
  let cursor = '';
  do {
    const page = await api.get<{ items: { key: string; value: { scheduled: number } }[]; next: string | null }>(
      `/v1/topics/latest-departures/latest?limit=500${cursor}`,
    );
    for (const { key, value } of page.items) if (expected.get(key)?.scheduled === value.scheduled) right++;
    cursor = page.next === null ? '' : `&cursor=${page.next}`;
  } while (cursor !== '');
  if (right !== expected.size) throw new Error(`the latest stream is right for ${right} of ${expected.size} airports`);
  progress.done(`${expected.size} airports, each with its latest departure, in ${seconds(ms)}`);
  return {
    what: 'latest stream',
    measured: `${count(written.size)} records in ${seconds(ms)}`,
    verified: `${right} of ${expected.size} keys right`,
  };
}

interface Rows {
  readonly rows: readonly Record<string, string | number>[];
  readonly position: string;
}

/** A view answers. */
export async function view(api: Api, writer: LiveWriter): Promise<Finding> {
  chapter('A view answers queries');
  const started = performance.now();
  await api.put('/v1/views/departures', {
    source: { topic: 'flights', mode: 'events' },
    joins: [{ as: 'airport', topic: 'airports', on: 'value.origin' }],
    key: { origin: 'value.origin' },
    columns: {
      city: 'airport.value.city',
      state: 'airport.value.state',
      flights: { aggregate: 'count' },
      mean_delay: { aggregate: 'avg', of: 'value.delay' },
      worst_delay: { aggregate: 'max', of: 'value.delay' },
    },
  });
  const progress = new Progress('build');
  for (;;) {
    const { lag } = await api.get<{ lag: number | null }>('/v1/views/departures');
    if (lag === 0) break;
    progress.update(
      lag === null ? 0 : 1 - lag / writer.acknowledged.length,
      `${lag === null ? '' : count(lag)} records behind`,
    );
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  const ms = performance.now() - started;
  progress.done(`built from ${count(writer.acknowledged.length)} flights joined with airports in ${seconds(ms)}`);
  await ask(api, 'Which airports are the busiest?', 'order=flights.desc&limit=4&select=origin,city,state,flights');
  await ask(
    api,
    'Where does one wait longest, among those with 500 flights or more?',
    'flights=gte.500&order=mean_delay.desc&limit=4&select=origin,city,mean_delay,worst_delay',
  );
  const last = await ask(
    api,
    'How do the airports of Hawaii do?',
    'state=eq.HI&order=mean_delay&select=origin,city,flights,mean_delay',
  );
  const all = await api.get<{ rows: { flights: number }[] }>('/v1/views/departures/rows?limit=1000&select=flights');
  const total = all.rows.reduce((sum, row) => sum + row.flights, 0);
  const records = writer.acknowledged.length;
  if (total < records || total > records + writer.uncertain.length)
    throw new Error(`the view counts ${total} flights, ${records} were acknowledged`);
  return {
    what: 'view',
    measured: `${seconds(ms)} to build, position ${last.position}`,
    verified: `${count(total)} flights counted once each`,
  };
}

async function ask(api: Api, question: string, query: string): Promise<Rows> {
  const answer = await api.get<Rows>(`/v1/views/departures/rows?${query}`);
  say('');
  say(bold(question));
  say(dim(`GET /v1/views/departures/rows?${query}`));
  const columns = Object.keys(answer.rows[0] ?? {});
  table(
    columns,
    answer.rows.map((row) =>
      columns.map((column) =>
        typeof row[column] === 'number' ? Number(Number(row[column]).toFixed(1)) : (row[column] ?? ''),
      ),
    ),
  );
  return answer;
}
