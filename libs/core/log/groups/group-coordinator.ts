import { type Clock, type Deferred, deferred } from '#libs/core/kernel';
import type { GroupPosition } from '../engine.js';
import { groupActive, logClosed, tooManyGroups } from '../errors.js';
import { GROUP_LIMITS, type GroupDescription, type GroupState } from '../group-membership.js';
import type { RestingGroups } from '../hand-over.js';
import { ClassicGroup, type GroupAnswer } from './classic-group.js';
import { assignmentOf } from './consumer-protocol.js';
import type {
  GroupRefusal,
  JoinOutcome,
  JoinRequest,
  MemberClaim,
  SyncOutcome,
  SyncRequest,
} from './group-protocol.js';

/** What a coordinator keeps beyond its own life. */
export interface GroupGenerations {
  /** Generation the group last agreed on, 0 for a new one. */
  generationOf(group: string): number;
  /** Durable before it resolves. */
  raiseGeneration(group: string, generation: number): Promise<void>;
  /** Nobody is in the group any more: what is kept of it may go, unless it has positions. */
  release(group: string): void;
}

export interface GroupCoordinatorOptions {
  readonly clock: Clock;
  readonly generations: GroupGenerations;
  /** What makes a member's id its own. */
  readonly newId: () => string;
  readonly initialDelayMs?: number;
  readonly maxMembers?: number;
  readonly maxGroups?: number;
}

interface Active {
  readonly group: ClassicGroup;
  /** The highest generation that is durable. */
  durable: number;
  /** Ends the sleep until the next deadline. */
  alarm: AbortController | undefined;
  alarmAtMs: number;
}

type Waiting =
  | { readonly kind: 'join'; readonly reply: Deferred<JoinOutcome> }
  | { readonly kind: 'sync'; readonly reply: Deferred<SyncOutcome> };

/**
 * The groups of an engine that coordinates them itself. Members live in memory and end with the process; a generation is durable before any member hears of
 * it, so that none is ever given out twice.
 */
export class GroupCoordinator {
  readonly #active = new Map<string, Active>();
  readonly #waiting = new Map<number, Waiting>();
  /** How often groups are asked to rest from each topic now. */
  readonly #resting = new Map<string, number>();
  #tickets = 0;
  #closed = false;

  constructor(private readonly options: GroupCoordinatorOptions) {}

  /** @throws `too-many-groups`, `log-closed`, and what keeps the generation from being stored. */
  async join(group: string, request: JoinRequest): Promise<JoinOutcome> {
    const newId = `${request.instanceId ?? request.clientId}-${this.options.newId()}`;
    const active = this.#open(group);
    const reply = deferred<JoinOutcome>();
    const ticket = this.#ticket({ kind: 'join', reply });
    this.#decide(group, active, (nowMs) => active.group.join(ticket, request, newId, nowMs));
    return await reply.promise;
  }

  async sync(group: string, request: SyncRequest): Promise<SyncOutcome> {
    const active = this.#active.get(group);
    if (active === undefined) return { kind: 'refused', reason: 'unknown-member' };
    const reply = deferred<SyncOutcome>();
    const ticket = this.#ticket({ kind: 'sync', reply });
    this.#decide(group, active, (nowMs) => active.group.sync(ticket, request, nowMs));
    return await reply.promise;
  }

