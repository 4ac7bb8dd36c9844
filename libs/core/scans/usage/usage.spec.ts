import { beforeEach, describe, expect, it } from 'vitest';
import { recordsFrom, type LogRecord, type RecordCursor } from '#libs/core/log';
import { MemoryLogEngine } from '#libs/core/log/testing';
import { parseSubject } from '#libs/core/registry';
import { readAddress } from '#libs/core/schema';
import { readRanges } from '../read-ranges.js';
import { unread } from '../scan.js';
import { surveyPartitions } from '../survey.js';
import { MemoryClusters, namedByGuid, namedById, ScanWorld } from '../testing/index.js';
import { UsageTally } from './tally.js';

const signal = new AbortController().signal;
const record = (name: string, ...fields: object[]) => JSON.stringify({ type: 'record', name, fields });
const plain = (text: string): LogRecord => ({
  key: Buffer.from(text),
  value: Buffer.from(text),
  headers: [],
  timestamp: -1,
});

/** Counts in the simplest way there is: every record decoded, one after another. */
async function recount(world: ScanWorld, id: number, guid: string): Promise<number> {
  let count = 0;
  for (const { topic, partition, from } of (await surveyPartitions(world.clusters)).partitions) {
    const [fetched] = await world.log.fetch({ positions: [{ topic, partition, offset: from }], maxBytes: 1 << 30 });
    for (const one of recordsFrom(fetched!, from)) {
      for (const part of ['key', 'value'] as const) {
        const named = one[part] === null ? undefined : readAddress(part, one[part], one.headers)?.envelope;
        if (named?.form === 'id' ? named.schemaId === id : named?.guid === guid) count++;
      }
    }
  }
  return count;
}

/** A counter that misses records, as a faulty one would. */
class ForgetfulTally extends UsageTally {
  #seen = 0;

