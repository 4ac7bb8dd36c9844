import { AppError, type Clock, isAppError, Serial } from '#libs/core/kernel';
import type { Appended, LogEngine, LogWriter, WriterAppend } from '../engine.js';
import { encodeKeptResult, type KeptResult } from './kept-result.js';
import { KEPT_RESULTS_TOPIC, KeptResults, provideKeptResults } from './kept-results.js';

/** The writer of a slot commits under this id; a slot's newest result is its one checkpoint. */
const WRITER_PREFIX = 'produce-';
const NEWEST = 'newest';
/** Longest pause before a session that another instance took over is opened again. */
const LONGEST_PAUSE_MS = 500;

export interface SlotParts {
  readonly engine: LogEngine;
  readonly clock: Clock;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  readonly windowMs: number;
}

/** What one turn in a slot may do. */
export interface SlotTurn {
  /** The result kept under an id, as of every commit of any instance before this turn. */
  find(id: string): Promise<KeptResult | undefined>;
  /**
   * Commits batches, all or none. With `keep` the result is kept in the same commit.
   * @throws what {@link LogWriter.commit} refuses with.
   */
  commit(
    appends: readonly WriterAppend[],
    keep?: (appended: readonly Appended[]) => KeptResult,
  ): Promise<readonly Appended[]>;
}

/**
 * A line of requests over one fenced session. What was committed before is known to the one who has a turn: either this instance holds the session since, or
 * opening it again fenced whoever did, and read on. So a request that finds no result of its own has not been written.
 */
export class ProduceSlot {
  readonly results: KeptResults;
  readonly #line = new Serial();
  readonly #writerId: string;
  #session: LogWriter | undefined;

  constructor(
    private readonly parts: SlotParts,
    private readonly slot: number,
  ) {
    const { engine, clock, windowMs } = parts;
    this.results = new KeptResults(engine, clock, slot, windowMs);
    this.#writerId = `${WRITER_PREFIX}${slot}`;
  }

  /**
   * Takes a turn when all who came before have had theirs. When another instance took the session over, or it is not known whether the commit took place, the turn begins
   * again over a new session and finds out.
   * @param exact whether `work` can tell by a kept result that it was done: only then may it begin again after an unknown outcome.
   * @param fresh for work that commits nothing, so that no fence would tell that another instance has written since: the session is opened anew.
   * @throws `outcome-unknown`; `produce-contended` when other instances kept taking the session until `deadline` (monotonic ms); what `work` throws.
   */
  run<T>(work: (turn: SlotTurn) => Promise<T>, exact: boolean, deadline: number, fresh = false): Promise<T> {
    return this.#line.run(async () => {
      if (fresh) this.#session = undefined;
      const { clock, random } = this.parts;
      let unknown: AppError | undefined;
      for (let attempt = 0; ; attempt++) {
        try {
          return await work(await this.#turn(unknown));
        } catch (error) {
          if (!isAppError(error)) throw error;
          if (TRUSTED.has(error.code)) throw error;
          this.#session = undefined;
          if (error.code === 'outcome-unknown' && exact && error !== unknown) unknown = error;
          else if (!OVERTAKEN.has(error.code)) throw error;
          if (clock.monotonic() >= deadline) throw unknown ?? contended(error);
          await clock.sleep(Math.ceil(random() * Math.min(2 ** attempt * 10, LONGEST_PAUSE_MS)));
        }
      }
    });
  }

  async #turn(unknown: AppError | undefined): Promise<SlotTurn> {
    const { results } = this;
    let session: LogWriter;
    try {
      session = this.#session ??= await this.#open();
    } catch (error) {
      // What is not known stays so until a session can be opened.
      throw unknown ?? error;
    }
    return {
      find: (id) => results.find(id),
      commit: async (appends, keep) => {
        if (keep === undefined) return await session.commit({ appends });
        const newest = results.batchOfNewest();
        const carried = newest && { topic: KEPT_RESULTS_TOPIC, partition: this.slot, batch: newest };
        let kept: KeptResult | undefined;
        const appended = await session.commit({
          appends: carried === undefined ? appends : [...appends, carried],
          checkpoints: (places) => {
            kept = keep(places.slice(0, appends.length));
            return [{ key: NEWEST, value: encodeKeptResult(kept) }];
          },
        });
        results.committed(kept!, appended[appends.length]?.baseOffset);
        return appended.slice(0, appends.length);
      },
    };
  }

  async #open(): Promise<LogWriter> {
    const { engine, windowMs } = this.parts;
    await provideKeptResults(engine, windowMs);
    const session = await engine.openWriter(this.#writerId);
    await this.results.refresh(session.checkpoint(NEWEST));
    return session;
  }
}

/** Refusals after which the session goes on. Any other error makes the next turn open a new one. */
const TRUSTED: ReadonlySet<string> = new Set([
  'topic-fenced',
  'invalid-batch',
  'batch-too-large',
  'partition-not-found',
  'partition-degraded',
  'idempotency-key-reused',
  'too-many-idempotency-keys',
  'key-missing',
]);
const OVERTAKEN: ReadonlySet<string> = new Set(['writer-fenced', 'writer-closed']);

function contended(cause: AppError): AppError {
  return new AppError({
    kind: 'unavailable',
    code: 'produce-contended',
    message: 'Other instances kept writing with the same session; nothing was written.',
    hint: 'Try again, or send requests with idempotency keys to fewer instances.',
    retryable: true,
    retryAfterMs: 1_000,
    cause,
  });
}