  heartbeat(group: string, claim: MemberClaim): GroupRefusal | undefined {
    const active = this.#current(group);
    return active === undefined ? 'unknown-member' : active.group.heartbeat(claim, this.#nowMs());
  }

  leave(group: string, claim: Pick<MemberClaim, 'memberId' | 'instanceId'>): GroupRefusal | undefined {
    const active = this.#active.get(group);
    if (active === undefined) return 'unknown-member';
    let refusal: GroupRefusal | undefined;
    this.#decide(group, active, (nowMs) => {
      const left = active.group.leave(claim, nowMs);
      refusal = left.refusal;
      return left.answers;
    });
    return refusal;
  }

  /** For the moment a commit is decided: whether the member may store positions. */
  refusalOfCommit(group: string, claim: MemberClaim): GroupRefusal | undefined {
    const active = this.#current(group);
    return active === undefined ? 'unknown-member' : active.group.mayCommit(claim, this.#nowMs());
  }

  /** For the moment it is decided: whoever is no member may change the group only while it has none. @throws `group-active`. */
  checkVacant(group: string): void {
    const active = this.#current(group);
    if (active !== undefined && active.group.size > 0) throw groupActive(group, active.group.size);
  }

  /** Asks the members that read a topic now to give up what they read. See `LogEngine.restGroups`. */
  rest(topic: string, forMs: number): RestingGroups {
    const groups = [...this.#active].filter(([, { group }]) => group.reads(topic));
    this.#resting.set(topic, (this.#resting.get(topic) ?? 0) + 1);
    for (const [name, active] of groups) this.#decide(name, active, (nowMs) => active.group.rest(nowMs));
    const present = (): typeof groups => groups.filter(([name, active]) => this.#active.get(name) === active);
    const over = new AbortController();
    const end = (): void => {
      if (over.signal.aborted) return;
      over.abort();
      const left = this.#resting.get(topic)! - 1;
      if (left > 0) this.#resting.set(topic, left);
      else this.#resting.delete(topic);
      for (const [name, active] of present()) this.#decide(name, active, (nowMs) => active.group.wake(nowMs));
    };
    // Whoever asked may never come back.
    this.options.clock.sleep(forMs, over.signal).then(end, () => undefined);
    const waiting = (): number => present().reduce((sum, [name]) => sum + (this.#current(name)?.group.awaited ?? 0), 0);
    return { waiting, end };
  }

  /** For the moment it is decided: ends the present generation of a group. Answers the next one, undefined where there are no members to fence. */
  fence(group: string): number | undefined {
    const active = this.#current(group);
    if (active === undefined || active.group.size === 0) return undefined;
    this.#decide(group, active, (nowMs) => active.group.fence(nowMs));
    return active.group.generation;
  }

  /** Names of the groups that have members. */
  names(): readonly string[] {
    return [...this.#active].filter(([, { group }]) => group.size > 0).map(([name]) => name);
  }

  /** `kept`: the group has something durable, so that it is EMPTY without members and not DEAD. */
  stateOf(group: string, kept: boolean): GroupState {
    const active = this.#current(group);
    return active === undefined || active.group.size === 0 ? (kept ? 'EMPTY' : 'DEAD') : active.group.state;
  }

  /** The group with the positions that are kept of it. */
  describe(group: string, positions: readonly GroupPosition[]): GroupDescription {
    const state = this.stateOf(group, positions.length > 0);
    const active = this.#active.get(group)?.group;
    const generation = active?.generation ?? this.options.generations.generationOf(group);
    const members = (active?.members() ?? []).map(({ assignment, ...member }) => {
      return { ...member, assignment: assignmentOf(assignment) };
    });
    const resting = this.#resting.size === 0 ? {} : { resting: [...this.#resting.keys()] };
    return { group, state, generation, strategy: active?.protocol ?? null, members, positions, ...resting };
  }

  /** Refuses everyone who waits; later calls find no group. */
  close(): void {
    this.#closed = true;
    for (const { group, alarm } of this.#active.values()) {
      alarm?.abort();
      this.#answer(group.abandon());
    }
    this.#active.clear();
  }

  #open(group: string): Active {
    const known = this.#current(group);
    if (known !== undefined) return known;
    const { generations, initialDelayMs = 0, maxMembers = GROUP_LIMITS.membersPerGroup } = this.options;
    const { maxGroups = GROUP_LIMITS.activeGroups } = this.options;
    if (this.#closed) throw logClosed();
    if (this.#active.size >= maxGroups) throw tooManyGroups(maxGroups);
    const durable = generations.generationOf(group);
    const machine = new ClassicGroup(durable, { initialDelayMs, maxMembers });
    const active: Active = { group: machine, durable, alarm: undefined, alarmAtMs: Infinity };
    this.#active.set(group, active);
    return active;
  }

  /** The group as of now: time has had its effect. */
  #current(group: string): Active | undefined {
    const active = this.#active.get(group);
    if (active !== undefined) this.#decide(group, active, (nowMs) => active.group.tick(nowMs));
    return this.#active.get(group);
  }

  #decide(name: string, active: Active, decide: (nowMs: number) => readonly GroupAnswer[]): void {
    const { group } = active;
    const answers = decide(this.#nowMs());
    if (group.generation > active.durable && answers.some(({ outcome }) => outcome.kind === 'joined')) {
      void this.#answerDurably(name, active, answers);
    } else {
      this.#answer(answers);
    }
    if (group.idle) this.#release(name, active);
    else this.#setAlarm(name, active);
  }

  async #answerDurably(name: string, active: Active, answers: readonly GroupAnswer[]): Promise<void> {
    const { generation } = active.group;
    try {
      await this.options.generations.raiseGeneration(name, generation);
      active.durable = Math.max(active.durable, generation);
      this.#answer(answers);
    } catch (error) {
      for (const { ticket } of answers) this.#taken(ticket)?.reply.reject(error);
    }
  }

  #answer(answers: readonly GroupAnswer[]): void {
    for (const { kind, ticket, outcome } of answers) {
      const waiting = this.#taken(ticket);
      if (waiting?.kind === 'join' && kind === 'join') waiting.reply.resolve(outcome);
      if (waiting?.kind === 'sync' && kind === 'sync') waiting.reply.resolve(outcome);
    }
  }

  #release(name: string, active: Active): void {
    active.alarm?.abort();
    if (this.#active.get(name) !== active) return;
    this.#active.delete(name);
    this.options.generations.release(name);
  }

  #setAlarm(name: string, active: Active): void {
    const atMs = active.group.nextDeadlineMs();
    // A deadline that moved back is looked at when the alarm rings, so that a heartbeat costs no timer.
    if (this.#closed || atMs >= active.alarmAtMs) return;
    active.alarm?.abort();
    const alarm = (active.alarm = new AbortController());
    active.alarmAtMs = atMs;
    const { clock } = this.options;
    clock.sleep(Math.max(0, atMs - clock.monotonic()), alarm.signal).then(
      () => {
        active.alarm = undefined;
        active.alarmAtMs = Infinity;
        if (this.#active.get(name) === active) this.#current(name);
      },
      () => undefined,
    );
  }

  #ticket(waiting: Waiting): number {
    const ticket = ++this.#tickets;
    this.#waiting.set(ticket, waiting);
    return ticket;
  }

  #taken(ticket: number): Waiting | undefined {
    const waiting = this.#waiting.get(ticket);
    this.#waiting.delete(ticket);
    return waiting;
  }

  #nowMs(): number {
    return this.options.clock.monotonic();
  }
}
