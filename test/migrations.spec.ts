import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OperationCalls } from '#libs/features/operations/testing';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp, ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';

interface Plan {
  readonly hash: string;
  readonly blockers: string[];
  readonly impact: Record<string, unknown>;
  readonly rehearsal: Record<string, unknown>;
}

interface Sample {
  readonly rehearsal: Record<string, unknown>;
  readonly records: readonly Record<string, unknown>[];
}

const AVRO = JSON.stringify({
  type: 'record',
  name: 'Order',
  fields: [
    { name: 'id', type: 'int' },
    { name: 'name', type: 'string' },
  ],
});
const PROTOBUF = 'syntax = "proto3"; message Order { int32 id = 1; string name = 2; }';
const JSON_SCHEMA = JSON.stringify({
  type: 'object',
  properties: { id: { type: 'integer' }, name: { type: 'string' } },
  required: ['id', 'name'],
});

describe('migrations of a running service', () => {
  let directory: TemporaryDirectory;
  let server: ServerProcess;
  const records = new DataPlaneCalls(overHttp(() => server.url));
  const operations = new OperationCalls(overHttp(() => server.url));
  const plan = (request: object): Promise<Plan> => operations.plan<Plan>('/v1/migrations/plans', request);
  const sample = (hash: string): Promise<Sample> =>
    operations.demand('POST', `/v1/migrations/${hash}/sample`, { n: 10 });

  /** Migrates and waits for the switch. @returns the operation's id. */
  async function migrated(request: object): Promise<string> {
    const id = await operations.begin('/v1/migrations/plans', { ...request, cutover: { mode: 'auto' } });
    await expect
      .poll(async () => (await operations.operation(id)).state, { interval: 20, timeout: 60_000 })
      .toMatch(/^(SWITCHED|FAILED|BLOCKED)$/);
    expect(await operations.operation(id)).toMatchObject({ state: 'SWITCHED' });
    return id;
  }

  async function command(id: string, name: string, state: string): Promise<void> {
    await operations.demand('POST', `/v1/operations/${id}:${name}`);
    await expect
      .poll(async () => (await operations.operation(id)).state, { interval: 20, timeout: 60_000 })
      .toBe(state);
  }

  beforeAll(async () => {
    directory = await temporaryDirectory();
    server = await ServerProcess.start({
      cwd: directory.path,
      env: { WEIR_TRANSFORMS_DEADLINE_MS: '1000', WEIR_TRANSFORMS_WORKER_HEAP_BYTES: '64MiB' },
    });
  });
  afterAll(async () => {
    await server.stop();
    await directory.remove();
  });

  it('change values by CEL and JSONata, keep the way back open, and go back with what was written since', async () => {
    await records.topic('orders', 2);
    const values = [1, 2, 3].map((n) => ({ id: n, cents: n * 100, who: { first: 'A', last: `B${n}` } }));
    await records.produce('orders', [
      ...values.map((value) => ({ key: `o${value.id}`, value })),
      { key: 'o4', value: { id: 4, cents: 0, who: { first: 'C', last: 'D' } } },
    ]);
    const request = {
      topic: 'orders',
      filter: 'value.cents > 0',
      transform: {
        up: [
          { set: 'value.euros', cel: 'double(value.cents) / 100.0' },
          { shape: '$merge([$sift($, function($v, $k) { $k != "who" }), {"name": who.first & " " & who.last}])' },
        ],
        down: [
          { remove: 'value.euros' },
          {
            shape:
              '$merge([$sift($, function($v, $k) { $k != "name" }), {"who": {"first": $split(name, " ")[0], "last": $split(name, " ")[1]}}])',
          },
        ],
      },
    };
    const planned = await plan(request);
    expect(planned).toMatchObject({
      blockers: [],
      rehearsal: { records: 4, changed: 3, leftOut: 1, unstable: 0, wayBack: { returned: 3, restored: 3 } },
    });
    const shown = await sample(planned.hash);
    expect(shown.records).toHaveLength(4);
    expect(shown.records.find((one) => (one['before'] as { id: number }).id === 1)).toMatchObject({
      outcome: 'changed',
      after: { id: 1, cents: 100, euros: 1, name: 'A B1' },
      deterministic: true,
      lost: [],
    });
    const id = await migrated(request);
    expect((await records.read('orders')).map((one) => one.value)).toEqual(
      expect.arrayContaining([{ id: 2, cents: 200, euros: 2, name: 'A B2' }]),
    );
    expect(await operations.demand('GET', `/v1/operations/${id}/consumers`)).toEqual({ items: [] });
    await records.produce('orders', [{ key: 'o9', value: { id: 9, cents: 900, euros: 9, name: 'E F' } }]);
    await command(id, 'rollback', 'ROLLED_BACK');
    const back = (await records.read('orders')).map((one) => one.value);
    expect(back).toHaveLength(5);
    expect(back).toEqual(expect.arrayContaining([...values, { id: 9, cents: 900, who: { first: 'E', last: 'F' } }]));
  });

  it('change the format to every language and back, by the schemas of the registry', async () => {
    await records.topic('formats');
    const subjects = { AVRO: 'f-avro', PROTOBUF: 'f-proto', JSON: 'f-json' };
    await records.register(subjects.AVRO, 'AVRO', AVRO);
    await records.register(subjects.PROTOBUF, 'PROTOBUF', PROTOBUF);
    await records.register(subjects.JSON, 'JSON', JSON_SCHEMA);
    const values = [1, 2, 3].map((id) => ({ id, name: `n${id}` }));
    await records.produce(
      'formats',
      values.map((value) => ({ key: 'k', value })),
    );
    for (const subject of Object.values(subjects)) {
      const id = await migrated({ topic: 'formats', format: { subject } });
      const raw = await records.rawValues('formats');
      expect(raw.map((one) => one[0])).toEqual([0, 0, 0]);
      expect((await records.read('formats')).map((one) => one.value)).toEqual(values);
      await command(id, 'finish', 'FINISHED');
    }
    await migrated({ topic: 'formats', format: { type: 'json' } });
    expect((await records.rawValues('formats')).map(String)).toEqual(values.map((one) => JSON.stringify(one)));
  });

  it('never write a value that its schema refuses (M1)', async () => {
    await records.topic('strict');
    await records.produce('strict', [
      { key: 'a', value: { id: 1, name: 'n' } },
      { key: 'b', value: { id: 'one' } },
    ]);
    const request = { topic: 'strict', format: { subject: 'f-avro' } };
    expect((await plan(request)).blockers).toEqual([expect.stringContaining('value-does-not-fit-schema')]);
    const id = await migrated({ ...request, poison: { policy: 'dlq' } });
    expect(await operations.operation(id)).toMatchObject({
      errors: { read: 2, written: 1, poison: 1, dlq: 1, byClass: { 'value-does-not-fit-schema': 1 } },
    });
    const [letter] = await records.read('strict.dlq');
    expect(letter).toMatchObject({ key: 'b', value: { id: 'one' } });
  });

  it.each([
    ['takes too long', '$match(text, /^(a+)+$/)', '1000 ms'],
    ['loops without an end', '($f := function($n){ $f($n + 1) }; $f(0))', 'steps'],
  ])('stop a transform that %s, say so, and live on', async (what, shape, why) => {
    const topic = `runaway-${what.replaceAll(' ', '-')}`;
    await records.topic(topic);
    await records.produce(topic, [{ key: 'k', value: { text: `${'a'.repeat(40)}!` } }]);
    const planned = await plan({ topic, transform: { up: [{ shape }] } });
    expect(planned.blockers).toEqual([expect.stringContaining('cannot be migrated: transform-limit')]);
    const [shown] = (await sample(planned.hash)).records;
    expect(shown).toMatchObject({ outcome: 'poison', poison: 'transform-limit' });
    expect(String(shown!['message'])).toContain(why);
    const fine = await plan({ topic, transform: { up: [{ set: 'value.n', cel: 'size(value.text)' }] } });
    expect(fine).toMatchObject({ blockers: [], rehearsal: { changed: 1 } });
  });
});

