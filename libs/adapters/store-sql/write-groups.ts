import { deferred, type Deferred } from '#libs/core/kernel';
import type { SqlSession } from './sql-store.js';

/** Tells a task's caller what became of it. */
type Answer = () => void;

interface Waiting {
  readonly task: (session: SqlSession) => Promise<unknown>;
  readonly outcome: Deferred<unknown>;
}

/** The most tasks that a group takes. Beyond it commits and a new group begins. */
const MAX_GROUP_TASKS = 256;

/** The database as its line of writers needs it. */
export interface GroupDatabase {
  /** The statement that begins a transaction. */
  readonly begin: string;
  /** The longest a group stays open for tasks that arrive while it runs, in ms. */
  readonly groupMs: number;
  /** Runs a group on a connection. @throws what `group` throws, or that there is no connection. */
  connected<T>(group: (connection: GroupConnection) => Promise<T>): Promise<T>;
  /** Makes everything committed so far durable, where a commit does not. */
  flush(): Promise<void>;
  /** Called between groups, with everything flushed and no transaction open. */
  tidy(): Promise<void>;
}

export interface GroupConnection {
  readonly session: SqlSession;
  /** Whether a transaction is open: some errors end it. */
  inTransaction(): boolean;
}

/**
 * A line of writers. Tasks run one after another; all that wait share one transaction and therefore one flush.
 * A failing task takes back its own writes and nobody else's: the group begins again with a savepoint around each task, and so does the next one, for as long as tasks fail. Savepoints
 * cost a copy of every page that a task is the first to change, a tenth of a small task and more. No task is answered before the commit is on disk.
 * A failed flush ends the line: what the disk then holds is not known, so nothing after it can be promised.
 */
export class WriteGroups {
  readonly #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  /** The flush of what is committed and not yet durable. */
  #flushing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  /** Whether a task failed lately, so that the next group keeps its tasks apart from the beginning. */
  #careful = false;

  constructor(
    private readonly database: GroupDatabase,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Resolves with the task's result once it is durable. */
  run<T>(task: (session: SqlSession) => Promise<T>): Promise<T> {
    const outcome = deferred<unknown>();
    this.#waiting.push({ task, outcome });
    this.#running ??= this.#drain();
    return outcome.promise as Promise<T>;
  }

  /** The flush under way, if something is committed that is not yet durable: who reads now would see what may never have been. */
  get flushing(): Promise<void> | undefined {
    return this.#flushing;
  }

  /** What made a flush fail, if one has. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
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
      if (this.#failure === undefined) await this.#unlessFailing(() => this.database.tidy());
    }
    this.#running = undefined;
  }

  async #flush(): Promise<void> {
    this.#flushing = this.#unlessFailing(() => this.database.flush());
    await this.#flushing;
    this.#flushing = undefined;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #unlessFailing(task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.#failure = { error };
    }
  }

  /** Runs one group. Never throws: every task taken is settled. */
  async #group(): Promise<void> {
    const inside: Waiting[] = [];
    let answers: readonly Answer[];
    try {
      if (this.#failure !== undefined) throw this.#failure.error;
      answers = await this.database.connected((connection) => this.#committed(connection, inside));
      await this.#flush();
    } catch (error) {
      // The transaction as a whole is lost, or nobody knows whether it is there: whatever the tasks returned.
      if (inside.length === 0) inside.push(...this.#waiting.splice(0));
      for (const waiting of inside) waiting.outcome.reject(error);
      return;
    }
    for (const answer of answers) answer();
  }

  async #committed(connection: GroupConnection, inside: Waiting[]): Promise<readonly Answer[]> {
    const { session } = connection;
    try {
      await session.run(this.database.begin);
      const answers = this.#careful ? await this.#apart(connection, inside) : await this.#together(connection, inside);
      await session.run('COMMIT');
      return answers;
    } catch (error) {
      if (connection.inTransaction()) await session.run('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  /** The tasks of a group as they are taken, those that arrive while it runs included. */
  *#arriving(inside: Waiting[]): Generator<Waiting> {
    const opened = this.now();
    while (this.#waiting.length > 0 && inside.length < MAX_GROUP_TASKS && this.now() - opened < this.database.groupMs) {
      const waiting = this.#waiting.shift()!;
      inside.push(waiting);
      yield waiting;
    }
  }

  /** Runs tasks one after another as if none could fail. When one does, all that was done is taken back, and they run again, each apart. */
  async #together(connection: GroupConnection, inside: Waiting[]): Promise<readonly Answer[]> {
    const answers: Answer[] = [];
    try {
      for (const waiting of this.#arriving(inside)) {
        const result = await waiting.task(connection.session);
        answers.push(() => waiting.outcome.resolve(result));
      }
      return answers;
    } catch (error) {
      if (!connection.inTransaction()) throw error;
      await connection.session.run('ROLLBACK');
      await connection.session.run(this.database.begin);
      if (inside.length === 1) return [() => inside[0]!.outcome.reject(error)];
      return this.#apart(connection, inside);
    }
  }

  /** Runs each task in a savepoint, those that were taken before first. */
  async #apart(connection: GroupConnection, inside: Waiting[]): Promise<readonly Answer[]> {
    this.#careful = false;
    const answers: Answer[] = [];
    for (const waiting of [...inside]) answers.push(await this.#inSavepoint(connection, waiting));
    for (const waiting of this.#arriving(inside)) answers.push(await this.#inSavepoint(connection, waiting));
    return answers;
  }

  /** @returns how to answer the task after the commit. @throws when the database gave up the whole transaction (disk full, I/O error). */
  async #inSavepoint(connection: GroupConnection, waiting: Waiting): Promise<Answer> {
    await connection.session.run('SAVEPOINT task');
    try {
      const result = await waiting.task(connection.session);
      await connection.session.run('RELEASE task');
      return () => waiting.outcome.resolve(result);
    } catch (error) {
      if (!connection.inTransaction()) throw error;
      this.#careful = true;
      await connection.session.run('ROLLBACK TO task');
      await connection.session.run('RELEASE task');
      return () => waiting.outcome.reject(error);
    }
  }
}
