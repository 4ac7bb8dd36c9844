import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp } from '#libs/platform/testing';
import { type RunningService, runService } from '../../apps/server/testing/running-service.js';
import { type KafkaService, startKafka } from '../../scripts/services/kafka.mjs';
import { beside } from '../beside.js';
import { until } from './three-nodes.js';

const KEYS = 40;
/** Written before the first repartition; so many more come while it goes on. */
const FIRST = 900;
/** Longest waits, which are for a hang alone: on a busy machine everything takes many times as long. */
const SOON = { timeout: 240_000, interval: 50 };
const CONSOLE_CONSUMER = 'org.apache.kafka.tools.consumer.ConsoleConsumer';

interface Operation {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly progress: { readonly records: { readonly done: number } } | null;
  readonly verification: unknown;
  readonly groups: readonly { readonly group: string }[];
  readonly cutover: { readonly lastAttempt: { readonly outcome: string; readonly reason: string | null } | null };
}
interface HandedOut {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly key: string;
  readonly value: number;
}

describe('a repartition on Apache Kafka from 6 partitions to 24 and back, under writers, a leased group and a stock client, with the broker killed', () => {
  let kafka: KafkaService;
  let running: RunningService;
  const calls = new DataPlaneCalls(overHttp(() => running.url));
  let written: number;

  // A broker of its own for each attempt: one that an attempt before it left dead, or full, is none.
  beforeEach(async () => {
    written = 0;
    kafka = await startKafka();
    const clusters = { kafka: { bootstrapServers: kafka.bootstrapServers.split(',') } };
    running = await runService({ WEIR_CLUSTERS: JSON.stringify(clusters), WEIR_DEFAULT_CLUSTER: 'kafka' });
  });
  afterEach(async () => {
    await running?.stop();
    await kafka?.stop();
  });

  /** Writes the next numbers, once, however often that has to be asked for. */
  async function write(count: number): Promise<void> {
    const records = Array.from({ length: count }, (_, i) => ({ key: `k${(written + i) % KEYS}`, value: written + i }));
    const key = randomUUID();
    await until('records are written', async () => {
      const { status } = await calls.post('/v1/topics/flights/records', { records }, undefined, {
        'idempotency-key': key,
      });
      return status === 200;
    });
    written += count;
  }

  /** Works as a group under leases; what was acknowledged comes to `seen`. Refusals are those of a cutover or of a broker that is gone. */
  async function workOff(seen: HandedOut[]): Promise<'nothing' | 'some'> {
    const terms = { topics: ['flights'], maxRecords: 200, visibilityMs: 60_000, waitMs: 0, startAt: 'earliest' };
    const acquired = await calls.post<{ lease: { id: string } | null }>('/v1/groups/desk/leases', terms);
    const id = acquired.status < 300 ? acquired.json.lease?.id : undefined;
    if (id === undefined) return 'nothing';
    let outcome: 'nothing' | 'some' = 'nothing';
    for (;;) {
      const read = await calls.get<{ records: readonly HandedOut[] }>(`/v1/leases/${id}/records?wait=0`);
      if (read.status !== 200 || read.json.records.length === 0) break;
      const given = read.json.records;
      const places = given.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
      if ((await calls.post(`/v1/leases/${id}:ack`, { records: places })).status >= 300) break;
      seen.push(...given);
      outcome = 'some';
    }
    await calls.post(`/v1/leases/${id}:release`);
    return outcome;
  }

  /** Works until the group has acknowledged everything that was written. */
  async function workUp(seen: HandedOut[]): Promise<void> {
    await until('the group has read everything', async () => {
      await workOff(seen);
      return new Set(seen.map((one) => one.value)).size === written;
    });
  }

  /** What Kafka's own client reads as a member of its group, numbers by key, so many at most. */
  async function stock(topic: string, most: number): Promise<readonly (readonly [string, number])[]> {
    const output = await kafka.tool(CONSOLE_CONSUMER, [
      ...['--bootstrap-server', kafka.bootstrapServers, '--topic', topic, '--group', 'stock', '--from-beginning'],
      ...['--isolation-level', 'read_committed', '--max-messages', String(most), '--timeout-ms', '60000'],
      ...['--property', 'print.key=true', '--property', 'key.separator=|'],
    ]);
    return output
      .split('\n')
      .filter((line) => /^k\d+\|\d+$/.test(line))
      .map((line) => line.split('|') as [string, string])
      .map(([key, value]) => [key, Number(value)]);
  }

  const operation = async (id: string): Promise<Operation> =>
    await calls.demand<Operation>('GET', `/v1/operations/${id}`);

  async function reached(id: string, state: string): Promise<void> {
    await expect
      .poll(async () => {
        const { state: now, reason } = await operation(id);
        return now === 'FAILED' ? `FAILED: ${reason}` : now;
      }, SOON)
      .toBe(state);
    expect((await operation(id)).verification).toMatchObject({ state: 'passed', mismatches: [] });
  }

  async function started(
    partitions: number,
    maxPauseMs: number,
    throttle: { readonly recordsPerSecond?: number } = {},
  ): Promise<string> {
    let id = '';
    // What the plan rests on may have changed between it and its start: a group that came, for one.
    await until('a plan is started', async () => {
      const plan = await calls.demand<{ hash: string; blockers: string[] }>('POST', '/v1/repartitions/plans', {
        topic: 'flights',
        target: { partitions },
        groups: { mode: 'drain' },
        cutover: { mode: 'auto', maxPauseMs },
      });
      expect(plan.blockers).toEqual([]);
      const { status, json } = await calls.post<Operation>('/v1/operations', { planHash: plan.hash, throttle });
      id = json.id;
      return status < 300;
    });
    return id;
  }

  /** The topic behind the name, as clients of Kafka see it. */
  async function physicalName(): Promise<string> {
    const names = await kafka.tool('org.apache.kafka.tools.TopicCommand', [
      ...['--bootstrap-server', kafka.bootstrapServers, '--list'],
    ]);
    const generations = names.split('\n').filter((name) => /^flights--g\d+$/.test(name));
    return generations.sort((a, b) => Number(a.split('--g')[1]) - Number(b.split('--g')[1])).at(-1)!;
  }

  /** A client has read every number once. */
  function expectNumbers(read: readonly (readonly [string, number])[]): void {
    const numbers = read.map(([, value]) => value).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: written }, (_, n) => n));
  }

  /** What a leased group had in hand when the broker died may have come again; of each key nothing was passed over. */
  function expectInOrder(seen: readonly HandedOut[]): void {
    const firsts = new Map<string, number[]>();
    for (const { key, value } of seen) {
      const list = firsts.get(key) ?? [];
      if (!list.includes(value)) firsts.set(key, [...list, value]);
    }
    for (const [key, list] of firsts) expect(list, key).toEqual([...list].sort((a, b) => a - b));
  }

  /** Every number there is, once, those of a key in their order. */
  async function expectAll(): Promise<void> {
    const found = new Map<string, number[]>();
    for (let at = 'from=start'; ;) {
      const page = await calls.page('flights', `${at}&limit=1000`);
      for (const { key, value } of page.records)
        found.set(String(key), [...(found.get(String(key)) ?? []), Number(value)]);
      if (page.records.length === 0) break;
      at = `cursor=${page.next}`;
    }
    for (const [key, list] of found) expect(list, key).toEqual([...list].sort((a, b) => a - b));
    const all = [...found.values()].flat().sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: written }, (_, n) => n));
  }

  it('loses, repeats and reorders nothing for writers; the stock client goes on exactly where it was, under the new name, also in fewer partitions, which are waited with until it has read everything', async () => {
    await calls.topic('flights', 6);
    while (written < FIRST) await write(100);
    const seen: HandedOut[] = [];
    await workUp(seen);
    const before = await stock('flights', 300);
    expect(before).toHaveLength(300);

    let going = true;
    const writing = (async () => {
      for (; going; await delay(20)) await write(5);
    })();
    const working = (async () => {
      for (; going; await delay(20)) await workOff(seen).catch(() => 'nothing');
    })();
    const ends = (): void => void (going = false);
    let wide = '';
    await beside<unknown>([writing, working], ends, async () => {
      wide = await started(24, 60_000, { recordsPerSecond: 150 });
      // In the middle of the copy, which is held back for that.
      await expect.poll(async () => (await operation(wide)).progress?.records.done ?? 0, SOON).toBeGreaterThan(100);
      const [broker] = kafka.nodes;
      await broker!.kill();
      expect((await operation(wide)).state).not.toBe('SWITCHED');
      broker!.start();
      await broker!.untilServing(1);
      await calls.demand('POST', `/v1/operations/${wide}:throttle`, { recordsPerSecond: null });
      await reached(wide, 'SWITCHED');
    });
    await write(50);
    await expectAll();
    const topic = await calls.demand<{ partitionCount: number; physical?: string }>('GET', '/v1/topics/flights');
    expect(topic.partitionCount).toBe(24);

    // Restarted on the new name it reads what it had not read, and nothing else.
    const read = [...before];
    const wideName = await physicalName();
    read.push(...(await stock(wideName, written - read.length)));
    expectNumbers(read);
    await workUp(seen);

    await calls.demand('POST', `/v1/operations/${wide}:finish`);
    await expect.poll(async () => (await operation(wide)).state, SOON).toBe('FINISHED');
    expectInOrder(seen);

    // Narrowed it has an exact place for a group only when that has read everything: while the stock client is away the cutover is undone by its name, and writers go on.
    await write(50);
    const sinceWide = seen.length;
    going = true;
    const leased = (async () => {
      for (; going; await delay(20)) await workOff(seen).catch(() => 'nothing');
    })();
    try {
      const narrow = await started(6, 6_000);
      await expect
        .poll(async () => (await operation(narrow)).cutover.lastAttempt, SOON)
        .toMatchObject({ outcome: 'undone', reason: expect.stringContaining("group 'stock'") as string });
      await write(50);
      read.push(...(await stock(wideName, written - read.length)));
      expectNumbers(read);
      await reached(narrow, 'SWITCHED');
      expect((await operation(narrow)).groups).toEqual(
        expect.arrayContaining(
          ['desk', 'stock'].map((group) =>
            expect.objectContaining({ group, translation: 'exact', duplicatesExpected: 0 }),
          ),
        ),
      );
    } finally {
      going = false;
      await leased;
    }
    expect((await calls.demand<{ partitionCount: number }>('GET', '/v1/topics/flights')).partitionCount).toBe(6);
    await write(50);
    await expectAll();
    read.push(...(await stock(await physicalName(), 50)));
    expectNumbers(read);
    await workUp(seen);
    const narrowed = seen.slice(sinceWide).map((one) => one.value);
    expect(narrowed.sort((a, b) => a - b)).toEqual(Array.from({ length: 150 }, (_, n) => written - 150 + n));
    expectInOrder(seen);
  }, 600_000);
});
