import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { isolatedThread, WorkerPool, type PoolCounts, type Thread } from '#libs/adapters/worker-threads';
import {
  BoundedCache,
  impossible,
  isAppError,
  parseJsonInTurns,
  type AppError,
  type Clock,
  type JsonValue,
} from '#libs/core/kernel';
import {
  SchemaEngine,
  sourceKey,
  sourceLength,
  valueTextInTurns,
  type AvroForm,
  type DecodedPayload,
  type EarlierSource,
  type EngineCodec,
  type EngineEncoder,
  type PayloadRewriting,
  type ReadingTrial,
  type ReadOptions,
  type Rewritten,
  type SchemaFields,
  type SchemaFormats,
  type SchemaReading,
  type SchemaSource,
  type SourceJudgement,
  type TagEdit,
  type TaggedPart,
  type TrialFailure,
  type TrialRecord,
  type Verdict,
  type Warning,
} from '#libs/core/schema';
import { schemaFailures } from './failures.js';
import {
  fromWireError,
  type DecodedText,
  type EncoderFacts,
  type NamedVersion,
  type SchemaJob,
  type WireReading,
  type WorkerQuestion,
} from './protocol.js';

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
/** How long nobody tries again to make a codec that took too long, and how many such schemas are remembered. */
const GIVEN_UP = { ms: 10_000, most: 1_000 };
/** Of the heap of a worker, the part that may hold what it has read lately. */
const CACHED_PART = 1 / 4;

/**
 * Reads and compares in threads of their own, each request within a deadline and a heap. What comes back is plain data; what was read stays there, so that a
 * check against a hundred versions, and a message, send names and not texts.
 */
export class WorkerSchemaEngine extends SchemaEngine {
  readonly #pool: WorkerPool;
  readonly #clock: Clock;
  /** Schemas of which no codec could be made in time: whoever reads a thousand messages of one waits for it once. */
  readonly #givenUp = new BoundedCache<{ readonly error: AppError; readonly at: number }>(GIVEN_UP.most);

  constructor(
    readonly formats: SchemaFormats,
    options: WorkerSchemaEngineOptions,
  ) {
    super();
    const { heapBytes, deadlineMs, clock } = options;
    this.#clock = clock;
    const workerData = { cacheBytes: heapBytes * CACHED_PART };
    this.#pool = new WorkerPool({
      ...options,
      start:
        options.start ?? (() => isolatedThread(new URL('./thread.js', import.meta.url), { heapBytes, workerData })),
      failures: schemaFailures(deadlineMs, heapBytes),
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

  async codec(source: SchemaSource, form?: AvroForm): Promise<EngineCodec> {
    const key = createHash('sha256').update(sourceKey(source)).digest('base64');
    const known = this.#givenUp.get(key);
    if (known !== undefined && this.#clock.monotonic() - known.at < GIVEN_UP.ms) throw known.error;
    const codec = new WorkerCodec(source, form, (job, bytes) => this.#message(job, source, bytes));
    try {
      await codec.made();
    } catch (error) {
      if (isAppError(error, 'schema-too-complex')) {
        this.#givenUp.set(key, { error, at: this.#clock.monotonic() }, 1);
      }
      throw error;
    }
    return codec;
  }

  async fields(source: SchemaSource): Promise<SchemaFields> {
    return (await this.#run({ kind: 'fields', source }, source)) as SchemaFields;
  }

  async tried(trial: ReadingTrial): Promise<readonly TrialFailure[]> {
    const { candidate, writers, records } = trial;
    const bytes = bytesOf([candidate, ...writers], records);
    return (await this.#run({ kind: 'tried', trial }, bytes)) as readonly TrialFailure[];
  }

  async rewritten(rewriting: PayloadRewriting): Promise<readonly Rewritten[]> {
    const { reader, writers, records } = rewriting;
    const bytes = bytesOf([reader, ...writers], records);
    return (await this.#run({ kind: 'rewritten', rewriting }, bytes)) as readonly Rewritten[];
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
    const { level, candidate, normalize, policy, proofs } = judgement;
    const versions = judgement.earlier()[Symbol.asyncIterator]();
    try {
      return await this.#run(
        { kind, level, candidate, normalize, policy, proofs },
        candidate,
        new EarlierTexts(versions),
      );
    } finally {
      await versions.return?.();
    }
  }

  #message(job: MessageJob, source: SchemaSource, bytes: number): Promise<unknown> {
    return this.#pool.run({ request: job, bytes, supply: () => Promise.resolve(source), outcomeOf });
  }

  #run(job: SchemaJob, about: SchemaSource | number, earlier?: EarlierTexts): Promise<unknown> {
    return this.#pool.run({
      request: job,
      bytes: typeof about === 'number' ? about : sourceLength(about) * 2,
      supply: (question) => (earlier ?? impossible('nothing was to be asked')).supply(question as WorkerQuestion),
      outcomeOf,
    });
  }
}

/** What schemas and records take in memory while they wait. */
function bytesOf(sources: readonly SchemaSource[], records: readonly TrialRecord[]): number {
  const texts = sources.reduce((sum, source) => sum + sourceLength(source) * 2, 0);
  return records.reduce((sum, record) => sum + record.bytes.length, texts);
}

function outcomeOf(message: unknown): { readonly value: unknown } | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  if ('failure' in message) return { value: Promise.reject(fromWireError(message.failure as never)) };
  return 'answer' in message ? { value: message.answer } : undefined;
}

