import { expect } from 'vitest';
import type { CensusView, ReplayView } from '#libs/features/scans';
import type { ServerProcess } from '#libs/platform/testing';
import { ServiceCalls } from '../apps/server/testing/service-calls.js';

export const WRITER =
  '{"type":"record","name":"R","fields":[{"name":"n","type":["null","int"]},{"name":"p","type":"string"}]}';
/** Does not read every record of {@link WRITER}. */
export const CANDIDATE =
  '{"type":"record","name":"R","fields":[{"name":"n","type":"int"},{"name":"p","type":"string"}]}';

/** A topic with a schema, and what is in it. */
export interface Filled {
  readonly topic: string;
  readonly schemaId: number;
  readonly total: number;
  readonly nulls: number;
}

const PARTITIONS = 4;
const BATCHES = 24;
/** Some 100 KB a batch, so that there are several fetches. */
const PADDING = 'x'.repeat(1_000);

/** Writes records of {@link WRITER} to a new topic. @param path of its topics: `/v1`, or `/v1/clusters/{name}`. */
export async function fill({ records: calls }: ServiceCalls, topic: string, path = '/v1'): Promise<Filled> {
  await calls.demand('POST', `${path}/topics`, { name: topic, partitions: PARTITIONS });
  const schemaId = await calls.register(`${topic}-value`, 'AVRO', WRITER);
  let [total, nulls] = [0, 0];
  for (let batch = 0; batch < BATCHES; batch++) {
    const values = Array.from({ length: 100 }, (_, i) => ({ n: (batch * 7 + i) % 9 === 0 ? null : i, p: PADDING }));
    total += values.length;
    nulls += values.filter(({ n }) => n === null).length;
    const records = values.map((value) => ({ value, partition: batch % PARTITIONS }));
    await calls.demand('POST', `${path}/topics/${topic}/records`, { records });
  }
  return { topic, schemaId, total, nulls };
}

/**
 * Plans a scan on an instance that dies while it runs, and starts it there.
 * @param witness an instance that shares the database. @returns the operation's id, as the witness tells it.
 */
export async function beginAndDie(
  victim: ServerProcess,
  { operations: witness }: ServiceCalls,
  path: string,
  body: object,
): Promise<string> {
  const { operations } = new ServiceCalls(() => victim.url);
  const plan = await operations.plan(path, body);
  expect(plan.blockers).toEqual([]);
  // It may be gone before it answers.
  await operations.start(plan).catch(() => undefined);
  expect((await victim.exited).signal).toBe('SIGKILL');
  const { items } = await witness.demand<{ items: { id: string; planHash: string }[] }>(
    'GET',
    `/v1/operations?kind=${plan.kind}`,
  );
  expect(items).toMatchObject([{ planHash: plan.hash }]);
  return items[0]!.id;
}

export function scanned({ operations }: ServiceCalls, scan: string): Promise<CensusView> {
  return operations.demand('GET', `/v1/schema-usage/scans/${scan}?limit=1000`);
}

export function replayed({ operations }: ServiceCalls, replay: string): Promise<ReplayView> {
  return operations.demand('GET', `/v1/schema-replays/${replay}`);
}
