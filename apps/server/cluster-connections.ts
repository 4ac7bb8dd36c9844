import { type Clock, isAppError } from '#libs/core/kernel';
import type { LogEngine } from '#libs/core/log';
import type { Supervisor } from '#libs/core/operations';
import type { CheckResult, Health, Logger, Metrics } from '#libs/platform/observability';
import type { ConfiguredClusters } from './configured-clusters.js';

/**
 * How long a start waits for clusters that stay silent; all of them are tried at once. One that refuses the connection is not waited for; on a busy machine loading the client and connecting
 * takes seconds, and a service that starts with its clusters is better.
 */
const START_PATIENCE_MS = 15_000;
/** Pause before a cluster is tried again, doubled with every attempt. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** How often a cluster that was reached is asked whether it still answers, and how quickly it has to. */
const LOOK_MS = 5_000;
const ANSWER_MS = 2_000;

export interface ConnectionParts {
  readonly clusters: ConfiguredClusters;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly health: Health;
  readonly metrics: Metrics;
  /** What a log needs before it is seen by anybody. Harmless to repeat. */
  readonly restore: (engine: LogEngine) => Promise<void>;
  /** What a cluster that is there needs before it is worked in. Harmless to repeat. */
  readonly prepare: (cluster: string) => Promise<void>;
}

/**
 * The clusters that are somewhere else: they may be away when the service starts, and what does not need them must not wait for them (reliability page, G22). Each joins the clusters of the service when
 * it has been reached, once and for good; what it is asked for before is refused at once.
 */
export class ClusterConnections {
  readonly #connections: readonly Connection[];

  /** @param opened how each is reached, by name. */
  constructor(opened: ReadonlyMap<string, () => Promise<LogEngine>>, parts: ConnectionParts) {
    this.#connections = [...opened].map(([name, open]) => new Connection(name, open, parts));
    for (const connection of this.#connections) {
      parts.health.add({ name: `cluster-${connection.name}`, check: () => connection.check() });
    }
    parts.metrics.gauge('cluster_available', '1 while a Kafka cluster answers.', ['cluster'], () =>
      this.#connections.map(({ name, answers }) => ({ labels: { cluster: name }, value: answers ? 1 : 0 })),
    );
  }

  /**
   * Tries each once. Those that are there have joined and are prepared when it resolves; the others are left to {@link keep}.
   * @throws what says that one is not away, but is not to be used as configured: `cluster-access-denied`, `cluster-unsupported`, `invalid-configuration`.
   */
  async begin(): Promise<void> {
    await Promise.all(this.#connections.map((one) => one.begin()));
  }

  /**
   * Goes on to try those that are away, and looks whether the others still answer, until the supervisor closes.
   * @param resume begins the work in a cluster that joins only now. Harmless to repeat.
   */
  keep(supervisor: Supervisor, resume: (cluster: string) => Promise<void>): void {
    for (const connection of this.#connections) {
      const loop = (signal: AbortSignal): Promise<void> => connection.keep(signal, resume);
      supervisor.run(`connection to cluster ${connection.name}`, loop, { leased: false });
    }
  }

  /** Gives up attempts that are under way. Nothing joins any more. */
  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}

/** One of them. */
class Connection {
  #attempt: Promise<LogEngine> | undefined;
  #state: 'away' | 'joined' | 'prepared' = 'away';
  /** Whether the work in it was begun, by the start or by {@link keep}. */
  #resumed = false;
  #answers = false;
  #closed = false;

  constructor(
    readonly name: string,
    private readonly open: () => Promise<LogEngine>,
    private readonly parts: ConnectionParts,
  ) {}

  get answers(): boolean {
    return this.#answers;
  }

