import { impossible, type Clock } from '#libs/core/kernel';
import {
  SchemaEngine,
  schemaTooHeavy,
  schemaTooSlow,
  sourceLength,
  type EarlierSource,
  type ParsedSchema,
  type ReadOptions,
  type SchemaFormats,
  type SchemaReading,
  type SchemaSource,
  type SourceJudgement,
  type TagEdit,
  type TaggedPart,
  type Verdict,
  type Warning,
} from '#libs/core/schema';
import { isolatedThread } from './isolation.js';
import { fromWireError, type NamedVersion, type SchemaJob, type WireReading, type WorkerQuestion } from './protocol.js';
import { WorkerPool, type PoolCounts, type Thread } from './worker-pool.js';

export interface WorkerSchemaEngineOptions {
  readonly clock: Clock;
  readonly threads: number;
  readonly deadlineMs: number;
  readonly heapBytes: number;
  readonly queueBytes: number;
  /** A thread; the real one by default. */
  readonly start?: () => Thread;
}

/** Earlier versions named to a worker at once. */
const NAMED_AT_ONCE = 50;
/** Characters of texts sent to a worker at once, unless a single one is longer. */
const SENT_AT_ONCE = 1024 * 1024;
/** Of the heap of a worker, the part that may hold what it has read lately. */
const CACHED_PART = 1 / 4;

/**
 * Reads and compares in threads of their own, each request within a deadline and a heap. What comes back is plain data; what was read stays there, so that a
 * check against a hundred versions sends names, not texts. Cannot give out trees.
 */
export class WorkerSchemaEngine extends SchemaEngine {
  readonly #pool: WorkerPool;

  constructor(
    readonly formats: SchemaFormats,
    options: WorkerSchemaEngineOptions,
  ) {
    super();
    const { heapBytes, deadlineMs } = options;
    const workerData = { cacheBytes: heapBytes * CACHED_PART };
    this.#pool = new WorkerPool({
      ...options,
      start:
        options.start ?? (() => isolatedThread(new URL('./thread.js', import.meta.url), { heapBytes, workerData })),
      tooSlow: () => schemaTooSlow(deadlineMs),
      tooHeavy: () => schemaTooHeavy(heapBytes),
    });
  }

  async read(source: SchemaSource, options?: ReadOptions): Promise<SchemaReading> {
    const reading = (await this.#run({ kind: 'read', source, options }, source)) as WireReading;
    return { ...reading, refusal: reading.refusal && fromWireError(reading.refusal) };
  }

  async formatted(source: SchemaSource, format: string): Promise<string> {
    return (await this.#run({ kind: 'formatted', source, format }, source)) as string;
  }

  async taggedParts(source: SchemaSource): Promise<readonly TaggedPart[]> {
    return (await this.#run({ kind: 'taggedParts', source }, source)) as readonly TaggedPart[];
  }

  async retagged(source: SchemaSource, edits: readonly TagEdit[]): Promise<string> {
    return (await this.#run({ kind: 'retagged', source, edits }, source)) as string;
  }

  async judge(judgement: SourceJudgement): Promise<Verdict> {
    return (await this.#compare('judge', judgement)) as Verdict;
  }

  async warnings(judgement: SourceJudgement): Promise<readonly Warning[]> {
    return (await this.#compare('warnings', judgement)) as readonly Warning[];
  }

  parsed(): Promise<ParsedSchema> {
    return impossible('a tree was asked of a worker thread');
  }

  /** Bytes of work that waits, threads at work, and how work has ended so far. */
  get load(): { readonly waitingBytes: number; readonly busy: number; readonly counts: Readonly<PoolCounts> } {
    const { waitingBytes, busy, counts } = this.#pool;
    return { waitingBytes, busy, counts };
  }

  /** Ends the threads; what is under way fails. May be repeated. */
  close(): void {
    this.#pool.close();
  }

  async #compare(kind: 'judge' | 'warnings', judgement: SourceJudgement): Promise<unknown> {
    const { level, candidate, normalize, policy } = judgement;
    const versions = judgement.earlier()[Symbol.asyncIterator]();
    try {
      return await this.#run({ kind, level, candidate, normalize, policy }, candidate, new EarlierTexts(versions));
    } finally {
      await versions.return?.();
    }
  }

  #run(job: SchemaJob, source: SchemaSource, earlier?: EarlierTexts): Promise<unknown> {
    return this.#pool.run({
      request: job,
      bytes: sourceLength(source) * 2,
      supply: (question) => (earlier ?? impossible('nothing was to be asked')).supply(question as WorkerQuestion),
      outcomeOf,
    });
  }
}

function outcomeOf(message: unknown): { readonly value: unknown } | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  if ('failure' in message) return { value: Promise.reject(fromWireError(message.failure as never)) };
  return 'answer' in message ? { value: message.answer } : undefined;
}

/** The earlier versions of one judgement, as a worker asks for them. */
class EarlierTexts {
  #named: readonly EarlierSource[] = [];

  constructor(private readonly versions: AsyncIterator<EarlierSource>) {}

  async supply(question: WorkerQuestion): Promise<readonly NamedVersion[] | readonly SchemaSource[]> {
    if (question.ask === 'versions') return this.#name();
    const texts: SchemaSource[] = [];
    let length = 0;
    for (const index of question.of) {
      const { source } = this.#named[index] ?? impossible('a version was asked for that was not named');
      length += sourceLength(source);
      if (texts.length > 0 && length > SENT_AT_ONCE) break;
      texts.push(source);
    }
    return texts;
  }

  async #name(): Promise<readonly NamedVersion[]> {
    const named: EarlierSource[] = [];
    while (named.length < NAMED_AT_ONCE) {
      const next = await this.versions.next();
      if (next.done === true) break;
      named.push(next.value);
    }
    this.#named = named;
    // What was never stored is known by its text alone.
    return named.map(({ version, source }) => {
      return { version, source: source.storedAs === undefined ? source : { ...source, text: '', references: [] } };
    });
  }
}
