import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { PartitionRef } from '../../topic.js';
import type { Assignment, Assignor, Subscriber } from './assignment.js';
import { placeOf } from './claims.js';
import { ASSIGNORS } from './index.js';

type Counts = ReadonlyMap<string, number>;

/** A line of the fixture, see its README. */
type Golden = readonly [
  strategy: string,
  counts: Readonly<Record<string, number>>,
  members: readonly (readonly [string, string | null, readonly string[], readonly string[], number])[],
  assignment: Readonly<Record<string, readonly string[]>>,
];

const refOf = (place: string): PartitionRef => {
  const at = place.lastIndexOf('/');
  return { topic: place.slice(0, at), partition: Number(place.slice(at + 1)) };
};

function member(memberId: string, topics: readonly string[], rest: Partial<Subscriber> = {}): Subscriber {
  return { memberId, instanceId: null, topics, owned: [], generation: -1, ...rest };
}

/** Numbers from 0 to `below`, the same ones for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 3_266_489_917) | 0;
    return (state >>> 0) % below;
  };
}

/** A group as it may be: members come with what they were assigned, some after having been away. */
function randomGroup(seed: number, alike: boolean): { members: Subscriber[]; counts: Map<string, number> } {
  const next = numbers(seed);
  const topics = Array.from({ length: 1 + next(4) }, (_, i) => `t${i}`);
  const counts = new Map(topics.map((topic) => [topic, 1 + next(9)]));
  const members = Array.from({ length: 1 + next(7) }, (_, i) => {
    const own = alike ? topics : topics.filter(() => next(2) === 0);
    return member(`m${i}`, own.length === 0 ? ['t0'] : own);
  });
  return { members, counts };
}

/** What is wrong with an assignment as such: a partition with two readers, an unread one, one its reader did not ask for. */
function faultsOf(assignment: Assignment, members: readonly Subscriber[], counts: Counts, whole: boolean): string[] {
  const faults: string[] = [];
  const readers = new Map<string, string>();
  for (const { memberId, topics } of members) {
    for (const ref of assignment.get(memberId) ?? []) {
      const place = placeOf(ref);
      if (readers.has(place)) faults.push(`${place} has two readers`);
      if (!topics.includes(ref.topic)) faults.push(`${memberId} does not read ${ref.topic}`);
      if (ref.partition >= (counts.get(ref.topic) ?? 0)) faults.push(`${place} does not exist`);
      readers.set(place, memberId);
    }
  }
  const wanted = new Set(members.flatMap((one) => one.topics));
  for (const [topic, partitions] of counts) {
    if (!whole || !wanted.has(topic)) continue;
    for (let partition = 0; partition < partitions; partition++) {
      if (!readers.has(placeOf({ topic, partition }))) faults.push(`${topic}/${partition} is not read`);
    }
  }
  return faults;
}

/** Pairs of members of whom one has two more than another who could read one of them. */
function unevenPairs(assignment: Assignment, members: readonly Subscriber[]): string[] {
  const pairs: string[] = [];
  for (const rich of members) {
    const has = assignment.get(rich.memberId)!;
    for (const poor of members) {
      const could = has.some((ref) => poor.topics.includes(ref.topic));
      if (could && has.length > assignment.get(poor.memberId)!.length + 1)
        pairs.push(`${rich.memberId} ${poor.memberId}`);
    }
  }
  return pairs;
}

const holding = (members: readonly Subscriber[], assignment: Assignment, generation: number): Subscriber[] =>
  members.map((one) => ({ ...one, owned: assignment.get(one.memberId) ?? [], generation }));

/** Rebalances until nothing moves; answers the last assignment and the moves in between. */
function settled(assign: Assignor, members: readonly Subscriber[], counts: Counts) {
  let present = members;
  for (let round = 1; round < 5; round++) {
    const assignment = assign(present, counts);
    const moving = present.some(({ memberId, owned }) => assignment.get(memberId)!.length < owned.length);
    present = holding(present, assignment, 100 + round);
    if (!moving && round > 1) return { assignment, members: present, rounds: round };
  }
  throw new Error('it does not come to rest');
}

