import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import { type HandedOut, type HeldLease, Leases, type LeaseName } from '#libs/core/groups';
import { deferred, isAppError, type JsonObject } from '#libs/core/kernel';
import {
  type GroupMember,
  leaseRestsIn,
  leaseWriterId,
  type LogEngine,
  type LogWriter,
  NOBODY_RESTS,
  StickyPartitions,
  TopicDirectories,
  type TopicDirectory,
  TopicProducer,
  type WriterCommit,
} from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames, OneCluster, WallClock } from '#libs/core/log/testing';
import { JsonRecordDecoder, RepartitionHandler } from '#libs/core/streams';
import { drive, newOperation, runOf, type StoredOperation, textOf } from '#libs/core/streams/testing';

const clock = new WallClock();

/** A log on which nothing is closed to positions: what is stored after the translation is lost. */
function leavingOpen(engine: LogEngine): LogEngine {
  return meddled(engine, (commit) => ({ ...commit, positionsOpen: [], ...withoutRests(commit) }));
}

/** A log on which nobody is asked to rest. */
function withoutRest(engine: LogEngine): LogEngine {
  engine.restGroups = () => NOBODY_RESTS;
  return meddled(engine, (commit) => ({ ...commit, ...withoutRests(commit) }));
}

/** Without what closes a topic to leases where the log does not. */
function withoutRests({ checkpoints }: WriterCommit): Partial<WriterCommit> {
  if (checkpoints === undefined || typeof checkpoints === 'function') return {};
  return { checkpoints: checkpoints.filter((one) => !one.key.startsWith('rest/')) };
}

function meddled(engine: LogEngine, change: (commit: WriterCommit) => WriterCommit): LogEngine {
  const open = engine.openWriter.bind(engine);
  engine.openWriter = async (id): Promise<LogWriter> => {
    const writer = await open(id);
    const commit = writer.commit.bind(writer);
    writer.commit = (one) => commit(change(one));
    return writer;
  };
  return engine;
}

/** A log that shows every topic as open, to whoever looks through it. */
function showingAllOpen(engine: LogEngine): LogEngine {
  const seen = Object.create(engine) as LogEngine;
  seen.describeTopic = async (topic) => ({ ...(await engine.describeTopic(topic)), state: 'ACTIVE' });
  return seen;
}

/** Everything around one log: topic `t`, a producer, leases and repartitions. */
class World {
  readonly names = new MemoryTopicNames();
  readonly directory: TopicDirectory;
  leases: Leases;
  readonly handler: RepartitionHandler;
  failPoint: (name: string) => void | Promise<void> = () => undefined;
  /** Leases as another instance of the service gives them. */
  readonly instance: () => Leases;
  private readonly producer: TopicProducer;
  private written = 0;
  private nonces = 0;

  constructor(readonly log: LogEngine) {
    const directories = new TopicDirectories(new OneCluster(log), this.names, clock);
    this.directory = directories.of();
    this.instance = () => new Leases({ directories, clock, nonce: () => `n${++this.nonces}` });
    this.leases = this.instance();
    this.producer = new TopicProducer(this.directory, new StickyPartitions(() => 0.5));
    this.handler = new RepartitionHandler({
      directories,
      names: this.names,
      decoder: new JsonRecordDecoder(),
      clock,
      tuning: { tailWaitMs: 2, stragglerMs: 2, readersMs: 0 },
      failPoint: (name) => this.failPoint(name),
    });
  }

  /** So many more records, each a number; seven keys. @returns how many there are. */
  async write(count: number): Promise<number> {
    const records = Array.from({ length: count }, () => {
      const n = this.written++;
      return { key: Buffer.from(`k${n % 7}`), value: Buffer.from(String(n)), headers: [], timestamp: 1_000 };
    });
    const { outcomes } = await this.producer.produce('t', records, { maxHoldMs: 20_000 });
    for (const outcome of outcomes) if ('error' in outcome) throw outcome.error;
    return this.written;
  }

  async planned(id: string, partitions: number, more: JsonObject = {}): Promise<StoredOperation> {
    return newOperation(id, await this.handler.plan({ topic: 't', target: { partitions }, ...more }));
  }

