import { expect } from 'vitest';
import type { GroupMember, GroupPosition, JoinGroup, PartitionRef } from '../../index.js';
import { batchOf, type ContractContext, type LogPromise, refusal } from './contract-context.js';

/** The shortest a stock broker allows. */
const SESSION_MS = 6_000;

function optionsFor(topics: JoinGroup['topics'], rest: Partial<JoinGroup> = {}): JoinGroup {
  return {
    topics,
    strategies: ['range'],
    clientId: 'contract',
    sessionTimeoutMs: SESSION_MS,
    rebalanceTimeoutMs: 10_000,
    startAt: 'earliest',
    ...rest,
  };
}

/** Polls all of them, giving up what is asked for, until they agree; answers the generation. */
async function agreed(context: ContractContext, ...members: readonly GroupMember[]): Promise<number> {
  const deadline = performance.now() + context.patienceMs;
  for (;;) {
    const updates = await Promise.all(members.map((one) => one.poll(50)));
    const generations = new Set(updates.map((one) => one.generation));
    if (generations.size === 1 && updates.every((one) => one.phase === 'stable')) return members[0]!.generation;
    if (performance.now() > deadline) throw new Error(`the members do not agree: ${JSON.stringify(updates)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const placesOf = (member: GroupMember): string[] => {
  return member.assignment.map(({ topic, partition }) => `${topic}/${partition}`).sort();
};

const partitionsOf = (topic: string, count: number): string[] =>
  Array.from({ length: count }, (_, partition) => `${topic}/${partition}`).sort();

const positionAt = ({ topic, partition }: PartitionRef, offset: number): GroupPosition => ({
  topic,
  partition,
  offset,
});

/** Members of groups: who reads what, and whose positions count. */
export const memberPromises: readonly LogPromise[] = [
  {
    title: 'a member alone is assigned every partition, each where the group stands or where it said to begin',
    async holds(context) {
      const topic = await context.topic(3);
      const group = context.name('group');
      await context.append({ topic, partition: 1 }, 'a', 'b');
      await context.engine.commitPositions(group, [{ topic, partition: 0, offset: 7 }]);
      const expected = { earliest: [7, 0, 0], latest: [7, 2, 0], none: [7, null, null] };
      for (const startAt of ['earliest', 'latest', 'none'] as const) {
        const member = await context.engine.joinGroup(group, optionsFor([topic], { startAt }));
        expect(member.generation).toBe(-1);
        await agreed(context, member);
        const offsets = [...member.assignment]
          .sort((a, b) => a.partition - b.partition)
          .map((one) => (startAt === 'latest' && one.partition === 1 ? Math.min(one.offset!, 2) : one.offset));
        expect(offsets, startAt).toEqual(expected[startAt]);
        expect(member.memberId).not.toBe('');
        await member.leave();
        await refusal(member.poll(), 'group-member-closed');
      }
    },
  },
  {
    title: 'members share the partitions, each with one of them, and who stays takes over what another leaves',
    async holds(context) {
      const topic = await context.topic(4);
      const group = context.name('group');
      const one = await context.engine.joinGroup(group, optionsFor([topic]));
      const alone = await agreed(context, one);
      expect(placesOf(one)).toEqual(partitionsOf(topic, 4));
      const other = await context.engine.joinGroup(group, optionsFor([topic]));
      const both = await agreed(context, one, other);
      expect(both).toBeGreaterThan(alone);
      expect([placesOf(one).length, placesOf(other).length]).toEqual([2, 2]);
      expect([...placesOf(one), ...placesOf(other)].sort()).toEqual(partitionsOf(topic, 4));
      await other.commit(other.assignment.map((at) => positionAt(at, 11)));
      const taken = placesOf(other);
      await other.leave();
      await context.eventually(async () => {
        expect(await agreed(context, one)).toBeGreaterThan(both);
        expect(placesOf(one)).toEqual(partitionsOf(topic, 4));
      });
      for (const { partition, offset } of one.assignment) {
        expect(offset).toBe(taken.includes(`${topic}/${partition}`) ? 11 : 0);
      }
      await one.leave();
    },
  },
  {
    title: 'before a member gives up partitions it can commit them, and whoever gets them goes on from there',
    async holds(context) {
      const topic = await context.topic(2);
      const group = context.name('group');
      const one = await context.engine.joinGroup(group, optionsFor([topic]));
      await agreed(context, one);
      const other = await context.engine.joinGroup(group, optionsFor([topic]));
      await other.poll();
      const revoking = async (): Promise<void> => {
        const { phase, revoked, assignment } = await one.poll();
        expect([phase, revoked.length, assignment]).toEqual(['revoking', 2, []]);
      };
      await context.eventually(async () => {
        await other.poll();
        await revoking();
      });
      await one.commit([0, 1].map((partition) => positionAt({ topic, partition }, 21 + partition)));
      await agreed(context, one, other);
      for (const { partition, offset } of [...one.assignment, ...other.assignment]) expect(offset).toBe(21 + partition);
      await Promise.all([one.leave(), other.leave()]);
    },
  },
  {
    title: 'a member that falls silent is removed after its session timeout, and what it commits then is refused',
    async holds(context) {
      const topic = await context.topic(2);
      const group = context.name('group');
      const silent = await context.engine.joinGroup(group, optionsFor([topic]));
      await agreed(context, silent);
      await silent.commit([positionAt({ topic, partition: 0 }, 3)]);
      await context.passTime(SESSION_MS + 500);
      const next = await context.engine.joinGroup(group, optionsFor([topic]));
      await agreed(context, next);
      expect(placesOf(next)).toEqual(partitionsOf(topic, 2));
      await refusal(silent.commit([positionAt({ topic, partition: 0 }, 99)]), 'stale-generation');
      const { positions, members } = await context.engine.describeGroup(group);
      expect(positions).toEqual([{ topic, partition: 0, offset: 3 }]);
      expect(members.map((one) => one.memberId)).toEqual([next.memberId]);
      expect(silent.assignment).toEqual([]);
      await agreed(context, silent, next);
      await Promise.all([silent.leave(), next.leave()]);
    },
  },
  {
    title: 'a member learns what it lost while it was away',
    async holds(context) {
      const topic = await context.topic(2);
      const group = context.name('group');
      const away = await context.engine.joinGroup(group, optionsFor([topic]));
      await agreed(context, away);
      await context.passTime(SESSION_MS + 500);
      const next = await context.engine.joinGroup(group, optionsFor([topic]));
      await agreed(context, next);
      const { lost, assignment } = await away.poll();
      expect(lost).toHaveLength(2);
      expect(assignment).toEqual([]);
      await Promise.all([away.leave(), next.leave()]);
    },
  },
  {
    title: 'a member commits what it is assigned and nothing else, all of a call or none',
    async holds(context) {
      const [topic, other] = [await context.topic(1), await context.topic(1)];
      const group = context.name('group');
      const member = await context.engine.joinGroup(group, optionsFor([topic]));
      await refusal(member.commit([positionAt({ topic, partition: 0 }, 1)]), 'partition-not-assigned');
      await agreed(context, member);
      const good = positionAt({ topic, partition: 0 }, 1);
      await refusal(member.commit([good, positionAt({ topic: other, partition: 0 }, 1)]), 'partition-not-assigned');
      await refusal(member.commit([good, { ...good, offset: -1 }]), 'invalid-position');
      expect((await context.engine.describeGroup(group)).positions).toEqual([]);
      await member.commit([{ ...good, metadata: 'note' }]);
      expect((await context.engine.describeGroup(group)).positions).toEqual([{ ...good, metadata: 'note' }]);
      await member.leave();
      await refusal(member.commit([good]), 'group-member-closed');
    },
  },
  {
    title: 'while a group has members nobody else stores its positions or deletes it',
    async holds(context) {
      const topic = await context.topic(1);
      const group = context.name('group');
      const at = { topic, partition: 0 };
      await context.engine.commitPositions(group, [positionAt(at, 5)]);
      const member = await context.engine.joinGroup(group, optionsFor([topic]));
      await agreed(context, member);
      await refusal(context.engine.commitPositions(group, [positionAt(at, 6)]), 'group-active');
      await refusal(context.engine.deleteGroup(group), 'group-active');
      expect((await context.engine.describeGroup(group)).positions).toEqual([positionAt(at, 5)]);
      await member.leave();
      await context.engine.commitPositions(group, [positionAt(at, 6)]);
      await context.engine.deleteGroup(group);
      expect((await context.engine.describeGroup(group)).state).toBe('DEAD');
    },
  },
  {
    title: 'a commit of a writer for vacant groups only does nothing while there are members, and the session goes on',
    async holds(context) {
      const topic = await context.topic(1);
      const group = context.name('group');
      const at = { topic, partition: 0 };
      const writer = await context.engine.openWriter(context.name('writer'));
      const commitOf = (offset: number) => ({
        appends: [{ ...at, batch: batchOf(`${offset}`) }],
        positions: [{ ...positionAt(at, offset), group }],
        checkpoints: [{ key: 'last', value: Buffer.from(`${offset}`) }],
        onlyVacant: true,
      });
      await writer.commit(commitOf(1));
      const member = await context.engine.joinGroup(group, optionsFor([topic]));
      await agreed(context, member);
      await refusal(writer.commit(commitOf(2)), 'group-active');
      expect(await context.read(at, 1)).toMatchObject([{ value: Buffer.from('1') }]);
      expect((await context.engine.describeGroup(group)).positions).toEqual([positionAt(at, 1)]);
      expect(writer.checkpoint('last')).toEqual(Uint8Array.from(Buffer.from('1')));
      await member.leave();
      await writer.commit(commitOf(3));
      expect((await context.engine.describeGroup(group)).positions).toEqual([positionAt(at, 3)]);
      expect(await context.read(at, 2)).toMatchObject([{ value: Buffer.from('1') }, { value: Buffer.from('3') }]);
    },
  },
  {
    title: 'a description names state, strategy and members with what they read',
    async holds(context) {
      const topic = await context.topic(3);
      const group = context.name('group');
      const strategies = ['roundrobin', 'range'] as const;
      const one = await context.engine.joinGroup(group, optionsFor([topic], { strategies, clientId: 'one' }));
      const other = await context.engine.joinGroup(group, optionsFor([topic], { strategies, clientId: 'other' }));
      const generation = await agreed(context, one, other);
      const found = await context.engine.describeGroup(group);
      expect(found).toMatchObject({ group, state: 'STABLE', strategy: 'roundrobin' });
      expect([null, generation]).toContain(found.generation);
      for (const member of [one, other]) {
        const described = found.members.find((each) => each.memberId === member.memberId);
        expect(described).toMatchObject({ clientId: member === one ? 'one' : 'other', instanceId: null });
        expect(described!.assignment.map((at) => `${at.topic}/${at.partition}`).sort()).toEqual(placesOf(member));
        expect(member.strategy).toBe('roundrobin');
      }
      expect(await context.engine.listGroups()).toContainEqual({ group, state: 'STABLE' });
      await Promise.all([one.leave(), other.leave()]);
      await context.eventually(async () => {
        const { state, members } = await context.engine.describeGroup(group);
        expect(['EMPTY', 'DEAD']).toContain(state);
        expect(members).toEqual([]);
      });
    },
  },
  {
    title: 'positions of members outlive a restart, and the generation goes on rising',
    async holds(context) {
      const topic = await context.topic(1);
      const group = context.name('group');
      const before = await context.engine.joinGroup(group, optionsFor([topic]));
      const first = await agreed(context, before);
      await before.commit([positionAt({ topic, partition: 0 }, 4)]);
      await context.reopen();
      await refusal(before.commit([positionAt({ topic, partition: 0 }, 9)]), ['log-closed', 'stale-generation']);
      await context.passTime(SESSION_MS + 500);
      const after = await context.engine.joinGroup(group, optionsFor([topic]));
      expect(await agreed(context, after)).toBeGreaterThan(first);
      expect(after.assignment).toEqual([{ topic, partition: 0, offset: 4 }]);
      await after.leave();
    },
  },
  {
    title: 'cooperative members go on with what they keep, and what moves is given up before it is given away',
    async holds(context) {
      const topic = await context.topic(4);
      const group = context.name('group');
      const strategies = ['cooperative-sticky'] as const;
      const one = await context.engine.joinGroup(group, optionsFor([topic], { strategies }));
      await agreed(context, one);
      const before = new Set(placesOf(one));
      const other = await context.engine.joinGroup(group, optionsFor([topic], { strategies }));
      const kept = new Set(before);
      const deadline = performance.now() + context.patienceMs;
      for (;;) {
        const [mine, theirs] = await Promise.all([one.poll(50), other.poll(50)]);
        expect(mine.lost).toEqual([]);
        const held = new Set(placesOf(one));
        for (const place of kept) if (!held.has(place)) kept.delete(place);
        expect(held.size, 'half stays all the time').toBeGreaterThanOrEqual(2);
        for (const place of placesOf(other)) expect(held.has(place), `${place} has one reader`).toBe(false);
        const revoked = mine.revoked.map((at) => `${at.topic}/${at.partition}`);
        for (const place of placesOf(other)) expect(revoked).not.toContain(place);
        const done = mine.phase === 'stable' && theirs.phase === 'stable' && mine.generation === theirs.generation;
        if (done && other.assignment.length === 2) break;
        if (performance.now() > deadline)
          throw new Error(`the members do not agree: ${JSON.stringify([mine, theirs])}`);
      }
      expect(kept.size).toBe(2);
      expect([...placesOf(one), ...placesOf(other)].sort()).toEqual(partitionsOf(topic, 4));
      await Promise.all([one.leave(), other.leave()]);
    },
  },
  {
    title: 'topics and partitions that come and go are shared out anew',
    async holds(context) {
      const stem = context.name('many');
      await context.engine.createTopic({ name: `${stem}-a`, partitions: 1 });
      const group = context.name('group');
      const matching = (topic: string): boolean => topic.startsWith(stem);
      const one = await context.engine.joinGroup(group, optionsFor({ matching }));
      const other = await context.engine.joinGroup(group, optionsFor({ matching }));
      const read = async (expected: readonly string[]): Promise<void> => {
        await context.eventually(async () => {
          await agreed(context, one, other);
          expect([...placesOf(one), ...placesOf(other)].sort()).toEqual([...expected].sort());
        });
      };
      await read([`${stem}-a/0`]);
      await context.engine.addPartitions(`${stem}-a`, 2);
      await read([`${stem}-a/0`, `${stem}-a/1`]);
      await context.engine.createTopic({ name: `${stem}-b`, partitions: 1 });
      await read([`${stem}-a/0`, `${stem}-a/1`, `${stem}-b/0`]);
      await context.engine.deleteTopic(`${stem}-a`);
      await read([`${stem}-b/0`]);
      await Promise.all([one.leave(), other.leave()]);
    },
  },
  {
    title: 'a member that shares no strategy with the others is refused, and the group goes on',
    async holds(context) {
      const topic = await context.topic(1);
      const group = context.name('group');
      const one = await context.engine.joinGroup(group, optionsFor([topic], { strategies: ['range'] }));
      const generation = await agreed(context, one);
      const other = await context.engine.joinGroup(group, optionsFor([topic], { strategies: ['roundrobin'] }));
      await refusal(other.poll(context.patienceMs), 'group-protocol-mismatch');
      expect(await agreed(context, one)).toBe(generation);
      await Promise.all([one.leave(), other.leave()]);
    },
  },
  {
    title: 'a static member comes back under its name without a rebalance, and ends the one before it',
    async holds(context) {
      const topic = await context.topic(2);
      const group = context.name('group');
      const options = optionsFor([topic], { instanceId: 'node-1' });
      const one = await context.engine.joinGroup(group, options);
      const generation = await agreed(context, one);
      const again = await context.engine.joinGroup(group, options);
      expect(await agreed(context, again)).toBe(generation);
      expect(placesOf(again)).toEqual(partitionsOf(topic, 2));
      await refusal(one.commit([positionAt({ topic, partition: 0 }, 1)]), 'member-fenced');
      await again.commit([positionAt({ topic, partition: 0 }, 2)]);
      await again.leave();
    },
  },
  {
    title: 'members that cannot be are refused before anything is sent',
    async holds(context) {
      const group = context.name('group');
      const topics = [context.name('topic')];
      const attempts: [string, JoinGroup, string][] = [
        ['', optionsFor(topics), 'invalid-group'],
        [group, optionsFor([]), 'invalid-group-member'],
        [group, optionsFor(['no/topic']), 'invalid-topic-name'],
        [group, optionsFor(topics, { strategies: [] }), 'invalid-group-member'],
        [group, optionsFor(topics, { strategies: ['__proto__' as 'range'] }), 'invalid-group-member'],
        [group, optionsFor(topics, { clientId: 'x'.repeat(201) }), 'invalid-group-member'],
        [group, optionsFor(topics, { sessionTimeoutMs: 5_000 }), 'invalid-session-timeout'],
        [group, optionsFor(Array.from({ length: 1_001 }, (_, i) => `t${i}`)), 'too-many-topics-read'],
      ];
      for (const [name, options, code] of attempts) await refusal(context.engine.joinGroup(name, options), code);
      const unknown = await context.engine.joinGroup(group, optionsFor(topics));
      await agreed(context, unknown);
      expect(unknown.assignment, 'a topic that does not exist yet').toEqual([]);
      await unknown.leave();
    },
  },
];
