import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { decodeBatch, encodeBatch, logErrors, TopicDirectories } from '#libs/core/log';
import { LogFaults, MemoryLogEngine, MemoryLogStorage, MemoryTopicNames, OneCluster } from '#libs/core/log/testing';
import { formatLeaseId, parseLeaseId, type LeaseName } from './lease-id.js';
import { LEASE_LIMITS } from './lease.js';
import type { HeldLease } from './held-lease.js';
import type { LeaseRequest } from './lease-choice.js';
import { Leases } from './leases.js';

const TERMS = { visibilityMs: 30_000, maxRecords: 10, deadLetter: null };
const ASKED: LeaseRequest = { terms: TERMS, topics: ['t'], maxPartitions: 1, startAt: 'earliest', waitMs: 0 };

/** A log with instances of the service over it, which can be ended and begun anew. */
class World {
  readonly clock = new ManualClock();
  readonly storage = new MemoryLogStorage();
  readonly faults = new LogFaults();
  readonly names = new MemoryTopicNames();
  engine = this.open();
  #nonces = 0;

  private open(): MemoryLogEngine {
    const { storage, faults, clock } = this;
    return new MemoryLogEngine({ storage, faults, clock });
  }

  instance(): Leases {
    const directories = new TopicDirectories(new OneCluster(this.engine), this.names, this.clock);
    return new Leases({ directories, clock: this.clock, nonce: () => `n${++this.#nonces}` });
  }

  async topic(name: string, partitions = 1): Promise<void> {
    await this.engine.createTopic({ name, partitions });
  }

  async append(partition: number, count: number, topic = 't'): Promise<void> {
    const records = Array.from({ length: count }, (_, n) => ({
      key: Buffer.from(`k${n}`),
      value: Buffer.from(`v${n}`),
      headers: [],
      timestamp: 1,
    }));
    await this.engine.append({ topic, partition }, encodeBatch(records));
  }

  async position(partition = 0, topic = 't'): Promise<number | undefined> {
    const { positions } = await this.engine.describeGroup('g');
    return positions.find((one) => one.topic === topic && one.partition === partition)?.offset;
  }
}

async function worldWith(records: number, partitions = 1): Promise<World> {
  const world = new World();
  await world.topic('t', partitions);
  for (let partition = 0; partition < partitions && records > 0; partition++) await world.append(partition, records);
  return world;
}

async function acquired(leases: Leases, request: Partial<LeaseRequest> = {}): Promise<LeaseName & HeldLease> {
  const held = await leases.acquire(undefined, 'g', { ...ASKED, ...request });
  if (typeof held === 'string') throw new Error(`no lease: ${held}`);
  return { ...held, group: 'g', epoch: held.lease.epoch, nonce: held.lease.nonce };
}

/** Offsets and deliveries of what is handed out, as `offset×deliveries`. */
async function handed(leases: Leases, name: LeaseName, most = Infinity): Promise<readonly string[]> {
  const page = await leases.read(undefined, name, 0);
  const records = await page.take(Math.min(most, page.due.length));
  return records.map(({ record, deliveries }) => `${record.offset}×${deliveries}`);
}

const at = (offset: number, through = false) => ({ topic: 't', partition: 0, offset, through });

const refusalOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'nothing was refused',
    (error: unknown) => error,
  );