  async repartition(id: string, partitions: number, more: JsonObject = {}): Promise<StoredOperation> {
    const operation = await this.planned(id, partitions, more);
    await drive(this.handler, operation, { until: 'SWITCHED' });
    return operation;
  }

  async rollBack(operation: StoredOperation): Promise<void> {
    operation.phase = 'ROLLING_BACK';
    await drive(this.handler, operation, { until: 'ROLLED_BACK' });
  }

  async lease(maxRecords = 100, group = 'g'): Promise<HeldLease | undefined> {
    const got = await this.leases.acquire(undefined, group, {
      terms: { visibilityMs: 60_000, maxRecords, deadLetter: null },
      topics: ['t'],
      maxPartitions: 10,
      startAt: 'earliest',
      waitMs: 0,
    });
    return typeof got === 'string' ? undefined : got;
  }

  async given(lease: LeaseName, count = 100): Promise<readonly HandedOut[]> {
    return (await this.leases.read(undefined, lease, 0)).take(count);
  }

  async ack(lease: LeaseName, records: readonly HandedOut[]): Promise<void> {
    const choices = records.map(({ partition, record }) => ({
      topic: 't',
      partition,
      offset: record.offset,
      through: false,
    }));
    await this.leases.ack(undefined, lease, choices);
  }

  /** Numbers that the group is given until nothing is left, all of them acknowledged. */
  async workedOff(): Promise<number[]> {
    const seen: number[] = [];
    for (;;) {
      const held = await this.lease();
      if (held === undefined) return seen;
      const lease = nameOf(held);
      for (;;) {
        const records = await this.given(lease);
        if (records.length === 0) break;
        await this.ack(lease, records);
        seen.push(...numbersOf(records));
      }
      await this.leases.release(undefined, lease);
    }
  }

  async member(topic: string): Promise<GroupMember> {
    const member = await this.log.joinGroup('g', {
      topics: [topic],
      strategies: ['range'],
      clientId: 'm',
      startAt: 'earliest',
    });
    await expect.poll(async () => (await member.poll(50)).phase, { interval: 5 }).toBe('stable');
    return member;
  }

  /** Whether leases of the group leave the topic alone. */
  async rests(): Promise<boolean> {
    if (this.log.capabilities.handsOver) return (await this.log.describeGroup('g')).resting !== undefined;
    const stored = (this.log as MemoryLogEngine).storage.writers.get(leaseWriterId('g'));
    return leaseRestsIn(stored!.checkpoints).get('t') === 'resting';
  }

  async positions(topic: string): Promise<number[]> {
    const { positions } = await this.log.describeGroup('g');
    return positions.filter((one) => one.topic === topic).map((one) => one.offset);
  }
}

const nameOf = ({ lease: { epoch, nonce } }: HeldLease): LeaseName => ({ group: 'g', epoch, nonce });
const numbersOf = (records: readonly HandedOut[]): number[] =>
  records.map(({ record }) => Number(textOf(record.value)));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);

type OpenLog = (directory: string) => Promise<LogEngine>;
const ENGINES: readonly (readonly [name: string, handsOver: boolean, open: OpenLog])[] = [
  ['in memory', true, () => Promise.resolve(new MemoryLogEngine())],
  ['embedded', true, (directory) => openEmbeddedLog({ directory, clock })],
  ['on a log that hands nothing over', false, () => Promise.resolve(new MemoryLogEngine({ handsOver: false }))],
];

