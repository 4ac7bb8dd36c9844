import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '#libs/core/kernel';
import { encodeBatch, type LogEngine, StickyPartitions, TopicDirectories, TopicProducer } from '#libs/core/log';
import { MemoryTopicNames, OneCluster, WallClock } from '#libs/core/log/testing';
import type { OperationHandler } from '#libs/core/operations';
import { MigrationHandler } from '../migrate/handler.js';
import { JsonRecordValues } from '../migrate/record-values.js';
import { NoSchemaIds } from '../migrate/schema-ids.js';
import type { TransformStep } from '../migrate/program.js';
import { JsonRecordDecoder } from '../record-decoder.js';
import { RepartitionHandler } from '../repartition/handler.js';
import { drive, newOperation, runOf, type StoredOperation } from './operation-driver.js';
import { ANY_TIMESTAMP, anyContent, appendContent, fingerprint, readTopic } from './records.js';
import { expectPlaced, pairsOf, textOf } from './repartition-world.js';
import { ScriptedTransforms } from './scripted-transforms.js';
import { appendRows, rekeyed, type RowChange, tableOf } from './tables.js';

/** A log on which the conditions are tried. */
export interface ConditionsSubject {
  /** Opens it. Others may use it as well. */
  open(): Promise<LogEngine>;
  /** Begins names of topics, groups and operations: nobody else's do. */
  readonly mark: string;
  /** Cases of each property: on a cluster each takes seconds. */
  readonly runs: number;
}

const clock = new WallClock();
/** For a hang alone. */
const PATIENT = { groups: { mode: 'duplicates' }, cutover: { maxPauseMs: 60_000 } };
const LONGEST_MS = 300_000;

/** A step, and what it makes of a value by an oracle that shares nothing with the pipeline. */
const STEPS: readonly (readonly [TransformStep, (value: JsonObject) => JsonObject])[] = [
  [
    { rename: 'value.name', to: 'title' },
    ({ name, ...rest }) => (name === undefined ? rest : { ...rest, title: name }),
  ],
  [{ remove: 'value.tmp' }, ({ tmp: _, ...rest }) => rest],
  [{ set: 'value.double', cel: 'twice' }, (value) => ({ ...value, double: Number(value['amount']) * 2 })],
];
const TRANSFORMS = new ScriptedTransforms({
  large: ({ value }) => Number((value as JsonObject)['amount']) > 5,
  twice: ({ value }) => Number((value as JsonObject)['amount']) * 2,
});

const anyValue = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record(
        { amount: fc.integer({ min: 0, max: 10 }), name: fc.string({ maxLength: 8 }), tmp: fc.constantFrom(null, 1) },
        { requiredKeys: ['amount'] },
      )
      .map((value) => JSON.stringify(value)),
  },
  { weight: 1, arbitrary: fc.constantFrom(null, 'not json') },
);

/** One log, the names on it, and operations driven one after another. */
class Conditions {
  readonly names = new MemoryTopicNames();
  readonly directories: TopicDirectories;
  readonly repartitions: RepartitionHandler;
  readonly migrations: MigrationHandler;
  #number = 0;

  constructor(
    readonly log: LogEngine,
    private readonly mark: string,
  ) {
    this.directories = new TopicDirectories(new OneCluster(log), this.names, clock);
    const tools = { directories: this.directories, names: this.names, clock };
    const tuning = { tailWaitMs: 2, stragglerMs: 2, stepBytes: 300 };
    this.repartitions = new RepartitionHandler({ ...tools, tuning, decoder: new JsonRecordDecoder() });
    this.migrations = new MigrationHandler({
      ...{ ...tools, tuning, transforms: TRANSFORMS },
      ...{ values: new JsonRecordValues(), schemaIds: new NoSchemaIds() },
    });
  }

  fresh(): string {
    return `${this.mark}-${this.#number++}`;
  }

  async physical(topic: string): Promise<string> {
    return (await this.directories.of().resolve(topic)).physical;
  }

  async switched(handler: OperationHandler, request: JsonObject): Promise<StoredOperation> {
    const operation = newOperation(this.fresh(), await handler.plan({ ...PATIENT, ...request }));
    expect(operation.plan.blockers).toEqual([]);
    await drive(handler, operation, { until: 'SWITCHED' });
    expect(operation.notes['verification']).toMatchObject({ state: 'passed', mismatchCount: 0 });
    return operation;
  }

  async write(topic: string, values: readonly string[]): Promise<void> {
    const producer = new TopicProducer(this.directories.of(), new StickyPartitions(() => 0.5));
    const records = values.map((value) => {
      return { key: Buffer.from('k'), value: Buffer.from(value), headers: [], timestamp: clock.now() };
    });
    const { outcomes } = await producer.produce(topic, records, { maxHoldMs: 60_000 });
    for (const outcome of outcomes) if ('error' in outcome) throw outcome.error;
  }
}