describe('a lease', () => {
  it('is over partitions nobody else holds, the furthest behind first', async () => {
    const world = await worldWith(1, 2);
    await world.append(1, 5);
    const leases = world.instance();
    expect((await acquired(leases)).lease.partitions).toEqual([{ topic: 't', partition: 1 }]);
    expect((await acquired(leases)).lease.partitions).toEqual([{ topic: 't', partition: 0 }]);
    expect(await leases.acquire(undefined, 'g', ASKED)).toBe('held');
    expect(await leases.acquire(undefined, 'other', { ...ASKED, partitions: [0] })).toMatchObject({
      lease: { epoch: 1 },
    });
  });

  it('hands out records in order, and the same ones again until they are acknowledged, counting one delivery', async () => {
    const world = await worldWith(20);
    const leases = world.instance();
    const lease = await acquired(leases, { terms: { ...TERMS, maxRecords: 3 } });
    expect(await handed(leases, lease)).toEqual(['0×1', '1×1', '2×1']);
    expect(await handed(leases, lease)).toEqual(['0×1', '1×1', '2×1']);
    await leases.ack(undefined, lease, [at(0)]);
    expect(await handed(leases, lease)).toEqual(['1×1', '2×1', '3×1']);
    expect(await world.position()).toBe(1);
  });

  it('waits where another of its partitions has no room for what is there, and looks no more often for that', async () => {
    const world = await worldWith(1, 2);
    const { unackedPerPartition: most } = LEASE_LIMITS;
    await world.append(0, 1);
    const leases = world.instance();
    const terms = { ...TERMS, maxRecords: most + 2 };
    const lease = await acquired(leases, { terms, maxPartitions: 2 });
    await world.append(1, most);
    expect(await handed(leases, lease)).toHaveLength(most + 2);
    await leases.ack(undefined, lease, [at(1, true)]);
    await leases.nack(undefined, lease, [{ topic: 't', partition: 1, offset: most - 1, through: true }], 60_000);
    const { engine } = world;
    const fetch = engine.fetch.bind(engine);
    let fetches = 0;
    engine.fetch = (request) => (++fetches > 20 ? Promise.reject(new Error('It never waits.')) : fetch(request));
    const waiting = leases.read(undefined, lease, 5_000);
    await Promise.race([waiting.catch(() => undefined), new Promise((resolve) => setImmediate(resolve))]);
    expect(fetches).toBeLessThan(5);
    await world.append(0, 1);
    world.clock.advance(5_000);
    expect((await waiting).due.map(({ partition }) => partition)).toEqual([0]);
  });

  it('moves the position to the first record that is not acknowledged, whatever the order of acknowledgements', async () => {
    const world = await worldWith(10);
    const leases = world.instance();
    const lease = await acquired(leases);
    await handed(leases, lease);
    await leases.ack(undefined, lease, [at(1), at(2), at(5)]);
    expect(await world.position()).toBe(0);
    await leases.ack(undefined, lease, [at(0)]);
    expect(await world.position()).toBe(3);
    await leases.ack(undefined, lease, [at(9, true)]);
    expect(await world.position()).toBe(10);
    expect(await leases.ack(undefined, lease, [at(4)])).toMatchObject({ work: [{ next: 10, unacked: [] }] });
  });

  it('remembers acknowledgements out of order over a restart, another lease and another instance', async () => {
    const world = await worldWith(5);
    const lease = await acquired(world.instance());
    const other = world.instance();
    await handed(other, lease);
    await world.instance().ack(undefined, lease, [at(1), at(3)]);
    expect(await handed(world.instance(), lease)).toEqual(['0×1', '2×1', '4×1']);
    await other.release(undefined, lease);
    const next = await acquired(world.instance());
    expect(await handed(world.instance(), next)).toEqual(['0×2', '2×2', '4×2']);
  });

  it('is of all instances together: none refuses by what it knew before', async () => {
    const world = await worldWith(5);
    const [one, other] = [world.instance(), world.instance()];
    const lease = await acquired(one);
    await handed(other, lease);
    await one.ack(undefined, lease, [at(1)]);
    await other.release(undefined, lease);
    expect((await acquired(one)).epoch).toBe(2);
    expect(await other.acquire(undefined, 'g', ASKED)).toBe('held');
  });

  it('gives records back at once or after a delay, with their deliveries counted', async () => {
    const world = await worldWith(3);
    const leases = world.instance();
    const lease = await acquired(leases);
    await handed(leases, lease);
    await leases.nack(undefined, lease, [at(0)], 0);
    await leases.nack(undefined, lease, [at(1)], 5_000);
    expect(await handed(leases, lease)).toEqual(['0×2', '2×1']);
    world.clock.advance(5_000);
    expect(await handed(leases, lease)).toEqual(['0×2', '1×2', '2×1']);
    expect(await world.position()).toBe(0);
  });

  it('ends with its time: acknowledgements are refused, and others go on from the committed position', async () => {
    const world = await worldWith(3);
    const leases = world.instance();
    const lease = await acquired(leases);
    await handed(leases, lease);
    await leases.ack(undefined, lease, [at(0)]);
    world.clock.advance(TERMS.visibilityMs);
    expect(await refusalOf(leases.ack(undefined, lease, [at(1)]))).toMatchObject({
      kind: 'conflict',
      code: 'lease-lost',
    });
    const next = await acquired(leases);
    expect(next.epoch).toBe(lease.epoch + 1);
    expect(await handed(leases, next)).toEqual(['1×2', '2×2']);
    expect(await refusalOf(leases.extend(undefined, lease, undefined))).toMatchObject({ code: 'lease-lost' });
  });

  it('lasts as long as it is extended', async () => {
    const world = await worldWith(1);
    const leases = world.instance();
    const lease = await acquired(leases);
    for (let n = 0; n < 5; n++) {
      world.clock.advance(TERMS.visibilityMs - 1);
      await leases.extend(undefined, lease, undefined);
    }
    expect(await leases.acquire(undefined, 'g', ASKED)).toBe('held');
    expect(await handed(leases, lease)).toEqual(['0×1']);
  });

  it('sends a record that has had its deliveries to the dead letter topic, in one commit with the position', async () => {
    const world = await worldWith(2);
    await world.topic('dead', 3);
    const leases = world.instance();
    const terms = { ...TERMS, deadLetter: { topic: 'dead', maxDeliveries: 2 } };
    const lease = await acquired(leases, { terms });
    for (const expected of ['0×1', '0×2']) {
      expect(await handed(leases, lease, 1)).toEqual([expected]);
      await leases.nack(undefined, lease, [at(0)], 0);
    }
    const before = world.faults.once('commit', { kind: 'lost-request' });
    expect(await refusalOf(leases.read(undefined, lease, 0))).toMatchObject({ code: 'outcome-unknown' });
    expect(before.pending).toBe(0);
    expect(await world.position()).toBe(0);
    expect(await handed(leases, lease)).toEqual(['1×1']);
    expect(await world.position()).toBe(1);
    const letters = await lettersIn(world);
    expect(letters).toEqual([{ key: 'k0', value: 'v0', from: 'g t/0@0 after 2' }]);
  });

  it('is refused what it does not hold or was not given, and changes nothing then', async () => {
    const world = await worldWith(5);
    const leases = world.instance();
    const lease = await acquired(leases, { terms: { ...TERMS, maxRecords: 2 } });
    await handed(leases, lease);
    expect(await refusalOf(leases.ack(undefined, lease, [at(0), at(2)]))).toMatchObject({ code: 'not-handed-out' });
    expect(await refusalOf(leases.ack(undefined, lease, [{ ...at(0), partition: 1 }]))).toMatchObject({
      code: 'partition-not-leased',
    });
    expect(await refusalOf(leases.ack(undefined, lease, [{ ...at(0), topic: 'x' }]))).toMatchObject({
      code: 'partition-not-leased',
    });
    expect(await refusalOf(leases.ack(undefined, { ...lease, nonce: 'x' }, [at(0)]))).toMatchObject({
      code: 'lease-lost',
    });
    expect(await world.position()).toBe(0);
    expect(await handed(leases, lease)).toEqual(['0×1', '1×1']);
  });

  it('is lost when somebody else moves the group, and begins where it was moved to', async () => {
    const world = await worldWith(10);
    const leases = world.instance();
    const lease = await acquired(leases);
    await handed(leases, lease, 5);
    await leases.ack(undefined, lease, [at(0), at(3)]);
    await world.engine.commitPositions('g', [{ topic: 't', partition: 0, offset: 2 }]);
    expect(await refusalOf(leases.read(undefined, lease, 0))).toMatchObject({ code: 'lease-lost' });
    const next = await acquired(leases);
    expect(await handed(leases, next, 3)).toEqual(['2×1', '3×1', '4×1']);
  });

  it('is lost when its topic moves to another generation, where the group goes on by its position', async () => {
    const world = await worldWith(4);
    const leases = world.instance();
    const lease = await acquired(leases);
    await handed(leases, lease);
    await world.topic('t--g2', 2);
    await world.append(1, 3, 't--g2');
    await world.names.compareAndSet(world.engine.logId, 't', 0, 2);
    expect(await refusalOf(leases.ack(undefined, lease, [at(0)]))).toMatchObject({ code: 'lease-lost' });
    expect((await acquired(leases)).lease.partitions).toEqual([{ topic: 't--g2', partition: 1 }]);
  });

  it('says so when retention has removed what the group has not read, instead of going on behind it', async () => {
    const world = await worldWith(10);
    const leases = world.instance();
    await world.engine.commitPositions('g', [{ topic: 't', partition: 0, offset: 2 }]);
    world.engine.dropBefore({ topic: 't', partition: 0 }, 5);
    expect(await refusalOf(leases.acquire(undefined, 'g', ASKED))).toMatchObject({ code: 'offset-out-of-range' });
  });

  it('has no more than a bounded number of records unacknowledged, and of places ahead', async () => {
    const world = await worldWith(0);
    for (let n = 0; n < 12; n++) await world.append(0, 1_000);
    const leases = world.instance();
    const lease = await acquired(leases, { terms: { ...TERMS, maxRecords: 1_000 } });
    await handed(leases, lease);
    for (let n = 0; n < 12; n++) {
      const { work } = await leases.describe(undefined, lease);
      const [first, ...rest] = work[0]!.unacked;
      expect(work[0]!.unacked.length).toBeLessThanOrEqual(LEASE_LIMITS.unackedPerPartition);
      expect(work[0]!.next - first!.offset).toBeLessThanOrEqual(LEASE_LIMITS.placesAhead);
      await leases.ack(
        undefined,
        lease,
        rest.map((one) => at(one.offset)),
      );
      await handed(leases, lease);
    }
    expect(await world.position()).toBe(0);
  });

  it('waits for records and for partitions', async () => {
    const world = await worldWith(0);
    const leases = world.instance();
    const waiting = leases.acquire(undefined, 'g', { ...ASKED, waitMs: 10_000 });
    await passing(world, 2_000);
    await world.append(0, 1);
    await passing(world, 1_000);
    const held = await waiting;
    expect(held).toMatchObject({ lease: { partitions: [{ topic: 't', partition: 0 }] } });
  });

  it('goes by an id that says nothing to others', () => {
    const name = { group: 'a "group" ✓', epoch: 7, nonce: 'x' };
    expect(parseLeaseId(formatLeaseId(name))).toEqual(name);
    for (const text of [
      '',
      'x',
      Buffer.from('[1,2,3,4]').toString('base64url'),
      Buffer.from('{}').toString('base64url'),
    ]) {
      expect(() => parseLeaseId(text)).toThrow('not the id of a lease');
    }
  });

  it('is refused as unknown in its outcome when the log does not answer, and can be asked again', async () => {
    const world = await worldWith(3);
    const leases = world.instance();
    const lease = await acquired(leases);
    await handed(leases, lease);
    world.faults.once('commit', { kind: 'lost-acknowledgement' });
    expect(await refusalOf(leases.ack(undefined, lease, [at(0)]))).toMatchObject({ code: 'outcome-unknown' });
    await leases.ack(undefined, lease, [at(0)]);
    expect(await world.position()).toBe(1);
    world.faults.once('commit', { kind: 'refuse', error: logErrors.groupActive('g', 1) });
    expect(await refusalOf(leases.ack(undefined, lease, [at(1)]))).toMatchObject({ code: 'group-active' });
    expect(await world.position()).toBe(1);
  });

  it('is released as soon as no cutover stands in the way', async () => {
    const world = await worldWith(1);
    const leases = world.instance();
    const lease = await acquired(leases);
    await handed(leases, lease);
    const writer = await world.engine.openWriter('cutover');
    await writer.commit({ positionsOpen: [{ topic: 't', open: false }] });
    const released = leases.release(undefined, lease);
    await passing(world, 300);
    await writer.commit({ positionsOpen: [{ topic: 't', open: true }] });
    await passing(world, 300);
    await released;
    expect(await leases.held(undefined, 'g')).toEqual([]);
  });

  it('refuses what a cutover stands in the way of while it cannot be asked where the topic went', async () => {
    const world = await worldWith(1);
    const leases = world.instance();
    const lease = await acquired(leases);
    await handed(leases, lease);
    const writer = await world.engine.openWriter('cutover');
    await writer.commit({ positionsOpen: [{ topic: 't', open: false }] });
    const find = world.names.find.bind(world.names);
    world.names.find = () => Promise.reject(logErrors.outcomeUnknown('nobody answers'));
    expect(await refusalOf(leases.release(undefined, lease))).toMatchObject({ code: 'outcome-unknown' });
    world.names.find = find;
    await writer.commit({ positionsOpen: [{ topic: 't', open: true }] });
    await leases.release(undefined, lease);
    expect(await leases.held(undefined, 'g')).toEqual([]);
  });

  it('decides requests that wait together one after another, in one commit', async () => {
    const world = await worldWith(10);
    const leases = world.instance();
    const lease = await acquired(leases);
    await handed(leases, lease);
    const acks = [3, 1, 0, 12, 2].map((offset) => leases.ack(undefined, lease, [at(offset)]));
    const settled = await Promise.allSettled(acks);
    expect(settled.map((one) => one.status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(await world.position()).toBe(4);
  });
});

async function lettersIn(world: World): Promise<readonly object[]> {
  const letters: object[] = [];
  for (let partition = 0; partition < 3; partition++) {
    const [part] = await world.engine.fetch({
      positions: [{ topic: 'dead', partition, offset: 0 }],
      maxBytes: 1_000_000,
    });
    for (const { key, value, headers } of part!.batches.flatMap((batch) => decodeBatch(batch).records)) {
      const header = (name: string): string =>
        String(headers.find((one) => one.key === `weir.dead-letter.${name}`)?.value);
      const from = `${header('group')} ${header('topic')}/${header('partition')}@${header('offset')} after ${header('deliveries')}`;
      letters.push({ key: String(key), value: String(value), from });
    }
  }
  return letters;
}

/** Lets time pass in small steps, with room for what it wakes. */
async function passing(world: World, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    world.clock.advance(100);
    for (let n = 0; n < 10; n++) await Promise.resolve();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

describe('a group with members', () => {
  it('is given no lease, and one that was given is fenced as soon as a member joins', async () => {
    const world = await worldWith(5);
    const leases = world.instance();
    const lease = await acquired(leases);
    await handed(leases, lease);
    const options = { topics: ['t'], strategies: ['range'], clientId: 'c', startAt: 'earliest' } as const;
    const member = await world.engine.joinGroup('g', options);
    while ((await member.poll()).phase !== 'stable');
    const refused = { kind: 'conflict', code: 'group-active' };
    expect(await refusalOf(leases.ack(undefined, lease, [at(0)]))).toMatchObject(refused);
    expect(await refusalOf(leases.extend(undefined, lease, undefined))).toMatchObject(refused);
    expect(await refusalOf(leases.read(undefined, lease, 0))).toMatchObject(refused);
    expect(await refusalOf(leases.acquire(undefined, 'g', ASKED))).toMatchObject(refused);
    expect(await world.position()).toBe(0);
    await member.leave();
    await leases.ack(undefined, lease, [at(0)]);
    expect(await world.position()).toBe(1);
  });
});
