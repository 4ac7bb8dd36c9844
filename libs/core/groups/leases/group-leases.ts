import { type AppError, type Clock, isAppError } from '#libs/core/kernel';
import {
  type GroupDescription,
  type GroupPosition,
  isWorkNoted,
  type LeaseRest,
  leaseRestKey,
  leaseRestsIn,
  leaseWriterId,
  type LogEngine,
  logErrors,
  type LogWriter,
  type TopicState,
  type WriterAppend,
} from '#libs/core/log';
import { leasesContended } from '../errors.js';
import { adopt, expire, forget, settled } from './lease-book.js';
import { bookFrom, changesBetween } from './lease-checkpoints.js';
import { type LeaseBook, placeOf } from './lease.js';

/** What a request comes to: the book afterwards, what it answers, and records that are written with it. */
export interface LeaseDecision<T> {
  readonly book: LeaseBook;
  readonly reply: T;
  readonly appends?: readonly WriterAppend[];
}

/** What the log says of a group besides its leases. */
export interface GroupInLog {
  /** Where it stands, by place. */
  readonly stands: ReadonlyMap<string, number>;
  /** Topics of which it has had records under leases, by physical name. */
  readonly worked: ReadonlySet<string>;
  /** Topics of which nothing new is to be begun, by physical name: they are being handed over. */
  readonly resting: ReadonlySet<string>;
}

/** Decides by the book as of everything before it, and by what the log says. May be called again on a newer book; throwing refuses the request. */
export type DecideLease<T> = (book: LeaseBook, now: number, inLog: GroupInLog) => LeaseDecision<T>;

export interface RunOptions {
  /** Ask the log where the group stands before deciding: somebody else may have moved it, or joined it. */
  readonly fresh?: boolean;
  /** Commit although nothing changes, so that the fence vouches for the book it was decided by. */
  readonly confirmed?: boolean;
  /** Decide by what the log has now, also where another instance may have changed it and the reply needs no commit. */
  readonly current?: boolean;
}

interface Waiting extends RunOptions {
  readonly decide: DecideLease<unknown>;
  resolve(reply: unknown): void;
  reject(error: unknown): void;
}

/** What is known of a group, and the right to change it. */
interface Session {
  readonly writer: LogWriter;
  /** As the log has it. */
  stored: LeaseBook;
  /** The same without the work on partitions that somebody else has moved. */
  book: LeaseBook;
  inLog: GroupInLog;
  /** What the log has of topics that are left alone, by physical name, whether it still holds or not. */
  readonly rests: Map<string, LeaseRest>;
  /** When it was opened, in monotonic ms. */
  readonly openedAt: number;
}

/** Which of the stored rests hold, and which are over. */
interface Rests {
  readonly held: ReadonlyMap<string, LeaseRest>;
  readonly over: readonly string[];
  /** Topics among those that are over whose work is elsewhere now. */
  readonly gone: readonly string[];
}

/** Requests that share a commit. */
const MAX_TOGETHER = 64;
/** How often a request is decided anew since another instance came first. */
const MAX_TRIES = 5;
/** How long nothing is tried, in ms and times the tries, when others came first twice, on a log on which a cutover tells leases by their own writer: see `LeaseRest`. It gets to commit. */
const FENCED_PAUSE_MS = 25;
/** How long a session is believed that a topic is closed: only then somebody else may have opened it again unseen. */
const CLOSED_BELIEF_MS = 1_000;

/**
 * The leases of one group. Its book lives in the log, as checkpoints of a writer that are committed with the group's positions; what is kept here is a copy that the fence of the
 * writer protects: of several instances that decide, one commits, and the others read again and decide anew. Requests that wait together are decided one after another and share a commit.
 */
export class GroupLeases {
  readonly #waiting: Waiting[] = [];
  #session: Session | undefined;
  #working = false;

  constructor(
    private readonly engine: LogEngine,
    private readonly clock: Clock,
    readonly group: string,
    /** Whether a topic, by physical name, carries its logical name no longer. */
    private readonly isSuperseded: (topic: string) => Promise<boolean>,
  ) {}

  get idle(): boolean {
    return !this.#working;
  }