for (const [name, handsOver, open] of ENGINES) {
  describe(`groups over cutovers, ${name}`, () => {
    let directory: string;
    let log: LogEngine;
    let world: World;
    beforeEach(async () => {
      directory = mkdtempSync(join(tmpdir(), 'weir-cutovers-'));
      log = await open(directory);
      world = new World(log);
    });
    afterEach(async () => {
      await world.leases.close();
      await log.close();
      rmSync(directory, { recursive: true, force: true });
    });

    const topic = async (partitions: number, records: number): Promise<void> => {
      await log.createTopic({ name: 't', partitions });
      await world.write(records);
    };

    it.skipIf(!handsOver)(
      'are carried over with their members, who store nothing afterwards by what they were',
      async () => {
        await topic(2, 40);
        const member = await world.member('t');
        const ends = (await log.describeTopic('t')).partitions.map((one) => one.endOffset);
        await member.commit([{ topic: 't', partition: 0, offset: 3 }]);
        const beside = await log.joinGroup('other', {
          topics: ['t'],
          strategies: ['range'],
          clientId: 'm',
          startAt: 'none',
        });
        const polling = polled(member, async () => {
          await member.commit(ends.map((offset, partition) => ({ topic: 't', partition, offset: offset - 4 })));
        });
        const operation = await world.repartition('op-1', 4, { cutover: { maxPauseMs: 5_000 } });
        await polling.stop();
        expect(operation.notes['groups']).toMatchObject([{ group: 'g', translation: 'exact', duplicatesExpected: 0 }]);
        await expect(member.commit([{ topic: 't', partition: 0, offset: 0 }])).rejects.toMatchObject({
          code: expect.stringMatching(/stale-generation|partition-not-assigned|positions-closed/) as string,
        });
        await member.leave();
        await beside.leave();
        expect(await world.positions('t')).toEqual(ends.map((end) => end - 4));
        // What it stored when it was asked to rest is what counts: eight records are left.
        expect(await world.workedOff()).toHaveLength(8);
        await expect(log.commitPositions('g', [{ topic: 't', partition: 0, offset: 0 }])).rejects.toMatchObject({
          code: 'positions-closed',
        });
      },
    );

    it.skipIf(!handsOver)(
      'are waited for with their members where they must have read everything, and undo the cutover, by name, when they take too long',
      async () => {
        await topic(3, 80);
        const member = await world.member('t');
        await member.commit([1, 2].map((partition) => ({ topic: 't', partition, offset: 9 })));
        const operation = await world.planned('op-1', 2, { cutover: { maxPauseMs: 150 } });
        await drive(world.handler, operation, { until: 'CUTTING_OVER' });
        await drive(world.handler, operation, { until: 'READY' });
        expect(operation.reason).toContain("group 'g'");
        await member.poll();
        await member.commit([{ topic: 't', partition: 2, offset: 10 }]);
        const { partitions } = await log.describeTopic('t');
        await member.commit(
          partitions.map(({ partition, endOffset }) => ({ topic: 't', partition, offset: endOffset })),
        );
        await drive(world.handler, operation, { until: 'SWITCHED' });
        await member.leave();
        expect(await world.workedOff()).toEqual([]);
      },
    );

    it('under a lease acknowledge what they have in hand before it is translated, and nothing of it comes again', async () => {
      await topic(2, 40);
      const lease = nameOf((await world.lease())!);
      const records = await world.given(lease, 9);
      await world.ack(lease, records.slice(2, 4));
      const operation = await world.planned('op-1', 4);
      await drive(world.handler, operation, { until: 'CUTTING_OVER' });
      const cutting = drive(world.handler, operation, { until: 'SWITCHED' });
      await expect.poll(() => world.rests(), { interval: 1 }).toBe(true);
      // Nothing new is begun, what is in hand is shown again and can be acknowledged.
      expect(numbersOf(await world.given(lease))).toEqual(numbersOf([...records.slice(0, 2), ...records.slice(4)]));
      await world.ack(lease, records);
      await cutting;
      await expect(world.given(lease)).rejects.toMatchObject({ code: 'lease-lost' });
      const rest = await world.workedOff();
      expect(sorted([...numbersOf(records), ...rest])).toEqual(upTo(40));
    });

    it('under a lease get again what they had in hand and did not acknowledge in time, and are told', async () => {
      await topic(2, 40);
      const lease = nameOf((await world.lease())!);
      const records = await world.given(lease, 6);
      const done = records.slice(0, 4);
      await world.ack(lease, done);
      await world.repartition('op-1', 4, { cutover: { maxPauseMs: 100 } });
      await expect(world.ack(lease, records.slice(4))).rejects.toMatchObject({ code: 'lease-lost' });
      const rest = await world.workedOff();
      expect(sorted([...numbersOf(done), ...rest])).toEqual(upTo(40));
    });

    for (const [what, meddle, comesAgain] of [
      ['are refused or wait, and nothing that is acknowledged comes again', (engine: LogEngine) => engine, false],
      ['control: are lost where the old generation is left open to positions, which is found', leavingOpen, true],
    ] as const) {
      it(`acknowledgements in the moment of the cutover ${what}`, async () => {
        meddle(log);
        await topic(2, 40);
        const lease = nameOf((await world.lease())!);
        const records = await world.given(lease, 6);
        let late: Promise<string> = Promise.resolve('not asked');
        let told = false;
        world.failPoint = async (point) => {
          if (point !== 'repartition:switch:translated' || told) return;
          told = true;
          late = world.ack(lease, records).then(
            () => 'acknowledged',
            (error: unknown) => (isAppError(error) ? error.code : String(error)),
          );
          await Promise.race([late, clock.sleep(50)]);
        };
        await world.repartition('op-1', 4, { cutover: { maxPauseMs: 600 } });
        const outcome = await late;
        const rest = await world.workedOff();
        expect(rest.some((n) => numbersOf(records).includes(n))).toBe(true);
        expect(outcome).toBe(comesAgain ? 'acknowledged' : 'lease-lost');
      });
    }

    it('acknowledgements that a cutover makes wait are stored when it is undone, at any instance, and groups that come meanwhile begin nothing', async () => {
      await topic(2, 40);
      const lease = nameOf((await world.lease())!);
      const records = await world.given(lease, 6);
      let late: Promise<void> | undefined;
      const begun: unknown[] = [];
      world.failPoint = async (point) => {
        if (point !== 'repartition:switch:translated' || late !== undefined) return;
        if (!handsOver) world.leases = world.instance();
        late = world.ack(lease, records);
        begun.push(await world.lease(9, 'new'));
        await clock.sleep(250);
      };
      const operation = await world.planned('op-1', 4, { cutover: { maxPauseMs: 200 } });
      await drive(world.handler, operation, { until: 'CUTTING_OVER' });
      await drive(world.handler, operation, { until: 'READY' });
      await late;
      expect(begun).toEqual([undefined]);
      await drive(world.handler, operation, { until: 'SWITCHED' });
      const rest = await world.workedOff();
      expect(sorted([...numbersOf(records), ...rest])).toEqual(upTo(40));
    });

    for (const [what, seenAs, comesAgain] of [
      ['does not begin, and nothing it would acknowledge comes again', (engine: LogEngine) => engine, false],
      ['control: begins where it takes the topic for open, and gets again what it acknowledged', showingAllOpen, true],
    ] as const) {
      it.skipIf(handsOver)(
        `the first lease of a group that is stored while a cutover looks for leases ${what}`,
        async () => {
          await topic(2, 40);
          const directories = new TopicDirectories(new OneCluster(seenAs(log)), world.names, clock);
          const late = new Leases({ directories, clock, nonce: () => 'late' });
          const [chosen, looked] = [deferred<void>(), deferred<void>()];
          const open = log.openWriter.bind(log);
          log.openWriter = async (id) => {
            if (id === leaseWriterId('late')) {
              chosen.resolve();
              await looked.promise;
            }
            return await open(id);
          };
          const acknowledged: number[] = [];
          const working = async (): Promise<void> => {
            const terms = { visibilityMs: 60_000, maxRecords: 6, deadLetter: null };
            const asked = { terms, topics: ['t'], maxPartitions: 2, startAt: 'earliest', waitMs: 0 } as const;
            const held = await late.acquire(undefined, 'late', asked);
            if (typeof held === 'string') return;
            const lease = { ...nameOf(held), group: 'late' };
            const given = await (await late.read(undefined, lease, 0)).take(6);
            const choices = given.map(({ partition, record: { offset } }) => ({
              topic: 't',
              partition,
              offset,
              through: false,
            }));
            await late.ack(undefined, lease, choices);
            acknowledged.push(...numbersOf(given));
          };
          let worked: Promise<void> | undefined;
          world.failPoint = async (point) => {
            if (point === 'repartition:switch:before-fence') {
              worked = working();
              await chosen.promise;
            }
            if (point !== 'repartition:switch:closed') return;
            looked.resolve();
            await worked;
          };
          await world.repartition('op-1', 4);
          world.failPoint = () => undefined;
          expect(acknowledged.length).toBe(comesAgain ? 6 : 0);
          const after: number[] = [];
          for (let held = await world.lease(100, 'late'); held !== undefined; held = await world.lease(100, 'late')) {
            const lease = { ...nameOf(held), group: 'late' };
            const given = await world.given(lease);
            await world.ack(lease, given);
            after.push(...numbersOf(given));
            await world.leases.release(undefined, lease);
          }
          expect(sorted(after)).toEqual(upTo(40));
          await late.close();
        },
      );
    }

    it.skipIf(handsOver)(
      'whose members go on under the old name keep that from being deleted, by their name, until they have left',
      async () => {
        await topic(2, 20);
        const operation = await world.repartition('op-1', 4);
        const member = await world.member('t');
        const finish = (): Promise<void> => world.handler.finish(runOf(operation));
        await expect(finish()).rejects.toMatchObject({
          code: 'readers-behind',
          message: expect.stringContaining("group 'g' (1 member on t)") as string,
        });
        expect((await log.describeTopic('t')).partitions.map((one) => one.endOffset)).not.toContain(0);
        await member.leave();
        await finish();
        await expect(log.describeTopic('t')).rejects.toMatchObject({ code: 'topic-not-found' });
      },
    );

    it('control: a worker that nobody asks to rest begins records that it then gets again', async () => {
      withoutRest(log);
      await topic(2, 40);
      const lease = nameOf((await world.lease())!);
      const before = await world.given(lease, 3);
      const begun: number[] = [];
      world.failPoint = async (point) => {
        // Where a worker that is asked to rest is waited for.
        if (point === 'repartition:switch:verified') begun.push(...numbersOf(await world.given(lease, 9)));
      };
      await world.repartition('op-1', 4, { cutover: { maxPauseMs: 100 } });
      const rest = await world.workedOff();
      expect(begun.length).toBeGreaterThan(before.length);
      expect(rest).toEqual(expect.arrayContaining(begun));
    });

    it('under leases, from few partitions to more and back and rolled back, under writers: every record is acknowledged once, those of a key in their order', async () => {
      await topic(3, 60);
      let going = true;
      const writing = (async () => {
        while (going) {
          await world.write(5);
          await clock.sleep(2);
        }
      })();
      const seen: number[] = [];
      const working = (async () => {
        while (going) {
          const held = await world.lease(8);
          if (held === undefined) await clock.sleep(2);
          else await workUntilLost(world, nameOf(held), seen, () => going);
        }
      })();
      const wide = await world.repartition('op-1', 9);
      await clock.sleep(30);
      await world.handler.finish(runOf(wide));
      const back = await world.repartition('op-2', 3);
      await clock.sleep(30);
      const current = new AbortController();
      const switched = world.handler.phases.SWITCHED!(runOf(back, { signal: current.signal })).catch(() => undefined);
      await clock.sleep(30);
      current.abort(new Error('roll back'));
      await switched;
      await world.rollBack(back);
      await clock.sleep(30);
      going = false;
      await Promise.all([writing, working]);
      const written = await world.write(0);
      seen.push(...(await world.workedOff()));
      expect(sorted(seen)).toEqual(upTo(written));
      for (let key = 0; key < 7; key++) {
        const own = seen.filter((n) => n % 7 === key);
        expect(own, `key ${key}`).toEqual(sorted(own));
      }
    });
  });
}

/** Polls a member as a reader does; `revoking` is called when it is asked to give up what it reads. */
function polled(member: GroupMember, revoking: () => Promise<void>): { stop(): Promise<void> } {
  let going = true;
  const polling = (async () => {
    while (going) {
      const { phase } = await member.poll(5);
      if (phase === 'revoking') await revoking();
      await clock.sleep(2);
    }
  })();
  return {
    stop: async () => {
      going = false;
      await polling;
    },
  };
}

/** Takes some, acknowledges all, until the lease is lost or there is nothing. */
async function workUntilLost(world: World, lease: LeaseName, seen: number[], going: () => boolean): Promise<void> {
  try {
    while (going()) {
      const records = await world.given(lease, 5);
      if (records.length === 0) return await world.leases.release(undefined, lease);
      await world.ack(lease, records);
      seen.push(...numbersOf(records));
    }
    await world.leases.release(undefined, lease);
  } catch (error) {
    if (!isAppError(error, 'lease-lost')) throw error;
  }
}
