import { expect } from 'vitest';
import { encodeBatch, type GroupMember, type HandOver, type PartitionRef, type ProducerIdentity } from '../../index.js';
import { type ContractContext, type LogPromise, recordOf, refusal } from './contract-context.js';

function batchAt({ producerId: id, epoch }: ProducerIdentity, baseSequence: number, value: string): Buffer {
  return encodeBatch([recordOf(value)], { producer: { id, epoch, baseSequence } });
}

/** Hands over in a session of its own, after closing the topic to positions. */
async function handOver(context: ContractContext, change: HandOver): Promise<void> {
  const writer = await context.engine.openWriter(context.name('hand-over'));
  await writer.commit({ positionsOpen: [{ topic: change.from, open: false }] });
  await writer.commit({ handOver: change });
  await writer.close();
}

async function memberOf(context: ContractContext, group: string, topic: string): Promise<GroupMember> {
  const member = await context.engine.joinGroup(group, {
    topics: [topic],
    strategies: ['range'],
    clientId: 'contract',
    startAt: 'earliest',
  });
  await stable(context, member);
  return member;
}

async function stable(context: ContractContext, member: GroupMember): Promise<void> {
  await context.eventually(async () => expect((await member.poll(50)).phase).toBe('stable'));
}

async function positionsOf(context: ContractContext, group: string, topic: string): Promise<number[]> {
  const { positions } = await context.engine.describeGroup(group);
  return positions.filter((one) => one.topic === topic).map((one) => one.offset);
}