  /**
   * Makes a decision durable and answers its reply.
   * @throws what `decide` throws; `group-active` when the group has live members; `leases-contended`; `outcome-unknown`; what the log says of the records written with it.
   */
  run<T>(decide: DecideLease<T>, options: RunOptions = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ ...options, decide, resolve: resolve as (reply: unknown) => void, reject });
      if (!this.#working) void this.#work();
    });
  }

  async close(): Promise<void> {
    await this.#session?.writer.close();
    this.#session = undefined;
  }

  /** Leaves nothing of the leases in the log. For a group that has no positions any more. @throws `outcome-unknown`; what the log says. */
  async forget(): Promise<void> {
    const { writer } = await this.#opened();
    this.#session = undefined;
    await writer.forget();
  }

  /** Lets go of the group: leaves nothing in the log where nothing is leased or unacknowledged, so that groups once leased are not kept for ever. */
  async retire(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    const { leases, work } = settled(expire(session.stored, this.clock.now()));
    const isOver =
      session.rests.size === 0 && leases.size === 0 && [...work.values()].every(({ unacked }) => unacked.length === 0);
    if (isOver) await this.forget();
    else await this.close();
  }

  async #work(): Promise<void> {
    this.#working = true;
    while (this.#waiting.length > 0) await this.#settle(this.#waiting.splice(0, MAX_TOGETHER));
    this.#working = false;
  }

  /** Resolves or rejects every one of them. */
  async #settle(requests: readonly Waiting[]): Promise<void> {
    let failure: unknown = leasesContended(this.group);
    // Topics that moved on: their work was carried over by its positions, and nothing of it can be stored any more.
    const gone = new Set<string>();
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      try {
        return await this.#attempt(requests, gone);
      } catch (error) {
        if (isAppError(error, 'writer-fenced')) {
          if (tries > 0 && !this.engine.capabilities.handsOver) await this.clock.sleep(FENCED_PAUSE_MS * tries);
          continue;
        }
        failure = error;
        const closed = isAppError(error, 'positions-closed') ? String(error.details['topic']) : undefined;
        if (closed === undefined || gone.has(closed)) break;
        try {
          if (!(await this.isSuperseded(closed))) break;
        } catch (unknown) {
          failure = unknown;
          break;
        }
        gone.add(closed);
      }
    }
    // What one of them asks for can be refused by the log; the others need not suffer from it.
    if (requests.length > 1 && isAppError(failure) && isRefusal(failure)) {
      for (const one of requests) await this.#settle([one]);
      return;
    }
    for (const one of requests) one.reject(failure);
  }

  async #attempt(requests: readonly Waiting[], gone: ReadonlySet<string>): Promise<void> {
    // Of one process alone, what is kept here is what holds.
    const mayBeOld = this.#session !== undefined && this.engine.capabilities.engine !== 'embedded';
    if (mayBeOld && requests.some((one) => one.current)) await this.close();
    const before = this.#session;
    const session = requests.some((one) => one.fresh) ? await this.#refreshed() : await this.#opened();
    const rests = await this.#restsOf(session);
    const inLog = { ...session.inLog, resting: new Set([...session.inLog.resting, ...rests.held.keys()]) };
    const now = this.clock.now();
    const begin = expire(forget(session.book, new Set([...gone, ...rests.gone])), now);
    let book = begin;
    const appends: WriterAppend[] = [];
    const answers: (() => void)[] = [];
    let confirmed = false;
    for (const { decide, resolve, reject, ...options } of requests) {
      try {
        const decision = decide(book, now, inLog);
        confirmed ||= options.confirmed ?? false;
        book = decision.book;
        appends.push(...(decision.appends ?? []));
        answers.push(() => resolve(decision.reply));
      } catch (error) {
        if (mayBeOld && session === before) {
          // A refusal writes nothing that the fence could check: it is decided by a new session.
          await this.close();
          return await this.#attempt(requests, gone);
        }
        answers.push(() => reject(error));
      }
    }
    if (book !== begin || appends.length > 0 || confirmed) {
      const changes = changesBetween(session.stored, book, session.inLog.worked);
      const closed = closedAmong(changes.positions, session.stored, book, rests.held);
      if (closed !== undefined) {
        if (this.clock.monotonic() - session.openedAt > CLOSED_BELIEF_MS) await this.close();
        throw logErrors.positionsClosed(closed);
      }
      const checkpoints = [
        ...changes.checkpoints,
        ...rests.over.map((topic) => ({ key: leaseRestKey(topic), value: null })),
      ];
      const positions = changes.positions.map((one) => ({ ...one, group: this.group }));
      try {
        await session.writer.commit({ appends, positions, checkpoints, onlyVacant: true });
      } catch (error) {
        // Whatever the reason, what is known here may not be what holds.
        if (!isAppError(error) || !isRefusal(error)) await this.close();
        throw error;
      }
      session.stored = session.book = changes.book;
      for (const topic of rests.over) session.rests.delete(topic);
      const stands = new Map([...session.inLog.stands, ...standsOf(positions)]);
      const worked = new Set([...session.inLog.worked, ...workedIn(positions)]);
      session.inLog = { ...session.inLog, stands, worked };
    }
    for (const answer of answers) answer();
  }

  async #opened(): Promise<Session> {
    if (this.#session !== undefined) return this.#session;
    const writer = await this.engine.openWriter(leaseWriterId(this.group));
    const description = await this.engine.describeGroup(this.group);
    const inLog = inLogOf(description);
    const stored = bookFrom(writer.checkpoints(), description.positions);
    // Checkpoints and positions were committed together, so a difference is somebody else's doing.
    const book = adopt(stored, (work) => inLog.stands.get(placeOf(work)));
    const rests = leaseRestsIn(writer.checkpoints());
    return (this.#session = { writer, stored, book, inLog, rests, openedAt: this.clock.monotonic() });
  }

  /** A rest is over once its topic is ACTIVE, carries its name no longer, or is not there any more. */
  async #restsOf({ rests }: Session): Promise<Rests> {
    const held = new Map<string, LeaseRest>();
    const over: string[] = [];
    const gone: string[] = [];
    for (const [topic, rest] of rests) {
      const state = await this.#stateOf(topic);
      const isGone = state === undefined || state === 'RETIRED' || (await this.isSuperseded(topic));
      if (!isGone && state === 'FENCED') held.set(topic, rest);
      else over.push(topic);
      if (isGone) gone.push(topic);
    }
    return { held, over, gone };
  }

  async #stateOf(topic: string): Promise<TopicState | undefined> {
    try {
      return (await this.engine.describeTopic(topic)).state;
    } catch (error) {
      if (isAppError(error, 'topic-not-found')) return undefined;
      throw error;
    }
  }

  /** @throws `group-active`. */
  async #refreshed(): Promise<Session> {
    const session = await this.#opened();
    const description = await this.engine.describeGroup(this.group);
    const { length } = description.members;
    if (length > 0) throw logErrors.groupActive(this.group, length);
    const inLog = (session.inLog = inLogOf(description));
    if (adopt(session.book, (work) => inLog.stands.get(placeOf(work))) === session.book) return session;
    // Another instance, or somebody without leases: a new session tells, since its fence lets nobody come between.
    await this.close();
    return await this.#opened();
  }
}

function inLogOf({ positions, resting = [] }: GroupDescription): GroupInLog {
  return { stands: standsOf(positions), worked: workedIn(positions), resting: new Set(resting) };
}

function workedIn(positions: readonly GroupPosition[]): ReadonlySet<string> {
  return new Set(positions.filter(isWorkNoted).map((one) => one.topic));
}

function standsOf(positions: readonly GroupPosition[]): ReadonlyMap<string, number> {
  return new Map(positions.map((one) => [placeOf(one), one.offset]));
}

/** A topic that is closed and of which a change would store something. */
function closedAmong(
  positions: readonly GroupPosition[],
  before: LeaseBook,
  after: LeaseBook,
  rests: ReadonlyMap<string, LeaseRest>,
): string | undefined {
  if (rests.size === 0) return undefined;
  const changed = [...after.work].filter(([place, work]) => before.work.get(place) !== work).map(([, work]) => work);
  return [...positions, ...changed].find(({ topic }) => rests.get(topic) === 'closed')?.topic;
}

/** Nothing was done, and the session goes on. */
function isRefusal({ code }: AppError): boolean {
  return code !== 'writer-fenced' && code !== 'writer-closed' && code !== 'outcome-unknown' && code !== 'group-active';
}
