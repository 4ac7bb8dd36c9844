import { describe, expect, it } from 'vitest';
import { ClassicGroup, type GroupAnswer } from './classic-group.js';
import type { JoinOutcome, JoinRequest, MemberClaim, SyncOutcome } from './group-protocol.js';

const SESSION_MS = 10_000;
const REBALANCE_MS = 20_000;
const bytes = (text: string): Uint8Array => Buffer.from(text);

/** A group, a clock and what was answered to whom. */
class Bench {
  readonly group: ClassicGroup;
  nowMs = 0;
  #tickets = 0;
  readonly #answers = new Map<number, GroupAnswer>();

  constructor(settings: { initialDelayMs?: number; maxMembers?: number; generation?: number } = {}) {
    const { initialDelayMs = 0, maxMembers = 10, generation = 0 } = settings;
    this.group = new ClassicGroup(generation, { initialDelayMs, maxMembers });
  }

  /** Joins and answers the ticket. `id` is also what a new member is given. */
  join(id: string, rest: Partial<JoinRequest> = {}): number {
    const ticket = ++this.#tickets;
    const request: JoinRequest = {
      memberId: id,
      instanceId: null,
      clientId: 'c',
      host: 'h',
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: bytes(id) }],
      ...rest,
    };
    this.take(this.group.join(ticket, request, id, this.nowMs));
    return ticket;
  }

  /** As a client does it that has no id yet. */
  enter(id: string, rest: Partial<JoinRequest> = {}): number {
    const given = this.joined(this.join(id, { ...rest, memberId: '' }));
    expect(given).toEqual({ kind: 'id-given', memberId: id });
    return this.join(id, rest);
  }

  sync(claim: MemberClaim, assignments: Record<string, string> = {}): number {
    const ticket = ++this.#tickets;
    const shares = new Map(Object.entries(assignments).map(([id, text]) => [id, bytes(text)]));
    this.take(this.group.sync(ticket, { ...claim, assignments: shares }, this.nowMs));
    return ticket;
  }

  /** Lets time pass, deadline by deadline, as a coordinator does. */
  pass(ms: number): void {
    const until = this.nowMs + ms;
    for (let at = this.group.nextDeadlineMs(); at <= until; at = this.group.nextDeadlineMs()) {
      expect(at, 'deadlines are met once').toBeGreaterThanOrEqual(this.nowMs);
      this.nowMs = at;
      this.take(this.group.tick(at));
    }
    this.nowMs = until;
  }

  joined(ticket: number): JoinOutcome | undefined {
    const answer = this.#answers.get(ticket);
    return answer?.kind === 'join' ? answer.outcome : undefined;
  }

  synced(ticket: number): SyncOutcome | undefined {
    const answer = this.#answers.get(ticket);
    return answer?.kind === 'sync' ? answer.outcome : undefined;
  }

  /** Why a call was refused, or how it was answered. */
  outcome(ticket: number): string | undefined {
    const outcome = this.#answers.get(ticket)?.outcome;
    return outcome?.kind === 'refused' ? outcome.reason : outcome?.kind;
  }

  take(answers: readonly GroupAnswer[]): void {
    for (const answer of answers) {
      expect(this.#answers.has(answer.ticket), 'a call is answered once').toBe(false);
      this.#answers.set(answer.ticket, answer);
    }
  }

  /** Brings the members to a stable group; the first one leads. */
  stable(...ids: readonly string[]): void {
    const [first, ...others] = ids;
    this.enter(first!);
    this.sync(this.claim(first!), { [first!]: first! });
    const tickets = others.map((id) => this.enter(id));
    if (others.length > 0) this.join(first!);
    for (const ticket of tickets.slice(0, -1)) expect(this.outcome(ticket)).toMatch(/joined|rebalance/);
    for (const id of others) if (this.group.state !== 'COMPLETING_REBALANCE') this.join(id);
    for (const id of ids.toReversed()) this.sync(this.claim(id), Object.fromEntries(ids.map((one) => [one, one])));
    expect(this.group.state).toBe('STABLE');
  }

  claim(memberId: string, generation = this.group.generation, instanceId: string | null = null): MemberClaim {
    return { memberId, instanceId, generation };
  }
}

