import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import { ManualClock } from '#libs/core/kernel/testing';
import { encodeBatch, recordsFrom, TopicDirectories, type WriterCheckpoint, type WriterCommit } from '#libs/core/log';
import { LogFaults, MemoryLogEngine, MemoryTopicNames, OneCluster } from '#libs/core/log/testing';
import type { LeaseName } from './lease-id.js';
import { Leases } from './leases.js';

/**
 * Random workers, over instances that die at any moment, on a log that loses acknowledgements, loses requests and lets another session come in between. After every step the committed position is
 * compared with what the workers did.
 */
describe('R3: a committed position never passes a record that is not acknowledged', () => {
  it('whatever dies, expires or comes in between, and an acknowledged record never comes again (60 seeds)', async () => {
    for (let seed = 0; seed < 60; seed++) expect(await problemsOf(seed), `seed ${seed}`).toEqual([]);
  });

  it('negative control: positions that are committed one record too far are found', async () => {
    const tooFar = (commit: WriterCommit): WriterCommit => ({
      ...commit,
      positions: commit.positions?.map((one) => ({ ...one, offset: Math.min(one.offset + 1, RECORDS) })),
    });
    expect(await foundIn(20, tooFar)).toBeGreaterThan(15);
  });

  it('negative control: positions without what is unacknowledged bring acknowledged records back, which is found', async () => {
    const apart = (commit: WriterCommit): WriterCommit => ({
      ...commit,
      checkpoints: (commit.checkpoints as readonly WriterCheckpoint[]).filter((one) => !one.key.startsWith('work/')),
    });
    expect(await foundIn(20, apart)).toBeGreaterThan(4);
  });
});

const PARTITIONS = 2;
const RECORDS = 25;
const STEPS = 60;

async function foundIn(seeds: number, meddle: (commit: WriterCommit) => WriterCommit): Promise<number> {
  let found = 0;
  for (let seed = 0; seed < seeds; seed++) if ((await problemsOf(seed, meddle)).length > 0) found++;
  return found;
}

async function problemsOf(seed: number, meddle?: (commit: WriterCommit) => WriterCommit): Promise<readonly string[]> {
  const random = randomOf(seed);
  const clock = new ManualClock();
  const faults = new LogFaults();
  const engine = new MemoryLogEngine({ faults, clock, denseOffsets: seed % 2 === 0 });
  if (meddle !== undefined) meddleWith(engine, meddle);
  await engine.createTopic({ name: 't', partitions: PARTITIONS });
  await engine.createTopic({ name: 'dead', partitions: 1 });
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (let n = 0; n < RECORDS; n += 5) {
      const records = Array.from({ length: 5 }, (_, i) => ({
        key: null,
        value: Buffer.from(`${partition}/${n + i}`),
        headers: [],
        timestamp: 1,
      }));
      await engine.append({ topic: 't', partition }, encodeBatch(records));
    }
  }
  let nonces = 0;
  const directories = new TopicDirectories(new OneCluster(engine), new MemoryTopicNames(), clock);
  const begin = (): Leases => new Leases({ directories, clock, nonce: () => `n${++nonces}` });
  const instances = [begin(), begin()];
  const held: LeaseName[] = [];
  /** What a worker asked to be acknowledged, whatever became of it, and what it was told is. */
  const asked = new Set<string>();
  const told = new Set<string>();
  const problems: string[] = [];

  const step = async (): Promise<void> => {
    const which = random(instances.length);
    const leases = instances[which]!;
    const lease = held[random(held.length)];
    switch (lease === undefined ? 0 : random(9)) {
      case 0: {
        const terms = {
          visibilityMs: 10_000,
          maxRecords: 1 + random(6),
          deadLetter: { topic: 'dead', maxDeliveries: 4 },
        };
        const maxPartitions = 1 + random(PARTITIONS);
        const got = await leases.acquire(undefined, 'g', {
          terms,
          topics: ['t'],
          maxPartitions,
          startAt: 'earliest',
          waitMs: 0,
        });
        if (typeof got !== 'string') held.push({ group: 'g', epoch: got.lease.epoch, nonce: got.lease.nonce });
        return;
      }
      case 1:
      case 2:
      case 3:
      case 4: {
        const page = await leases.read(undefined, lease!, 0);
        const given = await page.take(1 + random(6));
        for (const { partition, record } of given) {
          if (told.has(`${partition}/${record.offset}`)) problems.push(`${partition}/${record.offset} came again`);
        }
        const some = given
          .filter(() => random(3) > 0)
          .map(({ partition, record }) => ({ topic: 't', partition, offset: record.offset, through: false }));
        if (some.length === 0) return;
        if (random(3) === 0) return void (await leases.nack(undefined, lease!, some, random(2) * 3_000));
        for (const { partition, offset } of some) asked.add(`${partition}/${offset}`);
        if (random(4) === 0) clock.advance(random(12_000));
        await leases.ack(undefined, lease!, some);
        for (const { partition, offset } of some) told.add(`${partition}/${offset}`);
        return;
      }
      case 5:
        clock.advance(random(8_000));
        return;
      case 6:
        return void (await leases.extend(undefined, lease!, undefined));
      case 7:
        return await leases.release(undefined, lease!);
      case 8:
        // Dies without a word; another takes its place.
        instances[which] = begin();
        return;
    }
  };

  for (let n = 0; n < STEPS && problems.length === 0; n++) {
    if (random(5) === 0)
      faults.once('commit', { kind: (['lost-acknowledgement', 'lost-request', 'fence'] as const)[random(3)]! });
    try {
      await step();
    } catch (error) {
      if (!isAppError(error)) throw error;
      const expected = ['lease-lost', 'outcome-unknown', 'leases-contended'];
      if (!expected.includes(error.code)) problems.push(`${error.code}: ${error.message}`);
    }
    const buried = await buriedIn(engine);
    for (const { partition, offset } of (await engine.describeGroup('g')).positions) {
      for (let each = 0; each < offset; each++) {
        const record = `${partition}/${each}`;
        if (!asked.has(record) && !buried.includes(record))
          problems.push(`position ${offset} of ${partition} passed ${record}`);
      }
    }
    if (new Set(buried).size < buried.length) problems.push('a record was buried twice');
  }
  return problems;
}

/** Records in the dead letter topic, by partition and offset. */
async function buriedIn(engine: MemoryLogEngine): Promise<readonly string[]> {
  const [part] = await engine.fetch({ positions: [{ topic: 'dead', partition: 0, offset: 0 }], maxBytes: 1_000_000 });
  return [...recordsFrom(part!, 0)].map((record) => String(record.value));
}

function meddleWith(engine: MemoryLogEngine, meddle: (commit: WriterCommit) => WriterCommit): void {
  const open = engine.openWriter.bind(engine);
  engine.openWriter = async (id) => {
    const writer = await open(id);
    const commit = writer.commit.bind(writer);
    writer.commit = (one) => commit(meddle(one));
    return writer;
  };
}

/** Numbers below a bound; the same for the same seed. */
function randomOf(seed: number): (bound: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}
