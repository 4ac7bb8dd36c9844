import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '#libs/core/kernel';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp } from '#libs/platform/testing';
import { type RunningService, runService } from '../../apps/server/testing/running-service.js';
import { type KafkaService, startKafka } from '../../scripts/services/kafka.mjs';
import { beside } from '../beside.js';
import { until } from './three-nodes.js';

/** Longest waits, which are for a hang alone: on a busy machine everything takes many times as long. */
const SOON = { timeout: 240_000, interval: 50 };

interface Operation {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly progress: { readonly records: { readonly done: number } } | null;
  readonly verification: unknown;
}
interface Row {
  readonly key: string;
  readonly value: JsonValue;
}

describe('switches on Apache Kafka with the broker killed in the middle', () => {
  let kafka: KafkaService;
  let running: RunningService;
  const calls = new DataPlaneCalls(overHttp(() => running.url));

  // A broker of its own for each attempt: one that an attempt before it left dead, or full, is none.
  beforeEach(async () => {
    kafka = await startKafka();
    const clusters = { kafka: { bootstrapServers: kafka.bootstrapServers.split(',') } };
    running = await runService({ WEIR_CLUSTERS: JSON.stringify(clusters), WEIR_DEFAULT_CLUSTER: 'kafka' });
  });
  afterEach(async () => {
    await running?.stop();
    await kafka?.stop();
  });

  /** Writes records once, however often that has to be asked for. */
  async function write(topic: string, records: readonly Row[]): Promise<void> {
    const key = randomUUID();
    await until('records are written', async () => {
      const path = `/v1/topics/${topic}/records`;
      return (await calls.post(path, { records }, undefined, { 'idempotency-key': key })).status === 200;
    });
  }

  const operation = async (id: string): Promise<Operation> =>
    await calls.demand<Operation>('GET', `/v1/operations/${id}`);

  /** Starts a plan held back, kills the broker in the middle of the copy, and lets it go on when the broker is there again. */
  async function throughDeath(kind: string, request: JsonObject, midway: number): Promise<string> {
    let id = '';
    await until('a plan is started', async () => {
      const plan = await calls.demand<{ hash: string; blockers: string[] }>('POST', `/v1/${kind}/plans`, {
        ...request,
        cutover: { mode: 'auto', maxPauseMs: 60_000 },
      });
      expect(plan.blockers).toEqual([]);
      const throttle = { recordsPerSecond: 100 };
      const { status, json } = await calls.post<Operation>('/v1/operations', { planHash: plan.hash, throttle });
      id = json.id;
      return status < 300;
    });
    await expect.poll(async () => (await operation(id)).progress?.records.done ?? 0, SOON).toBeGreaterThan(midway);
    const [broker] = kafka.nodes;
    await broker!.kill();
    expect((await operation(id)).state).not.toBe('SWITCHED');
    broker!.start();
    await broker!.untilServing(1);
    await calls.demand('POST', `/v1/operations/${id}:throttle`, { recordsPerSecond: null });
    await expect
      .poll(async () => {
        const { state, reason } = await operation(id);
        return state === 'FAILED' ? `FAILED: ${reason}` : state;
      }, SOON)
      .toBe('SWITCHED');
    expect((await operation(id)).verification).toMatchObject({ state: 'passed', mismatches: [] });
    return id;
  }

  /** Everything the topic has, in the order of each key. */
  async function all(topic: string): Promise<Row[]> {
    const rows: Row[] = [];
    for (let at = 'from=start'; ;) {
      const page = await calls.page(topic, `${at}&limit=1000`);
      rows.push(...page.records.map(({ key, value }) => ({ key: String(key), value: value as JsonValue })));
      if (page.records.length === 0) return rows;
      at = `cursor=${page.next}`;
    }
  }

  const finished = async (id: string): Promise<void> => {
    await calls.demand('POST', `/v1/operations/${id}:finish`);
    await expect.poll(async () => (await operation(id)).state, SOON).toBe('FINISHED');
  };

  it('of two topics in one step: both are switched, and writers lose, repeat and reorder nothing', async () => {
    const both = ['orders', 'payments'];
    for (const topic of both) await calls.topic(topic, 3);
    let written = 0;
    const writeBoth = async (count: number): Promise<void> => {
      const records = Array.from({ length: count }, (_, i) => ({ key: `k${(written + i) % 20}`, value: written + i }));
      for (const topic of both) await write(topic, records);
      written += count;
    };
    while (written < 400) await writeBoth(100);
    let going = true;
    const writing = (async () => {
      for (; going; await delay(20)) await writeBoth(5);
    })();
    const ends = (): void => void (going = false);
    let id = '';
    await beside([writing], ends, async () => {
      const request = { topics: both, target: { partitions: 6 }, groups: { mode: 'drain' } };
      id = await throughDeath('repartitions', request, 100);
    });
    await writeBoth(20);
    for (const topic of both) {
      expect(await calls.demand('GET', `/v1/topics/${topic}`)).toMatchObject({ partitionCount: 6 });
      const found = new Map<string, number[]>();
      for (const { key, value } of await all(topic)) found.set(key, [...(found.get(key) ?? []), Number(value)]);
      for (const [key, list] of found) expect(list, key).toEqual([...list].sort((a, b) => a - b));
      const numbers = [...found.values()].flat().sort((a, b) => a - b);
      expect(numbers, topic).toEqual(Array.from({ length: written }, (_, n) => n));
    }
    await finished(id);
  }, 600_000);

  it('of a table to another key: each row is under its new key as it was written last', async () => {
    await calls.demand('POST', '/v1/topics', {
      name: 'people',
      partitions: 3,
      config: { 'cleanup.policy': 'compact' },
    });
    const rows = new Map<string, JsonObject>();
    let n = 0;
    const change = async (count: number, ends: boolean): Promise<void> => {
      for (let i = 0; i < count; i += 20) {
        const records = Array.from({ length: 20 }, (): Row => {
          const id = `p${n % 30}`;
          const value = ends && n % 11 === 10 ? null : { id, town: `${id}-${Math.floor(n / 30) % 4}`, n };
          n++;
          if (value === null) rows.delete(id);
          else rows.set(id, value);
          return { key: id, value };
        });
        await write('people', records);
      }
    };
    await change(400, true);
    let going = true;
    const writing = (async () => {
      for (; going; await delay(50)) await change(20, false);
    })();
    const ends = (): void => void (going = false);
    let id = '';
    await beside([writing], ends, async () => {
      const key = { expr: 'value.town', semantics: 'table' };
      id = await throughDeath('repartitions', { topic: 'people', target: { partitions: 4, key } }, 100);
    });
    // From the switch on whoever moves a row ends the one before it, which this writer does not: so rows that are there are looked for, and nothing else.
    const table = new Map<string, JsonValue>();
    for (const { key, value } of await all('people')) {
      if (value === null) table.delete(key);
      else table.set(key, value);
    }
    for (const row of rows.values()) expect(table.get(String(row['town']))).toEqual(row);
    await finished(id);
  }, 600_000);
});