type MessageJob = SchemaJob & { readonly kind: 'codec' | 'encoder' | 'encode' | 'decode' };

/** The codec of one schema in whatever thread is free; each makes its own. */
class WorkerCodec implements EngineCodec {
  readonly #named: SchemaSource;

  constructor(
    source: SchemaSource,
    private readonly form: AvroForm | undefined,
    private readonly ask: (job: MessageJob, bytes: number) => Promise<unknown>,
  ) {
    this.#named = named(source);
  }

  /** @throws where no codec can be made. */
  async made(): Promise<void> {
    await this.ask({ kind: 'codec', source: this.#named, form: this.form }, 0);
  }

  async encoder(message?: string): Promise<EngineEncoder> {
    const [source, form] = [this.#named, this.form];
    const facts = (await this.ask({ kind: 'encoder', source, form, message }, 0)) as EncoderFacts;
    const encode = async (value: unknown) => {
      const text = await valueTextInTurns(value, () => turn());
      return (await this.ask({ kind: 'encode', source, form, message, value: text }, text.length * 2)) as Uint8Array;
    };
    return { ...facts, encode };
  }

  decode(bytes: Uint8Array, start: number): Promise<DecodedPayload> {
    return this.#decode(bytes.subarray(start), null);
  }

  decodeBare(payload: Uint8Array, indexes: Uint8Array): Promise<DecodedPayload> {
    return this.#decode(payload, indexes);
  }

  async #decode(bytes: Uint8Array, indexes: Uint8Array | null): Promise<DecodedPayload> {
    // Cloning a part of a buffer clones all of it.
    const payload = new Uint8Array(bytes);
    const job: MessageJob = { kind: 'decode', source: this.#named, form: this.form, payload, indexes };
    const { message, value } = (await this.ask(job, payload.length)) as DecodedText;
    const parsed = await parseJsonInTurns(Buffer.from(value), { turn: () => turn(), parse: JSON.parse });
    return { message, value: parsed as JsonValue };
  }
}

/** The source without its texts, where it has a name; what was never stored is known by its text alone. */
function named(source: SchemaSource): SchemaSource {
  return source.storedAs === undefined ? source : { ...source, text: '', references: [] };
}

/** The earlier versions of one judgement, as a worker asks for them. */
class EarlierTexts {
  #named: readonly EarlierSource[] = [];

  constructor(private readonly versions: AsyncIterator<EarlierSource>) {}

  async supply(question: WorkerQuestion): Promise<readonly NamedVersion[] | readonly SchemaSource[]> {
    if (question.ask === 'versions') return this.#name();
    if (question.ask === 'source') return impossible('a judgement sends its candidate along');
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
    const next: EarlierSource[] = [];
    while (next.length < NAMED_AT_ONCE) {
      const one = await this.versions.next();
      if (one.done === true) break;
      next.push(one.value);
    }
    this.#named = next;
    return next.map(({ version, source }) => ({ version, source: named(source) }));
  }
}