/** The conditions of copies as properties against oracles, on one log: C, O, P and G of repartitions, T of tables, M2 to M4 of migrations. */
export function generationConditions(name: string, { open, mark, runs }: ConditionsSubject): void {
  describe(`conditions of copies, ${name}`, () => {
    let world: Conditions;
    beforeAll(async () => {
      world = new Conditions(await open(), mark);
    });
    afterAll(() => world.log.close());

    it(
      'C, O, P, G: a repartition moves every record once, byte for byte, in order and where its key belongs; a group misses nothing and repeats what was announced',
      async () => {
        const scenario = fc.integer({ min: 1, max: 4 }).chain((sources) =>
          fc.record({
            sources: fc.constant(sources),
            targets: fc.integer({ min: 1, max: 8 }).filter((targets) => targets !== sources),
            content: anyContent(sources, { maxBatches: 4 }),
            read: fc.array(fc.nat(100), { minLength: sources, maxLength: sources }),
          }),
        );
        await fc.assert(
          fc.asyncProperty(scenario, async ({ sources, targets, content, read }) => {
            const { log } = world;
            const topic = world.fresh();
            const group = `${topic}-readers`;
            await log.createTopic({ name: topic, partitions: sources, config: ANY_TIMESTAMP });
            await appendContent(log, topic, content);
            const before = await readTopic(log, topic);
            const positions = before.map((records, partition) => {
              const place = read[partition]! % (records.length + 1);
              return { topic, partition, offset: records[place]?.offset ?? (records.at(-1)?.offset ?? -1) + 1 };
            });
            await log.commitPositions(group, positions);
            const request = { topic, target: { partitions: targets }, reverseTail: false };
            const operation = await world.switched(world.repartitions, request);
            const physical = await world.physical(topic);
            const after = await readTopic(log, physical);
            expectPlaced(after);
            const expected = [...pairsOf(before, targets)];
            after.forEach((records, t) => {
              const there = expected.filter(([pair]) => pair.endsWith(`>${t}`)).flatMap(([, list]) => list);
              expect(records.map(fingerprint).sort()).toEqual(there.sort());
            });
            for (const [partition, records] of before.entries()) {
              const own = new Set(records.map(({ key }) => key && textOf(key)));
              for (const key of own) {
                const elsewhere = before.some((all, at) => at !== partition && all.some((one) => keyed(one.key, key)));
                if (key === null || elsewhere) continue;
                const of = (all: typeof records): string[] => all.filter((one) => keyed(one.key, key)).map(fingerprint);
                expect(of(after.flat())).toEqual(of(records));
              }
            }
            const carried = (await log.describeGroup(group)).positions.filter((one) => one.topic === physical);
            const at = (list: readonly { partition: number; offset: number }[], partition: number): number =>
              list.find((one) => one.partition === partition)?.offset ?? 0;
            const left = (all: typeof before, list: readonly { partition: number; offset: number }[]): string[] =>
              all
                .flatMap((records, p) => records.filter(({ offset }) => offset >= at(list, p)).map(fingerprint))
                .sort();
            const [unread, nowUnread] = [left(before, positions), left(after, carried)];
            const told = operation.notes['groups'] as unknown as readonly { duplicatesExpected: number }[];
            expect(nowUnread.length).toBe(unread.length + told[0]!.duplicatesExpected);
            for (const one of unread) {
              const place = nowUnread.indexOf(one);
              expect(place, one).toBeGreaterThanOrEqual(0);
              nowUnread.splice(place, 1);
            }
            await world.repartitions.finish(runOf(operation));
            await world.directories.of().delete(topic);
          }),
          { numRuns: runs },
        );
      },
      LONGEST_MS,
    );

    it(
      'T: the table of a repartition by another key is the table of its source, under the new keys',
      async () => {
        const changes = fc.array(
          fc.record({ id: fc.constantFrom('p0', 'p1', 'p2'), town: fc.option(fc.constantFrom('a', 'b')) }),
          { maxLength: 25 },
        );
        const rows = (list: readonly { id: string; town: string | null }[], from: number): RowChange[] =>
          list.map(({ id, town }, i) => ({
            key: id,
            value: town === null ? null : { town: `${id}-${town}`, n: from + i },
          }));
        await fc.assert(
          fc.asyncProperty(changes, changes, async (first, later) => {
            const { log } = world;
            const topic = world.fresh();
            await log.createTopic({ name: topic, partitions: 2, config: { 'cleanup.policy': 'compact' } });
            await appendRows(log, topic, rows(first, 0));
            const key = { expr: 'value.town', semantics: 'table' };
            const request = { ...PATIENT, topic, target: { partitions: 3, key } };
            const operation = newOperation(world.fresh(), await world.repartitions.plan(request));
            expect(operation.plan.blockers).toEqual([]);
            await drive(world.repartitions, operation, { until: 'READY' });
            await appendRows(log, topic, rows(later, first.length), 1_700_000_100_000);
            const before = (await readTopic(log, topic)).flat();
            await drive(world.repartitions, operation, { until: 'SWITCHED' });
            const after = await readTopic(log, await world.physical(topic));
            expectPlaced(after);
            expect(tableOf(after)).toEqual(rekeyed(before, (value) => value['town']));
            await world.repartitions.finish(runOf(operation));
            await world.directories.of().delete(topic);
          }),
          { numRuns: runs },
        );
      },
      LONGEST_MS,
    );

    it(
      'M2, M4: a migration gives every record what its steps make of it, in its partition and order, and accounts for all of them',
      async () => {
        const scenario = fc.record({
          content: fc.array(
            fc.array(fc.record({ key: fc.constantFrom('a', 'b', null), value: anyValue }), { maxLength: 10 }),
            { minLength: 1, maxLength: 3 },
          ),
          steps: fc.shuffledSubarray([...STEPS], { minLength: 1 }),
          filter: fc.constantFrom(undefined, 'large'),
          policy: fc.constantFrom('dlq' as const, 'pass-through' as const),
        });
        await fc.assert(
          fc.asyncProperty(scenario, async ({ content, steps, filter, policy }) => {
            const { log } = world;
            const topic = world.fresh();
            await log.createTopic({ name: topic, partitions: content.length });
            for (const [partition, records] of content.entries()) {
              for (const { key, value } of records) {
                const bytes = { key: key && Buffer.from(key), value: value === null ? null : Buffer.from(value) };
                await log.append({ topic, partition }, encodeBatch([{ ...bytes, headers: [], timestamp: 7 }]));
              }
            }
            const operation = await world.switched(world.migrations, {
              topic,
              transform: { up: steps.map(([step]) => step) as unknown as JsonValue },
              ...(filter === undefined ? {} : { filter }),
              poison: { policy },
            });
            let [poison, leftOut] = [0, 0];
            const expected = content.map((records) =>
              records.flatMap(({ key, value }): JsonValue[] => {
                if (value === null) return [[key, null]];
                if (value === 'not json') {
                  poison++;
                  return policy === 'dlq' ? [] : [[key, value]];
                }
                const json = JSON.parse(value) as JsonObject;
                if (filter !== undefined && Number(json['amount']) <= 5) {
                  leftOut++;
                  return [];
                }
                return [[key, steps.reduce((one, [, change]) => change(one), json)]];
              }),
            );
            const after = await readTopic(log, await world.physical(topic));
            expect(after.map((records) => records.map(plain))).toEqual(expected);
            const read = content.flat().length;
            const written = expected.flat().length;
            const dlq = policy === 'dlq' ? poison : 0;
            expect(operation.notes['errors']).toMatchObject({ read, written, leftOut, poison, dlq });
            expect(written + leftOut + dlq).toBe(read);
            expect(operation.notes['verification']).toMatchObject({ level: 'full', checked: written, total: written });
            await world.migrations.finish(runOf(operation));
            await world.directories.of().delete(topic);
            if (policy === 'dlq') await log.deleteTopic(`${topic}.dlq`);
          }),
          { numRuns: runs },
        );
      },
      LONGEST_MS,
    );

    it(
      'M3: a migration that is rolled back leaves what there was, and what was written since where the way back takes it along',
      async () => {
        const names = fc.array(fc.string({ maxLength: 6 }), { minLength: 1, maxLength: 6 });
        await fc.assert(
          fc.asyncProperty(names, names, async (before, since) => {
            const { log } = world;
            const topic = world.fresh();
            await log.createTopic({ name: topic, partitions: 2 });
            const value = (name: string, member: string): string => JSON.stringify({ amount: 1, [member]: name });
            await world.write(
              topic,
              before.map((name) => value(name, 'name')),
            );
            const operation = await world.switched(world.migrations, {
              topic,
              transform: { up: [{ rename: 'value.name', to: 'title' }] },
            });
            // Where a fence holds back only writers of ours, nobody writes to the old side.
            const added = log.capabilities.fencing === 'topic' ? since : [];
            await world.write(
              topic,
              added.map((name) => value(name, 'title')),
            );
            operation.phase = 'ROLLING_BACK';
            await drive(world.migrations, operation, { until: 'ROLLED_BACK' });
            expect(await world.physical(topic)).toBe(topic);
            const values = (await readTopic(log, topic))
              .flat()
              .map((one) => JSON.parse(textOf(one.value)) as JsonValue);
            expect(values).toEqual([...before, ...added].map((name) => ({ amount: 1, name })));
            await world.directories.of().delete(topic);
          }),
          { numRuns: runs },
        );
      },
      LONGEST_MS,
    );
  });
}

const keyed = (bytes: Uint8Array | null, key: string | null): boolean =>
  bytes !== null && key !== null && textOf(bytes) === key;

/** Key and value of a record, the value as JSON where it is any. */
function plain({ key, value }: { readonly key: Uint8Array | null; readonly value: Uint8Array | null }): JsonValue {
  const name = key && textOf(key);
  if (value === null) return [name, null];
  const text = textOf(value);
  return [name, text.startsWith('{') ? (JSON.parse(text) as JsonValue) : text];
}