describe('a classic group', () => {
  it('goes from EMPTY to STABLE with its first member, whose assignment is its own', () => {
    const bench = new Bench();
    expect(bench.group.state).toBe('EMPTY');
    const ticket = bench.enter('a');
    expect(bench.joined(ticket)).toMatchObject({ kind: 'joined', generation: 1, protocol: 'range', leader: 'a' });
    expect(bench.group.state).toBe('COMPLETING_REBALANCE');
    expect(bench.group.heartbeat(bench.claim('a'), 0)).toBeUndefined();
    const synced = bench.sync(bench.claim('a'), { a: 'share' });
    expect(bench.synced(synced)).toEqual({ kind: 'synced', assignment: bytes('share') });
    expect(bench.group.state).toBe('STABLE');
    expect(bench.group.heartbeat(bench.claim('a'), 0)).toBeUndefined();
  });

  it('goes on counting from the generation it was made with', () => {
    const bench = new Bench({ generation: 41 });
    expect(bench.joined(bench.enter('a'))).toMatchObject({ generation: 42 });
  });

  it('waits for all who are in it when another comes; only the leader sees what everybody offers', () => {
    const bench = new Bench();
    bench.stable('a');
    const other = bench.enter('b');
    expect(bench.group.state).toBe('PREPARING_REBALANCE');
    expect(bench.joined(other)).toBeUndefined();
    expect(bench.group.heartbeat(bench.claim('a', 1), 0)).toBe('rebalance-in-progress');
    const again = bench.join('a');
    expect(bench.joined(again)).toMatchObject({
      generation: 2,
      leader: 'a',
      members: [{ memberId: 'a' }, { memberId: 'b' }],
    });
    expect(bench.joined(other)).toMatchObject({ generation: 2, leader: 'a', members: [] });
  });

  it('keeps followers waiting for their share until the leader brings it', () => {
    const bench = new Bench();
    bench.stable('a');
    bench.enter('b');
    bench.join('a');
    const follower = bench.sync(bench.claim('b'));
    expect(bench.synced(follower)).toBeUndefined();
    bench.sync(bench.claim('a'), { a: 'A', b: 'B' });
    expect(bench.synced(follower)).toEqual({ kind: 'synced', assignment: bytes('B') });
  });

  it('lets members of the present generation commit until the next one begins, and nobody else', () => {
    const bench = new Bench();
    bench.stable('a');
    expect(bench.group.mayCommit(bench.claim('a'), 0)).toBeUndefined();
    expect(bench.group.mayCommit(undefined, 0)).toBe('unknown-member');
    expect(bench.group.mayCommit(bench.claim('nobody'), 0)).toBe('unknown-member');
    bench.enter('b');
    expect(bench.group.state).toBe('PREPARING_REBALANCE');
    expect(bench.group.mayCommit(bench.claim('a', 1), 0), 'what it is about to give up').toBeUndefined();
    bench.join('a');
    expect(bench.group.mayCommit(bench.claim('a', 1), 0)).toBe('illegal-generation');
    expect(bench.group.mayCommit(bench.claim('a', 2), 0)).toBe('rebalance-in-progress');
    bench.sync(bench.claim('a'), {});
    expect(bench.group.mayCommit(bench.claim('a', 2), 0)).toBeUndefined();
  });

  it('is committed to from outside only while nobody is in it', () => {
    const bench = new Bench();
    expect(bench.group.mayCommit(undefined, 0)).toBeUndefined();
    bench.stable('a');
    bench.take(bench.group.leave({ memberId: 'a', instanceId: null }, 0).answers);
    expect(bench.group.state).toBe('EMPTY');
    expect(bench.group.mayCommit(undefined, 0)).toBeUndefined();
    expect(bench.group.mayCommit(bench.claim('a', 1), 0)).toBe('unknown-member');
  });

  it('removes a member at its session timeout and not before; heartbeats and commits put it off', () => {
    const bench = new Bench();
    bench.stable('a', 'b');
    bench.pass(SESSION_MS - 1);
    expect(bench.group.size).toBe(2);
    expect(bench.group.heartbeat(bench.claim('a'), bench.nowMs)).toBeUndefined();
    bench.pass(1);
    expect(bench.group.members().map((one) => one.memberId)).toEqual(['a']);
    expect(bench.group.state).toBe('PREPARING_REBALANCE');
    expect(bench.group.heartbeat(bench.claim('b'), bench.nowMs)).toBe('unknown-member');
  });

  it('goes on without those who do not join in time', () => {
    const bench = new Bench();
    bench.stable('a', 'b');
    const third = bench.enter('c', { rebalanceTimeoutMs: 5_000 });
    for (let ms = 0; ms < REBALANCE_MS; ms += 5_000) {
      expect(bench.group.heartbeat(bench.claim('a'), bench.nowMs)).toBe('rebalance-in-progress');
      expect(bench.group.heartbeat(bench.claim('b'), bench.nowMs)).toBe('rebalance-in-progress');
      expect(bench.joined(third)).toBeUndefined();
      bench.pass(5_000);
    }
    expect(bench.joined(third)).toMatchObject({ kind: 'joined', leader: 'c', members: [{ memberId: 'c' }] });
    expect(bench.group.size).toBe(1);
  });

  it('goes on without one who joined and never asked for its share', () => {
    const bench = new Bench();
    bench.stable('a');
    bench.enter('b');
    bench.join('a');
    bench.sync(bench.claim('a'), { a: 'A', b: 'B' });
    for (let ms = 0; ms < REBALANCE_MS; ms += 5_000) {
      bench.group.heartbeat(bench.claim('a'), bench.nowMs);
      if (bench.group.members().length === 2) bench.group.heartbeat(bench.claim('b'), bench.nowMs);
      bench.pass(5_000);
    }
    expect(bench.group.members().map((one) => one.memberId)).toEqual(['a']);
  });

  it('chooses what most members prefer among what all of them have', () => {
    const offer = (...names: string[]) => ({ protocols: names.map((name) => ({ name, metadata: bytes(name) })) });
    const bench = new Bench();
    bench.enter('a', offer('x', 'y', 'z'));
    bench.sync(bench.claim('a'), {});
    bench.enter('b', offer('y', 'z'));
    bench.enter('c', offer('only-mine', 'z', 'y'));
    const ticket = bench.join('a', offer('x', 'y', 'z'));
    expect(bench.joined(ticket)).toMatchObject({ protocol: 'y' });
  });

  it('refuses one with nothing in common, another protocol type, a timeout out of range, and one too many', () => {
    const bench = new Bench({ maxMembers: 2 });
    bench.stable('a');
    const protocols = [{ name: 'other', metadata: bytes('') }];
    expect(bench.outcome(bench.join('', { protocols }))).toBe('inconsistent-protocol');
    expect(bench.outcome(bench.join('', { protocols: [] }))).toBe('inconsistent-protocol');
    expect(bench.outcome(bench.join('', { protocolType: 'connect' }))).toBe('inconsistent-protocol');
    expect(bench.outcome(bench.join('', { sessionTimeoutMs: 5_999 }))).toBe('invalid-session-timeout');
    expect(bench.outcome(bench.join('', { sessionTimeoutMs: 1_800_001 }))).toBe('invalid-session-timeout');
    const large = [{ name: 'range', metadata: new Uint8Array(600 * 1024) }];
    expect(bench.outcome(bench.join('', { protocols: large }))).toBe('group-full');
    expect(bench.outcome(bench.join('never-seen'))).toBe('unknown-member');
    expect(bench.group.state).toBe('STABLE');
    expect(bench.outcome(bench.join('b', { memberId: '' }))).toBe('id-given');
    expect(bench.outcome(bench.join('c', { memberId: '' })), 'an id that was given holds a place').toBe('group-full');
  });

  it('gives an unused id up at the session timeout, so that nobody waits for it for ever', () => {
    const bench = new Bench();
    bench.join('ghost', { memberId: '' });
    const ticket = bench.enter('a');
    expect(bench.joined(ticket)).toBeUndefined();
    bench.pass(SESSION_MS);
    expect(bench.joined(ticket)).toMatchObject({ kind: 'joined' });
    expect(bench.outcome(bench.join('ghost'))).toBe('unknown-member');
  });

  it('lets the first members wait for more, each further one putting it off, no longer than they would wait for each other', () => {
    const bench = new Bench({ initialDelayMs: 3_000 });
    const first = bench.enter('a', { rebalanceTimeoutMs: 7_000 });
    bench.pass(2_000);
    bench.enter('b');
    bench.pass(2_000);
    expect(bench.joined(first)).toBeUndefined();
    bench.enter('c');
    bench.pass(2_000);
    bench.enter('d');
    bench.pass(1_000);
    expect(bench.joined(first)).toMatchObject({ generation: 1 });
    expect(bench.group.size).toBe(4);
  });

  it('answers a follower that joins again unchanged at once, and begins anew for the leader and for a change', () => {
    const bench = new Bench();
    bench.stable('a', 'b');
    const generation = bench.group.generation;
    expect(bench.joined(bench.join('b'))).toMatchObject({ generation, members: [] });
    expect(bench.group.state).toBe('STABLE');
    const changed = bench.join('b', { protocols: [{ name: 'range', metadata: bytes('more') }] });
    expect(bench.joined(changed)).toBeUndefined();
    expect(bench.group.state).toBe('PREPARING_REBALANCE');
  });

  it('lets a static member come back under a new id, fencing the old one, without a rebalance unless it changed', () => {
    const bench = new Bench();
    const options = { memberId: '', instanceId: 'i', protocols: [{ name: 'range', metadata: bytes('same') }] };
    bench.join('one', options);
    bench.sync(bench.claim('one', 1, 'i'), { one: 'share' });
    const back = bench.join('two', options);
    expect(bench.joined(back)).toMatchObject({ memberId: 'two', generation: 1, leader: 'two', skipAssignment: true });
    expect(bench.synced(bench.sync(bench.claim('two', 1, 'i')))).toEqual({
      kind: 'synced',
      assignment: bytes('share'),
    });
    expect(bench.group.heartbeat(bench.claim('one', 1, 'i'), 0)).toBe('fenced-instance');
    expect(bench.group.mayCommit(bench.claim('one', 1, 'i'), 0)).toBe('fenced-instance');
    expect(bench.group.mayCommit(bench.claim('one', 1), 0)).toBe('unknown-member');
    const changed = bench.join('three', { ...options, protocols: [{ name: 'range', metadata: bytes('new') }] });
    expect(bench.joined(changed)).toMatchObject({ generation: 2, memberId: 'three', skipAssignment: false });
  });

  it('keeps a static member that is away until its session ends, and leads on with those who are there', () => {
    const bench = new Bench();
    bench.join('one', { memberId: '', instanceId: 'i', sessionTimeoutMs: 60_000 });
    bench.sync(bench.claim('one', 1, 'i'), {});
    const other = bench.enter('b');
    bench.pass(REBALANCE_MS);
    expect(bench.joined(other)).toMatchObject({ leader: 'b', members: [{ memberId: 'one' }, { memberId: 'b' }] });
  });

  it('makes another leader when the leader goes, and answers whoever waited for its share', () => {
    const bench = new Bench();
    bench.stable('a');
    bench.enter('b');
    bench.join('a');
    const waiting = bench.sync(bench.claim('b'));
    bench.take(bench.group.leave({ memberId: 'a', instanceId: null }, 0).answers);
    expect(bench.outcome(waiting)).toBe('rebalance-in-progress');
    expect(bench.joined(bench.join('b'))).toMatchObject({ leader: 'b', generation: 3 });
  });

  it('answers a call that was overtaken by another of the same member', () => {
    const bench = new Bench();
    bench.stable('a', 'b');
    const first = bench.join('a');
    const second = bench.join('a');
    expect(bench.outcome(first)).toBe('rebalance-in-progress');
    expect(bench.joined(second)).toBeUndefined();
    bench.take(bench.group.abandon());
    expect(bench.outcome(second)).toBe('unknown-member');
  });

  it('never gives a generation out twice, answers each call once, and ends empty, whatever happens (500 seeds)', () => {
    for (let seed = 1; seed <= 500; seed++) {
      let state = seed * 7_919;
      const next = (below: number): number => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
        return ((state >>> 8) & 0xffff) % below;
      };
      const bench = new Bench();
      const agreed = new Map<number, string>();
      for (let step = 0; step < 60; step++) {
        const id = 'abcd'[next(4)]!;
        const known = bench.group.members().some((one) => one.memberId === id);
        const what = next(6);
        if (what === 0 && !known) bench.enter(id);
        if (what === 1 && known) bench.join(id);
        if (what === 2 && known) bench.sync(bench.claim(id), { a: 'a', b: 'b', c: 'c', d: 'd' });
        if (what === 3 && known) bench.group.heartbeat(bench.claim(id), bench.nowMs);
        if (what === 4 && next(3) === 0)
          bench.take(bench.group.leave({ memberId: id, instanceId: null }, bench.nowMs).answers);
        if (what === 5) bench.pass(next(4_000));
        if (bench.group.state === 'COMPLETING_REBALANCE') {
          const { generation, leader } = bench.group;
          const before = agreed.get(generation);
          expect([undefined, leader], `seed ${seed}`).toContain(before);
          agreed.set(generation, leader!);
        }
      }
      bench.pass(10 * REBALANCE_MS);
      expect(bench.group.state, `seed ${seed}`).toBe('EMPTY');
      expect(bench.group.nextDeadlineMs(), `seed ${seed}`).toBe(Infinity);
    }
  });
});
