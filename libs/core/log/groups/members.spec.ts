import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import { MemoryLogEngine, SkippingClock } from '../testing/index.js';
import type { AssignmentStrategy, GroupMember, GroupPosition, GroupRefusal, MemberClaim } from '../index.js';

const PARTITIONS = 5;
const SESSION_MS = 6_000;

/** A reader as users write them: it goes on from its assignment, and commits what it has read. */
interface Reader {
  readonly member: GroupMember;
  /** How far it has read, by partition. */
  readonly read: Map<number, number>;
  /** It polls and commits no more, as a process does that hangs. */
  frozen: boolean;
}

/** Members come, read, commit, hang, wake and leave at random. Answers what went wrong. */
async function simulate(seed: number, strategy: AssignmentStrategy, Engine: typeof MemoryLogEngine): Promise<string[]> {
  const clock = new SkippingClock();
  const engine = new Engine({ clock });
  await engine.createTopic({ name: 't', partitions: PARTITIONS });
  let state = seed * 7_919;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
    return ((state >>> 8) & 0xffff) % below;
  };
  const readers: Reader[] = [];
  const faults: string[] = [];
  const stored = new Map<number, number>();

  const takeOver = (reader: Reader): void => {
    const now = new Set(reader.member.assignment.map((one) => one.partition));
    for (const partition of reader.read.keys()) if (!now.has(partition)) reader.read.delete(partition);
    for (const { partition, offset } of reader.member.assignment) {
      if (!reader.read.has(partition)) reader.read.set(partition, offset ?? 0);
    }
  };
  const poll = async (reader: Reader): Promise<void> => {
    const { phase, generation } = await reader.member.poll(1);
    takeOver(reader);
    if (phase !== 'stable') return;
    for (const other of readers) {
      if (other === reader || other.member.generation !== generation) continue;
      for (const { partition } of other.member.assignment) {
        if (reader.member.assignment.some((one) => one.partition === partition))
          faults.push(`${partition} has two readers`);
      }
    }
  };
  const commit = async (reader: Reader): Promise<void> => {
    for (const [partition, offset] of reader.read) reader.read.set(partition, offset + next(4));
    const positions = [...reader.read].map(([partition, offset]) => ({ topic: 't', partition, offset }));
    try {
      await reader.member.commit(positions);
    } catch (error) {
      if (!isAppError(error)) throw error;
      takeOver(reader);
    }
    for (const { partition, offset } of (await engine.describeGroup('g')).positions) {
      const before = stored.get(partition) ?? 0;
      if (offset < before) faults.push(`${partition} went back from ${before} to ${offset}`);
      stored.set(partition, offset);
    }
  };

  for (let step = 0; step < 70; step++) {
    const reader = readers[next(Math.max(1, readers.length))];
    const what = next(12);
    if (reader === undefined || (what === 0 && readers.length < 5)) {
      const options = { topics: ['t'], strategies: [strategy], clientId: 'c', sessionTimeoutMs: SESSION_MS };
      const member = await engine.joinGroup('g', { ...options, startAt: 'earliest', rebalanceTimeoutMs: 8_000 });
      readers.push({ member, read: new Map(), frozen: false });
    } else if (what === 1) reader.frozen = !reader.frozen;
    else if (what === 2) {
      clock.skip(next(5_000));
    } else if (what === 3 && readers.length > 1) {
      await reader.member.leave();
      readers.splice(readers.indexOf(reader), 1);
    } else if (what < 7) await commit(reader);
    else for (const one of readers) if (!one.frozen) await poll(one);
  }
  await engine.close();
  return faults;
}

class BelievingMembers extends MemoryLogEngine {
  override async commitAsMember(
    group: string,
    claim: MemberClaim | undefined,
    positions: readonly GroupPosition[],
  ): Promise<GroupRefusal | undefined> {
    if (claim === undefined) return super.commitAsMember(group, claim, positions);
    for (const position of positions) this.groups.storePosition(group, position);
    return undefined;
  }
}

describe('members of a group that come, hang, wake and leave', () => {
  for (const strategy of ['range', 'roundrobin', 'cooperative-sticky'] as const) {
    it(`never move a position back, and no partition has two readers in a generation: ${strategy} (20 seeds)`, async () => {
      for (let seed = 1; seed <= 20; seed++) {
        expect(await simulate(seed, strategy, MemoryLogEngine), `seed ${seed}`).toEqual([]);
      }
    }, 60_000);
  }

  it('negative control: believing every member once known, the same simulation finds positions that go back', async () => {
    let found = 0;
    // When joins are answered depends on the machine, so some runs of a seed find nothing.
    for (let seed = 1; seed <= 400 && found === 0; seed++) {
      found += (await simulate(seed, 'range', BelievingMembers)).length;
    }
    expect(found).toBeGreaterThan(0);
  }, 60_000);

  it('leave no member behind when one leaves while it is joining', async () => {
    const engine = new MemoryLogEngine({ clock: new SkippingClock() });
    await engine.createTopic({ name: 't', partitions: 1 });
    const options = { topics: ['t'], strategies: ['range' as const], clientId: 'c', startAt: 'earliest' as const };
    const stays = await engine.joinGroup('g', options);
    while ((await stays.poll(10)).phase !== 'stable');
    const hasty = await engine.joinGroup('g', options);
    await hasty.poll(10);
    await hasty.leave();
    while ((await stays.poll(10)).phase !== 'stable');
    expect((await engine.describeGroup('g')).members.map((one) => one.memberId)).toEqual([stays.memberId]);
    const sudden = await engine.joinGroup('g', options);
    const joining = sudden.poll();
    const leaving = sudden.leave();
    await expect(joining).rejects.toMatchObject({ code: 'group-member-closed' });
    await leaving;
    await new Promise((resolve) => setImmediate(resolve));
    while ((await stays.poll(10)).phase !== 'stable');
    expect((await engine.describeGroup('g')).members).toHaveLength(1);
    await engine.close();
  });

  it('are refused beyond the number of groups with members, each group gone with its last member', async () => {
    const engine = new MemoryLogEngine({ clock: new SkippingClock() });
    await engine.createTopic({ name: 't', partitions: 1 });
    const options = { topics: ['t'], strategies: ['range' as const], clientId: 'c', startAt: 'earliest' as const };
    const members: GroupMember[] = [];
    for (let i = 0; i < 1_000; i++) {
      const member = await engine.joinGroup(`g${i}`, options);
      await member.poll();
      members.push(member);
    }
    const more = await engine.joinGroup('more', options);
    await expect(more.poll(10)).rejects.toMatchObject({ code: 'too-many-groups' });
    while ((await members[0]!.poll(10)).phase !== 'stable');
    await members[0]!.leave();
    expect((await engine.describeGroup('g0')).state).toBe('DEAD');
    await expect(more.poll(10)).resolves.toBeDefined();
    await engine.close();
  });
});