describe('a migration whose service is killed', () => {
  it.each(['prepare:done', 'copy:done', 'switch:fenced', 'switch:drained', 'switch:name-moved', 'switch:activated'])(
    'at %s goes on at the next start, with every record once and in order',
    async (step) => {
      const directory = await temporaryDirectory();
      let server = await ServerProcess.start({
        cwd: directory.path,
        env: { WEIR_FAIL_POINT: `migration:${step}` },
      });
      const records = new DataPlaneCalls(overHttp(() => server.url));
      const operations = new OperationCalls(overHttp(() => server.url));
      await records.topic('orders', 2);
      const values = Array.from({ length: 40 }, (_, n) => ({ n, name: `n${n % 3}` }));
      await records.produce(
        'orders',
        values.map((value) => ({ key: value.name, value })),
      );
      const id = await operations.begin('/v1/migrations/plans', {
        topic: 'orders',
        filter: 'value.n != 7',
        transform: {
          up: [
            { rename: 'value.name', to: 'title' },
            { set: 'value.square', cel: 'value.n * value.n' },
          ],
        },
        cutover: { mode: 'auto' },
      });
      expect(await server.exited).toMatchObject({ signal: 'SIGKILL' });
      server = await ServerProcess.start({ cwd: directory.path });
      await expect
        .poll(async () => (await operations.operation(id)).state, { interval: 20, timeout: 60_000 })
        .toBe('SWITCHED');
      expect(await operations.operation(id)).toMatchObject({
        errors: { read: 40, written: 39, leftOut: 1 },
        verification: { level: 'full', state: 'passed' },
      });
      const migrated = (await records.read('orders')).map((one) => one.value as { n: number; title: string });
      for (const title of ['n0', 'n1', 'n2']) {
        const expected = values
          .filter((one) => one.name === title && one.n !== 7)
          .map(({ n }) => ({ n, title, square: n * n }));
        expect(migrated.filter((one) => one.title === title)).toEqual(expected);
      }
      await server.stop();
      await directory.remove();
    },
  );
});