describe('sharing out partitions', () => {
  const lines = readFileSync('test/fixtures/group-assignments/kafka-4.1.2.ndjson', 'utf8').trim().split('\n');
  const golden = lines.map((line) => JSON.parse(line) as Golden);
  for (const [strategy, assign] of ASSIGNORS) {
    const cases = golden.filter(([name]) => name === strategy);
    it(`${strategy} gives what Kafka's assignor of that name gives (${cases.length} groups)`, () => {
      expect(cases.length).toBeGreaterThan(50);
      for (const [, counts, members, assignment] of cases) {
        const subscribers = members.map(([memberId, instanceId, topics, owned, generation]) =>
          member(memberId, topics, { instanceId, owned: owned.map(refOf), generation }),
        );
        const given = assign(subscribers, new Map(Object.entries(counts)));
        const texts = Object.fromEntries([...given].map(([id, refs]) => [id, refs.map(placeOf).sort()]));
        expect(texts, JSON.stringify(members)).toEqual(assignment);
      }
    });
  }

  for (const [strategy, assign] of ASSIGNORS) {
    it(`${strategy}: every partition has exactly one reader that asked for it, however groups look (600 seeds)`, () => {
      for (let seed = 1; seed <= 600; seed++) {
        const { members, counts } = randomGroup(seed, seed % 2 === 0);
        expect(faultsOf(assign(members, counts), members, counts, true), `seed ${seed}`).toEqual([]);
      }
    });

    it(`${strategy}: the same group in another order is shared out alike (200 seeds)`, () => {
      for (let seed = 1; seed <= 200; seed++) {
        const { members, counts } = randomGroup(seed, seed % 2 === 0);
        const [one, other] = [assign(members, counts), assign([...members].reverse(), counts)];
        for (const { memberId } of members) expect(other.get(memberId), `seed ${seed}`).toEqual(one.get(memberId));
      }
    });
  }

  it('cooperative-sticky: as even as subscriptions allow, after members and partitions came and went (400 seeds)', () => {
    const assign = ASSIGNORS.get('cooperative-sticky')!;
    for (let seed = 1; seed <= 400; seed++) {
      const next = numbers(seed + 9_000);
      const { members, counts } = randomGroup(seed, seed % 3 !== 0);
      let present = settled(assign, members, counts);
      for (let step = 0; step < 3; step++) {
        const others = present.members.filter(
          (_, i) => present.members.length === 1 || i !== next(present.members.length),
        );
        const joined = [...others, member(`n${step}`, [...counts.keys()])];
        counts.set('t0', counts.get('t0')! + next(3));
        present = settled(assign, joined, counts);
        expect(faultsOf(present.assignment, joined, counts, true), `seed ${seed}`).toEqual([]);
        expect(unevenPairs(present.assignment, joined), `seed ${seed}`).toEqual([]);
      }
    }
  });

  it('cooperative-sticky: in no rebalance is a partition given to one while another holds it (400 seeds)', () => {
    const assign = ASSIGNORS.get('cooperative-sticky')!;
    for (let seed = 1; seed <= 400; seed++) {
      const { members, counts } = randomGroup(seed, seed % 2 === 0);
      const before = settled(assign, members.slice(0, Math.ceil(members.length / 2)), counts).members;
      const holders = new Map(before.flatMap(({ memberId, owned }) => owned.map((ref) => [placeOf(ref), memberId])));
      const joined = [...before, ...members.slice(before.length)];
      for (const [memberId, refs] of assign(joined, counts)) {
        for (const ref of refs) expect([undefined, memberId], `seed ${seed}`).toContain(holders.get(placeOf(ref)));
      }
    }
  });

  it('cooperative-sticky: where all read the same, a newcomer gets what evenness demands and nothing else moves (300 seeds)', () => {
    const assign = ASSIGNORS.get('cooperative-sticky')!;
    for (let seed = 1; seed <= 300; seed++) {
      const { members, counts } = randomGroup(seed, true);
      const before = settled(assign, members, counts);
      const after = settled(assign, [...before.members, member('new', [...counts.keys()])], counts);
      const moved = members.flatMap(({ memberId }) => {
        const kept = new Set(after.assignment.get(memberId)!.map(placeOf));
        return before.assignment.get(memberId)!.filter((ref) => !kept.has(placeOf(ref)));
      });
      expect(moved.length, `seed ${seed}`).toBe(after.assignment.get('new')!.length);
    }
  });

  it('cooperative-sticky: when one leaves, what the others have stays with them (300 seeds)', () => {
    const assign = ASSIGNORS.get('cooperative-sticky')!;
    for (let seed = 1; seed <= 300; seed++) {
      const { members, counts } = randomGroup(seed, true);
      const before = settled(assign, members, counts);
      const left = before.members.slice(1);
      const after = left.length === 0 ? new Map<string, readonly PartitionRef[]>() : assign(left, counts);
      for (const { memberId, owned } of left) {
        const kept = new Set(after.get(memberId)!.map(placeOf));
        expect(
          owned.filter((ref) => !kept.has(placeOf(ref))),
          `seed ${seed}`,
        ).toEqual([]);
      }
    }
  });

  it('negative control: dealing anew each time moves more, and gives away what another holds', () => {
    const assign = ASSIGNORS.get('roundrobin')!;
    const counts = new Map([['t0', 12]]);
    const before = [member('a', ['t0']), member('b', ['t0'])];
    const held = holding(before, assign(before, counts), 1);
    const after = assign([...held, member('aa', ['t0'])], counts);
    const holders = new Map(held.flatMap(({ memberId, owned }) => owned.map((ref) => [placeOf(ref), memberId])));
    const stolen = [...after].flatMap(([id, refs]) => refs.filter((ref) => holders.get(placeOf(ref)) !== id));
    expect(stolen.length).toBeGreaterThan(4);
  });

  it('two claims on a partition: the later generation holds; of the same generation neither does, until both let go', () => {
    const assign = ASSIGNORS.get('cooperative-sticky')!;
    const counts = new Map([['t0', 2]]);
    const owned = [refOf('t0/0')];
    const later = assign(
      [member('a', ['t0'], { owned, generation: 3 }), member('b', ['t0'], { owned, generation: 4 })],
      counts,
    );
    expect(later.get('b')!.map(placeOf)).toEqual(['t0/0']);
    const same = assign(
      [member('a', ['t0'], { owned, generation: 4 }), member('b', ['t0'], { owned, generation: 4 })],
      counts,
    );
    expect([...same.values()].flat().map(placeOf)).toEqual(['t0/1']);
  });

  it('250 members and 4,000 partitions are shared out, whatever they read', () => {
    const counts = new Map(Array.from({ length: 1_000 }, (_, i) => [`t${i}`, 4]));
    const topics = [...counts.keys()];
    const mixed = Array.from({ length: 250 }, (_, i) =>
      member(
        `m${i}`,
        topics.filter((_, at) => at % 7 !== i % 7),
      ),
    );
    for (const [strategy, assign] of ASSIGNORS) {
      const assignment = assign(mixed, counts);
      expect(faultsOf(assignment, mixed, counts, true), strategy).toEqual([]);
    }
  }, 20_000);
});