  override take(index: number, cursor: RecordCursor): void {
    if (++this.#seen % 50 !== 0) super.take(index, cursor);
  }
}

describe('the use of a schema', () => {
  let world: ScanWorld;
  let id: number;
  let guid: string;
  beforeEach(async () => {
    world = new ScanWorld();
    ({ id, guid } = await register('orders-value', record('Order')));
  });

  async function register(
    subject: string,
    schema: string,
    references: { name: string; subject: string; version: number }[] = [],
  ) {
    const sent = { schema, references };
    const { schema: made } = await world.registry.register(parseSubject(subject), sent, {
      normalize: false,
      force: false,
    });
    return { id: made.id, guid: made.guid };
  }

  const topic = (name: string, partitions = 1) => world.log.createTopic({ name, partitions });

  async function usage(subject = 'orders-value', version: number | 'latest' = 1, scan?: string) {
    return world.usages().usageOf(parseSubject(subject), version, scan, signal);
  }
  const codes = ({ reasons }: { reasons: readonly { code: string }[] }) => reasons.map((one) => one.code);

  it('counts records that name it in front or in a header, in keys and in values, by partition', async () => {
    await topic('orders', 2);
    await world.append('orders', 0, [namedById(id), plain('a'), namedById(id + 1)]);
    await world.append('orders', 1, [namedByGuid(guid), namedById(id, 'x', namedById(id).value)]);
    const { verdict, counts, reasons } = await usage();
    expect(verdict).toBe('in-use');
    expect(reasons[0]).toMatchObject({
      code: 'records-retained',
      means: 'in-use',
      message: expect.stringContaining('4') as string,
    });
    expect(
      counts.map(({ partition, keys, values, last, exact }) => [partition.partition, keys, values, last, exact]),
    ).toEqual([
      [0, 0, 1, 0, true],
      [1, 1, 2, 1, true],
    ]);
  });

  it('is safe to end only when everything has been looked at and nothing was found', async () => {
    await register('orders-value', record('Order', { name: 'n', type: 'int', default: 0 }));
    await topic('payments');
    await world.append('payments', 0, [namedById(id + 7), plain('x')]);
    expect(await usage()).toMatchObject({ verdict: 'safe', reasons: [], counts: [] });
    await topic('late');
    await world.append('late', 0, [namedById(id)]);
    expect((await usage()).verdict).toBe('in-use');
  });

  it('is unknown where a partition cannot be read, or too much is retained to be read for an answer', async () => {
    await topic('orders', 2);
    for (const text of ['a', 'b']) await world.append('orders', 1, [plain(text)]);
    await register('orders-value', record('Order', { name: 'n', type: 'int', default: 0 }));
    world.log.degrade({ topic: 'orders', partition: 1 }, 1);
    const { verdict, reasons, census } = await usage();
    expect([verdict, reasons.map((one) => one.code)]).toEqual(['unknown', ['records-unreadable', 'records-unnamed']]);
    expect(census.incomplete).toMatchObject([
      { partition: { topic: 'orders', partition: 1 }, trouble: { code: 'partition-degraded' } },
    ]);
    const small = world.usages({ records: 1, bytes: 1_000 });
    const unread = await small.usageOf(parseSubject('orders-value'), 1, undefined, signal);
    expect([unread.verdict, codes(unread)]).toEqual(['unknown', ['records-not-read']]);
    expect(unread.census.incomplete.map(({ upTo, partition }) => [upTo, partition.to])).toEqual([[0, 2]]);
  });

  it('is unknown where its topic holds values that name no schema', async () => {
    await register('orders-value', record('Order', { name: 'n', type: 'int', default: 0 }));
    await topic('orders');
    await world.append('orders', 0, [{ ...plain('x'), key: null }]);
    const found = await usage();
    expect([found.verdict, codes(found)]).toEqual(['unknown', ['records-unnamed']]);
    expect(found.census.unnamed()).toEqual([{ cluster: 'local', topic: 'orders', part: 'value', records: 1 }]);
  });

  it('shows who refers to it, what its subject is tied to, and what reads its topic', async () => {
    await topic('orders');
    await register('user', record('User', { name: 'o', type: 'Order' }), [
      { name: 'Order', subject: 'orders-value', version: 1 },
    ]);
    world.consumers = [{ kind: 'view', name: 'open-orders', cluster: 'local', topic: 'orders' }];
    const found = await usage();
    expect(found).toMatchObject({
      verdict: 'in-use',
      latest: true,
      referrers: [{ subject: { name: 'user' }, version: 1 }],
      bindings: [{ cluster: 'local', topic: 'orders', part: 'value', strategy: 'topic-name' }],
      consumers: [{ kind: 'view', name: 'open-orders' }],
    });
    expect(codes(found)).toEqual(['schema-referenced', 'latest-of-topic', 'read-by']);
    await register('orders-value', record('Order', { name: 'n', type: 'int', default: 0 }));
    expect(codes(await usage())).toEqual(['schema-referenced']);
  });

  it('is in use while a derived stream has its values with it, unless another version carries the same id', async () => {
    world.derived.set('orders-value@1', 2);
    await register('orders-value', record('Order', { name: 'n', type: 'int', default: 0 }));
    const found = await usage();
    expect([found.verdict, codes(found)]).toEqual(['in-use', ['derived-with']]);
    expect(found.reasons[0]!.message).toBe('2 derived streams have their values with it.');
    await register('copy', record('Order'));
    expect(codes(await usage())).not.toContain('derived-with');
  });

  it('is in use while an alias leads to it as the latest version', async () => {
    await world.registry.settings.setConfig(parseSubject('orders-old'), { alias: 'orders-value' });
    const found = await usage();
    expect([found.verdict, codes(found), found.aliases.map((one) => one.name)]).toEqual([
      'in-use',
      ['alias-leads-here'],
      ['orders-old'],
    ]);
    await register('orders-value', record('Order', { name: 'n', type: 'int', default: 0 }));
    expect((await usage()).verdict).toBe('safe');
  });

  it('knows subjects that are named by topic and record, and cannot tell for those named by record alone', async () => {
    await topic('orders');
    await register('orders-Order', record('Order'));
    await register('Order', record('Order'));
    expect((await usage('orders-Order')).bindings).toMatchObject([{ part: null, strategy: 'topic-record-name' }]);
    const byRecord = await usage('Order');
    expect([byRecord.verdict, codes(byRecord)]).toEqual(['unknown', ['record-name-strategy']]);
    expect(byRecord.carriers.map((one) => one.subject.name).sort()).toEqual(['orders-Order', 'orders-value']);
  });

  it('looks at every generation of a topic, and not at internal topics', async () => {
    await topic('orders--g2');
    await topic('__internal');
    await world.append('orders--g2', 0, [namedById(id)]);
    await world.append('__internal', 0, [namedById(id)]);
    const { counts, census } = await usage();
    expect(counts.map(({ partition }) => [partition.logical, partition.generation, partition.to])).toEqual([
      ['orders', 2, 1],
    ]);
    expect(census.internal).toEqual([{ cluster: 'local', topic: '__internal' }]);
  });

  it('looks at every cluster', async () => {
    const other = new MemoryLogEngine();
    const known = world.store;
    world = Object.assign(new ScanWorld({ far: other }), { store: known });
    ({ id, guid } = await register('orders-value', record('Order')));
    await other.createTopic({ name: 'orders', partitions: 1 });
    const { bindings } = await usage();
    expect(bindings).toMatchObject([{ cluster: 'far', topic: 'orders' }]);
  });

  describe('counted by an operation', () => {
    const NAMES = 6;
    /** Records of every sort, in batches, drawn the same in every run. */
    async function fill(partitions: number, batches: number) {
      await topic('orders', partitions);
      let seed = 7;
      const next = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
      for (let n = 0; n < batches; n++) {
        const records = Array.from({ length: 1 + next(40) }, (): LogRecord => {
          const one = next(NAMES);
          if (one === 0) return plain('p');
          if (one === 1) return namedByGuid(guid);
          if (one === 2) return { ...namedById(id), value: null };
          return namedById(id + one - 3, 'x'.repeat(next(2_000)), next(3) === 0 ? namedById(id).value : null);
        });
        await world.append('orders', next(partitions), records);
      }
    }

    it('is what counting every record gives, wherever the work was cut short', async () => {
      await fill(5, 120);
      const expected = await recount(world, id, guid);
      for (const livesFor of [1, 2, 3, 5]) {
        const scan = await world.start(world.usageHandler(), {});
        let lives = 0;
        // Of what a process fetched last it has saved nothing when it dies.
        while (!(await world.run(scan, world.usageHandler(), livesFor))) lives++;
        expect(lives).toBeGreaterThan(0);
        const { counts, census } = await usage('orders-value', 1, scan);
        expect(counts.reduce((sum, one) => sum + one.keys + one.values, 0)).toBe(expected);
        expect(census.incomplete).toEqual([]);
      }
    });

    it('would be found wrong if the counter missed records', async () => {
      await fill(3, 60);
      const expected = await recount(world, id, guid);
      const counted = async (tally: UsageTally) => {
        const ranges = (await surveyPartitions(world.clusters)).partitions.map(unread);
        const control = { signal, admit: async () => true, settled: async () => undefined };
        await readRanges(ranges, { clusters: world.clusters, clock: world.clock, fold: tally }, control);
        return ranges.reduce((sum, _, index) => {
          const found = tally.tally(index);
          const parts = found === undefined ? [] : [found.key, found.value];
          return (
            sum +
            parts.reduce(
              (all, part) => all + (part.ids.get(id)?.records ?? 0) + (part.guids.get(guid)?.records ?? 0),
              0,
            )
          );
        }, 0);
      };
      expect(await counted(new UsageTally())).toBe(expected);
      expect(await counted(new ForgetfulTally())).toBeLessThan(expected);
    });

    it('takes in what has come since, and says what it did not see where that is too much', async () => {
      await fill(2, 10);
      const scan = await world.start(world.usageHandler(), {});
      await world.run(scan, world.usageHandler());
      await world.append('orders', 0, [namedById(id), namedById(id)]);
      await topic('new');
      await world.append('new', 0, [namedById(id)]);
      const expected = await recount(world, id, guid);
      const { counts, census } = await usage('orders-value', 1, scan);
      expect(counts.reduce((sum, one) => sum + one.keys + one.values, 0)).toBe(expected);
      expect(census.incomplete).toEqual([]);
      const few = world.usages({ records: 2, bytes: 1 << 20 });
      expect((await few.census([], scan, signal)).incomplete.map(({ partition }) => partition.topic).sort()).toEqual([
        'new',
        'orders',
      ]);
    });

    it('forgets what retention has taken since: exactly where nothing is left, at most where something is', async () => {
      await topic('orders');
      await world.append('orders', 0, [namedById(id), namedById(id)]);
      await world.append('orders', 0, [namedById(id + 1), namedById(id)]);
      await world.append('orders', 0, [namedById(id + 1)]);
      const scan = await world.start(world.usageHandler(), {});
      await world.run(scan, world.usageHandler());
      world.log.dropBefore({ topic: 'orders', partition: 0 }, 2);
      expect((await usage('orders-value', 1, scan)).counts).toMatchObject([{ values: 3, exact: false }]);
      expect((await usage('orders-value', 1)).counts).toMatchObject([{ values: 1, exact: true }]);
      world.log.dropBefore({ topic: 'orders', partition: 0 }, 4);
      const left = await usage('orders-value', 1, scan);
      expect([left.counts, left.census.incomplete]).toEqual([[], []]);
    });

    it('knows nothing of a topic that was made anew', async () => {
      await topic('orders');
      await world.append('orders', 0, [namedById(id)]);
      const scan = await world.start(world.usageHandler(), {});
      await world.log.deleteTopic('orders');
      await topic('orders');
      await world.append('orders', 0, [plain('a'), plain('b')]);
      await world.run(scan, world.usageHandler());
      const { counts, census } = await usage('orders-value', 1, scan);
      expect([counts, census.incomplete]).toEqual([[], []]);
    });

    it('goes on where records were taken away under it', async () => {
      await topic('orders');
      await world.append('orders', 0, [namedById(id), namedById(id)]);
      await world.append('orders', 0, [namedById(id)]);
      const scan = await world.start(world.usageHandler(), {});
      world.log.dropBefore({ topic: 'orders', partition: 0 }, 2);
      await world.run(scan, world.usageHandler());
      expect(await world.scans.parts(scan, -1, 10)).toMatchObject([{ position: 3, gone: 2, trouble: null }]);
      expect((await usage('orders-value', 1, scan)).counts).toMatchObject([{ values: 1 }]);
    });

    it('never calls a schema safe when only some topics were looked at', async () => {
      await register('orders-value', record('Order', { name: 'n', type: 'int', default: 0 }));
      await topic('a');
      await topic('b');
      for (const name of ['a', 'b']) await world.append(name, 0, [namedById(id + 1), namedById(id + 1)]);
      const scan = await world.start(world.usageHandler(), { topics: ['a'] });
      await world.run(scan, world.usageHandler());
      const usages = world.usages({ records: 1, bytes: 1_000 });
      const found = await usages.usageOf(parseSubject('orders-value'), 1, scan, signal);
      expect([found.verdict, codes(found)]).toEqual(['unknown', ['records-not-read']]);
      expect((await usages.totals(scan, () => true, { after: '', limit: 10 })).totals).toMatchObject([
        { schemaId: id + 1, values: 2, topics: [{ topic: 'a' }] },
      ]);
    });

    it('is true for instances that do not have the log, which never take it for all there is', async () => {
      await topic('orders', 2);
      await world.append('orders', 0, [namedById(id), namedById(id)]);
      const counted = await world.start(world.usageHandler(), {});
      await world.run(counted, world.usageHandler());
      const ask = (clusters: MemoryClusters, name: string | undefined, subject = 'orders-value') =>
        world.usages(undefined, clusters).usageOf(parseSubject(subject), 1, name, signal);
      const { id: unused } = await register('unused', record('Unused'));
      expect(unused).not.toBe(id);
      const logOfItsOwn = new MemoryClusters(new Map([['local', new MemoryLogEngine()]]));
      for (const clusters of [new MemoryClusters(new Map()), logOfItsOwn]) {
        const told = await ask(clusters, counted);
        expect([told.verdict, told.counts.map(({ values, exact }) => [values, exact])]).toEqual([
          'in-use',
          [[2, false]],
        ]);
        expect(told.census.incomplete.map(({ partition, trouble }) => [partition.partition, trouble?.code])).toEqual([
          [0, 'log-elsewhere'],
          [1, 'log-elsewhere'],
        ]);
        const free = await ask(clusters, counted, 'unused');
        expect([free.verdict, codes(free)]).toEqual(['unknown', expect.arrayContaining(['records-unreadable'])]);
      }
      const logless = await ask(new MemoryClusters(new Map()), undefined, 'unused');
      expect([logless.verdict, codes(logless)]).toEqual(['unknown', ['no-log']]);
    });

    it('is listed page by page, whatever the order in which names were met', async () => {
      await topic('many', 3);
      const met = Array.from({ length: 900 }, (_, n) => 1 + ((n * 7_919) % 400));
      for (const partition of [0, 1, 2]) {
        await world.append(
          'many',
          partition,
          met.filter((_, n) => n % 3 === partition).map((name) => namedById(name)),
        );
      }
      const scan = await world.start(world.usageHandler(), {});
      await world.run(scan, world.usageHandler());
      for (const limit of [1_000, 37, 1]) {
        const listed: (readonly [number, number])[] = [];
        for (let after = ''; ;) {
          const { totals, more } = await world.usages().totals(scan, () => true, { after, limit });
          listed.push(...totals.map(({ schemaId, values }) => [schemaId!, values] as const));
          if (!more) break;
          after = totals.at(-1)!.key;
        }
        const expected = [...new Set(met)].sort((a, b) => a - b);
        expect(listed).toEqual(expected.map((name) => [name, met.filter((one) => one === name).length]));
      }
    });

    it('tells no more names apart than it can keep, and calls none of the others safe', () => {
      const tally = new UsageTally(2);
      const bytes = Buffer.concat([1, 2, 3].map((name) => namedById(name).value!));
      const cursor = (at: number) => ({
        bytes,
        keyAt: 0,
        keyLength: -1,
        valueAt: at * 6,
        valueLength: 6,
        offset: at,
        headers: () => [],
      });
      for (const at of [0, 1, 2]) tally.take(0, cursor(at) as unknown as RecordCursor);
      expect(tally.summary(0)).toMatchObject({
        records: 3,
        value: {
          ids: [
            [1, 1, 0],
            [2, 1, 1],
          ],
          unlisted: 1,
        },
        key: { absent: 3 },
      });
    });
  });
});