/** One topic takes the place of another, with its groups and producers. An engine that cannot says so, and changes nothing. */
export const handOverPromises: readonly LogPromise[] = [
  {
    title:
      'a topic that is closed to positions takes none, from members, writers or anybody, until it is opened or ACTIVE, also over a restart',
    async holds(context) {
      const topic = await context.topic(1);
      const group = context.name('group');
      const at = (offset: number) => [{ topic, partition: 0, offset }];
      await context.engine.commitPositions(group, at(1));
      const writer = await context.engine.openWriter(context.name('writer'));
      const close = writer.commit({ positionsOpen: [{ topic, open: false }] });
      if (!context.engine.capabilities.handsOver) {
        await refusal(close, 'hand-over-not-kept');
        await writer.close();
        return;
      }
      await close;
      await refusal(context.engine.commitPositions(group, at(2)), 'positions-closed');
      await refusal(writer.commit({ positions: [{ ...at(2)[0]!, group }] }), 'positions-closed');
      const member = await memberOf(context, context.name('group'), topic);
      await refusal(member.commit(at(2)), 'positions-closed');
      await member.leave();
      await context.reopen();
      await refusal(context.engine.commitPositions(group, at(2)), 'positions-closed');
      await context.engine.setTopicState(topic, 'FENCED');
      await refusal(context.engine.commitPositions(group, at(2)), 'positions-closed');
      expect(await positionsOf(context, group, topic)).toEqual([1]);
      await context.engine.setTopicState(topic, 'ACTIVE');
      await context.engine.commitPositions(group, at(3));
      const again = await context.engine.openWriter(context.name('writer'));
      await again.commit({ positionsOpen: [{ topic, open: false }] });
      await again.commit({ positionsOpen: [{ topic, open: true }] });
      await context.engine.commitPositions(group, at(4));
      expect(await positionsOf(context, group, topic)).toEqual([4]);
    },
  },
  {
    title:
      'a group with live members is handed over: what they claim by then is refused, and they join anew where it goes on',
    async holds(context) {
      const [from, to] = [await context.topic(2), await context.topic(3)];
      const group = context.name('group');
      const change = { from, to, groups: [{ group, positions: [4, 5, 6] }] };
      if (!context.engine.capabilities.handsOver) {
        const writer = await context.engine.openWriter(context.name('writer'));
        await refusal(writer.commit({ handOver: change }), 'hand-over-not-kept');
        await writer.close();
        return;
      }
      const other = await context.topic(1);
      const member = await memberOf(context, group, from);
      const beside = await memberOf(context, context.name('group'), other);
      await member.commit([{ topic: from, partition: 0, offset: 1 }]);
      const { generation } = member;
      await handOver(context, change);
      await refusal(member.commit([{ topic: from, partition: 0, offset: 2 }]), 'stale-generation');
      await stable(context, member);
      expect(member.generation).toBeGreaterThan(generation);
      await refusal(member.commit([{ topic: from, partition: 0, offset: 2 }]), 'positions-closed');
      await member.leave();
      expect(await positionsOf(context, group, from)).toEqual([1]);
      expect(await positionsOf(context, group, to)).toEqual([4, 5, 6]);
      const successor = await memberOf(context, group, to);
      expect(successor.generation).toBeGreaterThan(generation);
      expect(successor.assignment.map((one) => one.offset)).toEqual([4, 5, 6]);
      await beside.commit([{ topic: other, partition: 0, offset: 1 }]);
      for (const one of [successor, beside]) await one.leave();
    },
  },
  {
    title: 'a session that was replaced hands nothing over',
    async holds(context) {
      if (!context.engine.capabilities.handsOver) return;
      const [from, to] = [await context.topic(1), await context.topic(1)];
      const [group, id] = [context.name('group'), context.name('writer')];
      const replaced = await context.engine.openWriter(id);
      const writer = await context.engine.openWriter(id);
      await refusal(replaced.commit({ positionsOpen: [{ topic: from, open: false }] }), 'writer-fenced');
      await context.engine.commitPositions(group, [{ topic: from, partition: 0, offset: 1 }]);
      const other = await context.engine.openWriter(id);
      const change = { from, to, groups: [{ group, positions: [9] }] };
      await refusal(writer.commit({ handOver: change }), 'writer-fenced');
      expect(await positionsOf(context, group, to)).toEqual([]);
      await other.commit({ handOver: change });
      expect(await positionsOf(context, group, to)).toEqual([9]);
      await refusal(other.commit({ handOver: { ...change, to: context.name('none') } }), 'topic-not-found');
      const wide = { ...change, groups: [{ group, positions: [1, 2] }] };
      await refusal(other.commit({ handOver: wide }), 'partition-not-found');
      expect(await positionsOf(context, group, to)).toEqual([9]);
    },
  },
  {
    title:
      'batches of producers are recognised where their topic was handed over to, there and back, also over a restart',
    async holds(context) {
      if (!context.engine.capabilities.handsOver) return;
      const [from, to] = [await context.topic(2), await context.topic(1)];
      const producer = await context.engine.openProducer();
      const send = async (topic: string, sequence: number) => {
        const ref: PartitionRef = { topic, partition: 0 };
        const { topic: lies, baseOffset } = await context.engine.append(
          ref,
          batchAt(producer, sequence, `${sequence}`),
        );
        return `${lies}/${baseOffset}`;
      };
      await context.append({ topic: from, partition: 0 }, 'before');
      const first = await send(from, 0);
      await context.engine.append({ topic: from, partition: 1 }, batchAt(producer, 0, 'beside'));
      await handOver(context, { from, to, groups: [] });
      expect(first).toBe(`${from}/1`);
      expect(await send(to, 0)).toBe(first);
      await refusal(send(to, 2), 'out-of-order-sequence');
      await context.reopen();
      expect(await send(to, 0)).toBe(first);
      expect(await send(to, 1)).toBe(`${to}/0`);
      await handOver(context, { from: to, to: from, groups: [] });
      await context.reopen();
      expect(await send(from, 0)).toBe(first);
      expect(await send(from, 1)).toBe(`${to}/0`);
      expect(await send(from, 2)).toBe(`${from}/2`);
      expect(await context.values({ topic: from, partition: 0 }, 3)).toEqual(['before', '0', '2']);
      expect(await context.values({ topic: to, partition: 0 }, 1)).toEqual(['1']);
    },
  },
  {
    title:
      'a topic handed over to itself takes positions although it is closed, fences members, and knows its producers as before',
    async holds(context) {
      if (!context.engine.capabilities.handsOver) return;
      const topic = await context.topic(2);
      const group = context.name('group');
      const producer = await context.engine.openProducer();
      const send = async (sequence: number) =>
        (await context.engine.append({ topic, partition: 0 }, batchAt(producer, sequence, `${sequence}`))).baseOffset;
      expect([await send(0), await send(1)]).toEqual([0, 1]);
      const member = await memberOf(context, group, topic);
      const writer = await context.engine.openWriter(context.name('writer'));
      await writer.commit({ positionsOpen: [{ topic, open: false }] });
      await writer.commit({ handOver: { from: topic, to: topic, groups: [{ group, positions: [1, 0] }] } });
      await refusal(member.commit([{ topic, partition: 0, offset: 2 }]), 'stale-generation');
      await member.leave();
      await context.reopen();
      expect(await positionsOf(context, group, topic)).toEqual([1, 0]);
      expect([await send(1), await send(2)]).toEqual([1, 2]);
      expect(await context.values({ topic, partition: 0 }, 3)).toEqual(['0', '1', '2']);
    },
  },
  {
    title: 'members that are asked to rest may store how far they came, and read nothing before the rest is over',
    async holds(context) {
      const [topic, other] = [await context.topic(2), await context.topic(1)];
      const group = context.name('group');
      const member = await memberOf(context, group, topic);
      const beside = await memberOf(context, context.name('group'), other);
      const rest = context.engine.restGroups(topic, 60_000);
      if (!context.engine.capabilities.handsOver) {
        expect(rest.waiting()).toBe(0);
        expect((await member.poll()).phase).toBe('stable');
      } else {
        expect(rest.waiting()).toBe(1);
        expect((await context.engine.describeGroup(group)).resting).toEqual([topic]);
        await context.eventually(async () => expect((await member.poll()).phase).toBe('revoking'));
        await member.commit([{ topic, partition: 1, offset: 3 }]);
        expect(rest.waiting()).toBe(1);
        for (let polls = 0; polls < 3; polls++) {
          expect(await member.poll(5)).toMatchObject({ phase: 'joining', assignment: [] });
        }
        expect(rest.waiting()).toBe(0);
        expect((await beside.poll()).phase).toBe('stable');
      }
      rest.end();
      rest.end();
      await stable(context, member);
      expect(member.assignment).toHaveLength(2);
      expect((await context.engine.describeGroup(group)).resting ?? []).toEqual([]);
      for (const one of [member, beside]) await one.leave();
    },
  },
];
