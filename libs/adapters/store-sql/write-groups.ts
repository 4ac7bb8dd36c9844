import { deferred, type Deferred } from '#libs/core/kernel';
import type { SqlSession } from './sql-store.js';

interface Waiting {
  readonly task: (session: SqlSession) => Promise<unknown>;
  readonly outcome: Deferred<unknown>;
}

/** The longest a group stays open for tasks that arrive while it runs, and the most it takes. Beyond either it commits and a new group begins. */
const MAX_GROUP_MS = 10;
const MAX_GROUP_TASKS = 256;

/**
 * The single line of writers of a SQLite file. Tasks run one after another on one connection; all that wait share one transaction and therefore one flush.
 * Each runs in a savepoint of its own, so a failing task takes back its own writes and nobody else's, and no task is answered before the commit is on disk.
 */
export class WriteGroups {
  readonly #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(
    private readonly session: SqlSession,
    private readonly inTransaction: () => boolean,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Resolves with the task's result once it is durable. */
  run<T>(task: (session: SqlSession) => Promise<T>): Promise<T> {
    const outcome = deferred<unknown>();
    this.#waiting.push({ task, outcome });
    this.#running ??= this.#drain();
    return outcome.promise as Promise<T>;
  }

  /** Resolves when no task is waiting or running. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      // One turn of the event loop before each group: requests that arrived together form one, and a long queue does not keep everything else waiting. SQLite's
      // answers come at once, so nothing else here would let go.
      await new Promise<void>((resolve) => setImmediate(resolve));
      await this.#group();
    }
    this.#running = undefined;
  }

  /** Runs one group. Never throws: every task taken is settled. */
  async #group(): Promise<void> {
    const settle: (() => void)[] = [];
    const inside: Waiting[] = [];
    try {
      await this.session.run('BEGIN IMMEDIATE');
      const opened = this.now();
      while (this.#waiting.length > 0 && inside.length < MAX_GROUP_TASKS && this.now() - opened < MAX_GROUP_MS) {
        const waiting = this.#waiting.shift()!;
        inside.push(waiting);
        settle.push(await this.#inSavepoint(waiting));
      }
      await this.session.run('COMMIT');
    } catch (error) {
      // The transaction as a whole is lost: nobody's writes are there, whatever their tasks returned.
      if (this.inTransaction()) await this.session.run('ROLLBACK').catch(() => undefined);
      if (inside.length === 0) inside.push(...this.#waiting.splice(0));
      for (const waiting of inside) waiting.outcome.reject(error);
      return;
    }
    for (const one of settle) one();
  }

  /** @returns how to answer the task after the commit. @throws when the database gave up the whole transaction (disk full, I/O error). */
  async #inSavepoint(waiting: Waiting): Promise<() => void> {
    await this.session.run('SAVEPOINT task');
    try {
      const result = await waiting.task(this.session);
      await this.session.run('RELEASE task');
      return () => waiting.outcome.resolve(result);
    } catch (error) {
      if (!this.inTransaction()) throw error;
      await this.session.run('ROLLBACK TO task');
      await this.session.run('RELEASE task');
      return () => waiting.outcome.reject(error);
    }
  }
}
