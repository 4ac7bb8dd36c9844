import { beforeEach, describe, expect, it } from 'vitest';
import { AppError, type JsonObject } from '#libs/core/kernel';
import { recordsFrom, type LogRecord } from '#libs/core/log';
import { parseSubject } from '#libs/core/registry';
import { LocalSchemaEngine, readAddress, standardFormats, type ReadingTrial } from '#libs/core/schema';
import { namedByGuid, namedById, ScanWorld } from '../testing/index.js';
import { ReplayHandler } from './replay-handler.js';
import type { ReplayResult } from './schema-replays.js';

const record = (...fields: object[]) => JSON.stringify({ type: 'record', name: 'R', fields });
const OPTIONAL = record({ name: 'n', type: ['null', 'int'] });
const REQUIRED = record({ name: 'n', type: 'int' });
/** Payloads of {@link OPTIONAL}. */
const NULL = Uint8Array.of(0);
const one = (n: number) => Uint8Array.of(2, n * 2);

describe('a schema tried on what a topic retains', () => {
  let world: ScanWorld;
  let id: number;
  let guid: string;
  beforeEach(async () => {
    world = new ScanWorld();
    ({ id, guid } = await register('orders-value', OPTIONAL));
    await world.log.createTopic({ name: 'orders', partitions: 2 });
  });

  async function register(subject: string, schema: string, schemaType = 'AVRO') {
    const sent = { schema, schemaType };
    const { schema: made } = await world.registry.register(parseSubject(subject), sent, {
      normalize: false,
      force: false,
    });
    return { id: made.id, guid: made.guid };
  }

  async function replay(request: JsonObject, handler = world.replayHandler()): Promise<ReplayResult> {
    const scan = await world.start(handler, { topic: 'orders', schema: REQUIRED, ...request });
    await world.run(scan, handler);
    return world.replays().result(scan);
  }

  it('counts by partition and writer what is read, and lists what is not with its place and the reason', async () => {
    await world.append('orders', 0, [namedById(id, one(1)), namedById(id, NULL), namedByGuid(guid, NULL)]);
    await world.append('orders', 1, [namedById(id, one(2))]);
    const found = await replay({});
    expect(found).toMatchObject({ complete: true, over: true });
    expect([...found.writers]).toEqual([[id, { read: 2, failed: 2, undecodable: 0 }]]);
    expect(found.failures).toEqual(
      [1, 2].map((offset) => ({
        ...{ partition: 0, offset, schemaId: id, by: 'candidate', path: '/n' },
        reason: 'written as null, which is not read as int',
      })),
    );
    expect(found.partitions.map(({ summary }) => summary?.records)).toEqual([3, 1]);
  });

  it('tells apart what has no such part, names no schema, an unknown one, or is not what its schema wrote', async () => {
    const json = await register('json', '{"type":"object"}', 'JSON');
    await world.append('orders', 0, [
      { key: null, value: null, headers: [], timestamp: -1 },
      { key: null, value: Buffer.from('plain'), headers: [], timestamp: -1 },
      namedById(id + 1_000, one(1)),
      namedById(id, Uint8Array.of(2)),
      namedById(json.id, '{}'),
    ]);
    const found = await replay({ schema: OPTIONAL });
    expect(found.partitions[0]!.summary).toMatchObject({ records: 5, absent: 1, unnamed: 1, unknown: 1 });
    expect([...found.writers]).toEqual([
      [id, { read: 0, failed: 0, undecodable: 1 }],
      [json.id, { read: 0, failed: 1, undecodable: 0 }],
    ]);
    expect(found.failures.map(({ by, reason }) => [by, reason])).toEqual([
      ['writer', expect.any(String)],
      ['candidate', expect.stringContaining('of type JSON')],
    ]);
  });

  it('tries keys when asked to', async () => {
    await world.append('orders', 0, [{ ...namedById(id, NULL), key: namedById(id, one(1)).value }]);
    expect([...(await replay({ part: 'key' })).writers]).toEqual([[id, { read: 1, failed: 0, undecodable: 0 }]]);
  });

  it('looks at what it is told to: partitions, a stretch, the last ones, so many in all, so many bytes', async () => {
    const numbers = Array.from({ length: 10 }, (_, n) => ({ ...namedById(id, one(n)), timestamp: 1_000 + n }));
    for (const partition of [0, 1]) for (const each of numbers) await world.append('orders', partition, [each]);
    const ranges = async (request: JsonObject) =>
      (await replay(request)).partitions.map(({ range, summary }) => [
        range.partition,
        range.from,
        range.to,
        summary?.records ?? 0,
      ]);
    expect(await ranges({ partitions: [1] })).toEqual([[1, 0, 10, 10]]);
    expect(await ranges({ from: { offset: 4 }, to: { timestampMs: 1_006 }, partitions: [0] })).toEqual([[0, 4, 6, 2]]);
    expect(await ranges({ last: 3 })).toEqual([
      [0, 7, 10, 3],
      [1, 7, 10, 3],
    ]);
    expect(await ranges({ records: 5, from: { offset: 8 } })).toEqual([
      [0, 8, 10, 2],
      [1, 8, 10, 2],
    ]);
    expect(await ranges({ records: 7 })).toEqual([
      [0, 7, 10, 3],
      [1, 6, 10, 4],
    ]);
    const cut = await replay({ bytes: 1 });
    expect([cut.over, cut.complete]).toEqual([true, true]);
    world.tuning.fetchBytes = 100;
    const early = await replay({ bytes: 1, failures: 3 });
    expect([early.over, early.complete, early.writers.get(id)!.read < 20]).toEqual([true, false, true]);
  });

  it('refuses what cannot be tried before anything is read', async () => {
    const refused = (request: JsonObject) =>
      world.start(world.replayHandler(), { topic: 'orders', schema: REQUIRED, ...request });
    await expect(refused({ topic: 'nowhere' })).rejects.toMatchObject({ code: 'topic-not-found' });
    await expect(refused({ partitions: [7] })).rejects.toMatchObject({ code: 'partition-not-found' });
    await expect(refused({ schema: '{"type":"nonsense"}' })).rejects.toMatchObject({ code: 'schema-invalid' });
    await expect(refused({ last: 1, from: { offset: 1 } })).rejects.toMatchObject({ code: 'scan-invalid' });
    await expect(refused({ from: { offset: 1, timestampMs: 1 } })).rejects.toMatchObject({ code: 'scan-invalid' });
    const references = [{ name: 'X', subject: 'nobody', version: 1 }];
    await expect(refused({ references })).rejects.toMatchObject({ code: 'reference-not-found' });
  });

  it('reads with references, as they were when it was planned', async () => {
    await register('inner', '{"type":"record","name":"Inner","fields":[{"name":"n","type":["null","int"]}]}');
    await world.append('orders', 0, [namedById(id, one(1))]);
    const references = [{ name: 'Inner', subject: 'inner', version: 1 }];
    const schema = record({ name: 'n', type: ['null', 'int'] }, { name: 'i', type: ['null', 'Inner'], default: null });
    const handler = world.replayHandler();
    const scan = await world.start(handler, { topic: 'orders', schema, references });
    await world.registry.deleteVersion(parseSubject('inner'), 1, false);
    await world.registry.deleteVersion(parseSubject('inner'), 1, true);
    await world.run(scan, handler);
    expect((await world.replays().result(scan)).writers.get(id)).toEqual({ read: 1, failed: 0, undecodable: 0 });
  });

  it('makes the same plan of the same question, and another when there is more', async () => {
    await world.append('orders', 0, [namedById(id, NULL)]);
    const plan = () => world.replayHandler().plan({ topic: 'orders', schema: REQUIRED });
    expect(await plan()).toEqual(await plan());
    const before = await plan();
    await world.append('orders', 0, [namedById(id, NULL)]);
    const after = await plan();
    expect(after.subject).toBe(before.subject);
    expect(after.parameters).not.toEqual(before.parameters);
  });

  it('is what trying every record by itself gives, wherever the work was cut short', async () => {
    world.tuning.fetchBytes = 300;
    for (let n = 0; n < 60; n++) {
      const values = Array.from({ length: 1 + (n % 7) }, (_, i): LogRecord => {
        const payload = (n + i) % 3 === 0 ? NULL : one((n * i) % 60);
        return i % 2 === 0 ? namedById(id, payload) : namedByGuid(guid, payload);
      });
      await world.append('orders', n % 2, values);
    }
    const expected = { read: 0, failed: 0, undecodable: 0 };
    for (const partition of [0, 1]) {
      const [fetched] = await world.log.fetch({
        positions: [{ topic: 'orders', partition, offset: 0 }],
        maxBytes: 1 << 30,
      });
      for (const { value, headers } of recordsFrom(fetched!, 0)) {
        const { envelope, indexes } = readAddress('value', value!, headers)!;
        expected[value![indexes === null ? envelope.payloadAt : 0] === 0 ? 'failed' : 'read']++;
      }
    }
    for (const livesFor of [1, 2, 3, 7]) {
      const scan = await world.start(world.replayHandler(), { topic: 'orders', schema: REQUIRED, failures: livesFor });
      let lives = 0;
      while (!(await world.run(scan, world.replayHandler(), livesFor))) lives++;
      expect(lives).toBeGreaterThan(1);
      const found = await world.replays().result(scan);
      expect(found.writers.get(id)).toEqual(expected);
      expect(found.failures.map(({ partition }) => partition)).toEqual([
        ...Array<number>(livesFor).fill(0),
        ...Array<number>(livesFor).fill(1),
      ]);
    }
  });

  it('tries one by one what is too much for one go, and gives up a record that is too much alone', async () => {
    /** Takes one record at a time, and never one that holds a 7. */
    class SlowEngine extends LocalSchemaEngine {
      override tried(trial: ReadingTrial) {
        const isTooMuch = trial.records.length > 1 || trial.records.some(({ bytes }) => bytes.at(-1) === 14);
        if (!isTooMuch) return super.tried(trial);
        return Promise.reject(new AppError({ kind: 'unprocessable', code: 'schema-too-complex', message: 'slow' }));
      }
    }
    await world.append(
      'orders',
      0,
      [1, 2, 7, 3].map((n) => namedById(id, one(n))),
    );
    const handler = new ReplayHandler({ ...world, engine: new SlowEngine(standardFormats()) });
    const found = await replay({}, handler);
    expect(found.writers.get(id)).toEqual({ read: 3, failed: 1, undecodable: 0 });
    expect(found.failures).toMatchObject([{ offset: 2, reason: 'reading it takes longer than one record may' }]);
  });
});