  /** Schemas are served without any cluster, so one that is away takes nothing from readiness; who looks is told. */
  check(): CheckResult {
    if (this.#answers) return { ok: true };
    const detail = this.#state === 'away' ? 'not reached yet; it is tried again' : 'does not answer';
    return { ok: true, degraded: true, detail };
  }

  async begin(): Promise<void> {
    const { clock, clusters, logger } = this.parts;
    const patience = new AbortController();
    const over = clock.sleep(START_PATIENCE_MS, patience.signal).catch(() => undefined);
    try {
      const engine = await Promise.race([this.#reach(), over]);
      if (engine !== undefined) await this.#join(engine);
      this.#resumed = this.#state === 'prepared';
    } catch (error) {
      if (!isAppError(error, 'cluster-unavailable')) throw error;
      clusters.missed(this.name, { cause: error, againInMs: FIRST_PAUSE_MS });
    } finally {
      patience.abort();
    }
    if (this.#resumed) return;
    logger.warn(
      { cluster: this.name },
      'a cluster is away: the service starts without it, and it joins when it answers',
    );
  }

  async keep(signal: AbortSignal, resume: (cluster: string) => Promise<void>): Promise<void> {
    const { logger } = this.parts;
    if (this.#state === 'away') await this.#untilReached(signal);
    if (this.#state === 'joined') await this.#prepare();
    if (!this.#resumed) {
      await resume(this.name);
      this.#resumed = true;
      logger.info({ cluster: this.name }, 'a cluster that was away when the service started has joined');
    }
    await this.#watch(signal);
  }

  close(): void {
    this.#closed = true;
    void this.#attempt?.then((engine) => engine.close()).catch(() => undefined);
  }

  /** One attempt at a time: who comes while one is under way, or has come to an engine that nobody took, gets that one. */
  #reach(): Promise<LogEngine> {
    this.#attempt ??= this.#opened().catch((error: unknown) => {
      this.#attempt = undefined;
      throw error;
    });
    return this.#attempt;
  }

  async #opened(): Promise<LogEngine> {
    const engine = await this.open();
    try {
      await this.parts.restore(engine);
      return engine;
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  async #join(engine: LogEngine): Promise<void> {
    this.#attempt = undefined;
    if (this.#closed) return await engine.close();
    try {
      this.parts.clusters.join(this.name, engine);
    } catch (error) {
      await engine.close();
      throw error;
    }
    this.#state = 'joined';
    await this.#prepare();
  }

  async #prepare(): Promise<void> {
    await this.parts.prepare(this.name);
    this.#state = 'prepared';
    this.#answers = true;
  }

  /** Whatever an attempt meets, the next may do better: what is wrong at the cluster can be put right there. */
  async #untilReached(signal: AbortSignal): Promise<void> {
    const { clock, clusters, logger } = this.parts;
    let told: string | undefined;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        const engine = await unlessAborted(this.#reach(), signal);
        return await this.#join(engine);
      } catch (error) {
        signal.throwIfAborted();
        // Joined, it is there: what it lacks is made good by the next run.
        if (this.#state !== 'away') throw error;
        const cause = error instanceof Error ? error : new Error(String(error));
        const code = isAppError(error) ? error.code : 'failed';
        clusters.missed(this.name, { cause, againInMs: pause });
        if (told !== code) logger.warn({ cluster: this.name, err: error }, 'a cluster could not be reached');
        told = code;
        await clock.sleep(pause, signal);
      }
    }
  }

  /** Asks whether it answers, until the signal. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { clock, clusters } = this.parts;
    const { administration } = clusters.get(this.name);
    for (;;) {
      await clock.sleep(LOOK_MS, signal);
      const over = new AbortController();
      void clock.sleep(ANSWER_MS, over.signal).then(
        () => this.#note(false),
        () => undefined,
      );
      try {
        await unlessAborted(administration.describeCluster(), signal);
        this.#note(true);
      } catch {
        signal.throwIfAborted();
        this.#note(false);
      } finally {
        over.abort();
      }
    }
  }

  #note(answers: boolean): void {
    if (answers === this.#answers) return;
    this.#answers = answers;
    const { logger } = this.parts;
    if (answers) logger.info({ cluster: this.name }, 'a cluster answers again');
    else logger.warn({ cluster: this.name }, 'a cluster does not answer any more');
  }
}

/** Rejects when the signal aborts first; what was waited for goes on. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let stop!: () => void;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
