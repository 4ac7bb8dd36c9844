import { isAppError } from '#libs/core/kernel';
import type { AvroForm } from './avro/mapping.js';
import type { DecodedPayload, SchemaCodec } from './codec.js';
import {
  SchemaEngine,
  type EngineCodec,
  type EngineEncoder,
  type ReadOptions,
  type SchemaReading,
  type SchemaSource,
  type SourceJudgement,
} from './engine.js';
import type { SchemaFormats } from './formats.js';
import type { Verdict } from './levels.js';
import type { LocalSchemaEngine } from './local-engine.js';
import type { PayloadRewriting, Rewritten } from './rewriting.js';
import type { SchemaFields } from './schema-fields.js';
import { StepBudget } from './step-budget.js';
import type { TagEdit, TaggedPart } from './tags.js';
import type { ReadingTrial, TrialFailure } from './trial.js';
import type { Warning } from './warnings.js';

/**
 * Steps that one request may take in the thread that asks: some milliseconds. Nearly every schema there is, and a check against a hundred versions of it, is
 * done with them.
 */
export const INLINE_STEPS = 16_000;

/** Steps that one message after another may take in the thread that asks before it lets others go on. */
const STEPS_A_TURN = 100_000;

export interface OffloadingOptions {
  /** {@link INLINE_STEPS} when absent. */
  readonly inlineSteps?: number;
  /** Told where a request was answered, and with how many steps it took here. */
  readonly onDone?: (where: 'here' | 'there', steps: number) => void;
  /** Resolves when everything else in the process had its turn. Whoever decodes many messages with {@link EngineCodec} waits for it now and then. */
  readonly turn?: () => Promise<void>;
}

/**
 * Does what is small here and hands on what is not: a request that spends its steps begins again there. Which of the two answers depends on what is asked and what was
 * read lately; the answer does not.
 */
export class OffloadingSchemaEngine extends SchemaEngine {
  readonly #inlineSteps: number;
  readonly #messages: MessageSteps;

  constructor(
    private readonly here: LocalSchemaEngine,
    private readonly there: SchemaEngine,
    private readonly options: OffloadingOptions = {},
  ) {
    super();
    this.#inlineSteps = options.inlineSteps ?? INLINE_STEPS;
    this.#messages = new MessageSteps(this.#inlineSteps, options.turn);
  }

  get formats(): SchemaFormats {
    return this.here.formats;
  }

  read(source: SchemaSource, options?: ReadOptions): Promise<SchemaReading> {
    return this.#either((engine, steps) => engine.read(source, options, steps));
  }

  formatted(source: SchemaSource, format: string): Promise<string> {
    return this.#either((engine, steps) => engine.formatted(source, format, steps));
  }

  taggedParts(source: SchemaSource): Promise<readonly TaggedPart[]> {
    return this.#either((engine, steps) => engine.taggedParts(source, steps));
  }

  retagged(source: SchemaSource, edits: readonly TagEdit[]): Promise<string> {
    return this.#either((engine, steps) => engine.retagged(source, edits, steps));
  }

  judge(judgement: SourceJudgement): Promise<Verdict> {
    return this.#either((engine, steps) => engine.judge(judgement, steps));
  }

  warnings(judgement: SourceJudgement): Promise<readonly Warning[]> {
    return this.#either((engine, steps) => engine.warnings(judgement, steps));
  }

  /** Always there: how much work a record is, nobody knows before. */
  tried(trial: ReadingTrial): Promise<readonly TrialFailure[]> {
    return this.there.tried(trial);
  }

  /** Always there, as {@link tried}. */
  rewritten(rewriting: PayloadRewriting): Promise<readonly Rewritten[]> {
    return this.there.rewritten(rewriting);
  }

  async codec(source: SchemaSource, form?: AvroForm): Promise<EngineCodec> {
    const there = () => this.there.codec(source, form);
    let here: SchemaCodec | undefined;
    try {
      here = await this.#within((steps) => this.here.codec(source, form, steps));
    } catch (error) {
      if (!isAppError(error, 'schema-too-complex')) throw error;
      // Whether a codec can be made at all is told now, and not with every message.
      await there();
    }
    return new OffloadingCodec(here, there, this.#messages);
  }

  fields(source: SchemaSource): Promise<SchemaFields> {
    return this.#either((engine, steps) => engine.fields(source, steps));
  }

  async #either<T>(ask: (engine: BudgetedEngine, steps?: StepBudget) => Promise<T>): Promise<T> {
    try {
      return await this.#within((steps) => ask(this.here, steps));
    } catch (error) {
      if (!isAppError(error, 'schema-too-complex')) throw error;
    }
    return ask(this.there);
  }

  /** What the calling thread does for one request. @throws `schema-too-complex` where that is more than it may. */
  async #within<T>(work: (steps: StepBudget) => Promise<T>): Promise<T> {
    const steps = new StepBudget(this.#inlineSteps);
    let where: 'here' | 'there' = 'here';
    try {
      return await work(steps);
    } catch (error) {
      if (isAppError(error, 'schema-too-complex')) where = 'there';
      throw error;
    } finally {
      this.options.onDone?.(where, steps.total - Math.max(0, steps.left));
    }
  }
}

/** The port's methods with what the calling thread may spend. */
type BudgetedEngine = Pick<
  LocalSchemaEngine,
  'read' | 'formatted' | 'taggedParts' | 'retagged' | 'judge' | 'warnings' | 'fields'
>;

/** What messages take of the thread that asks: each so many steps at most, and a turn for others after so many together. */
class MessageSteps {
  #sinceTurn = 0;

  constructor(
    private readonly each: number,
    private readonly turn: (() => Promise<void>) | undefined,
  ) {}

  /** @throws `schema-too-complex` where one message takes more than it may. */
  spend<T>(work: (steps: StepBudget) => T): T {
    const steps = new StepBudget(this.each);
    try {
      return work(steps);
    } finally {
      this.#sinceTurn += 1 + steps.total - Math.max(0, steps.left);
    }
  }

  /** To be waited for before the next message; undefined when there is no need to. */
  pause(): Promise<void> | undefined {
    if (this.#sinceTurn < STEPS_A_TURN || this.turn === undefined) return undefined;
    this.#sinceTurn = 0;
    return this.turn();
  }
}

/** Small messages of small schemas here, all others there. */
class OffloadingCodec implements EngineCodec {
  constructor(
    /** Undefined for a schema that is too large to be compiled here. */
    private readonly here: SchemaCodec | undefined,
    private readonly there: () => Promise<EngineCodec>,
    private readonly messages: MessageSteps,
  ) {}

  async encoder(message?: string): Promise<EngineEncoder> {
    const near = this.here?.encoder(message);
    if (near === undefined) return (await this.there()).encoder(message);
    const far = async (value: unknown) => (await (await this.there()).encoder(message)).encode(value);
    const { message: name, indexes } = near;
    return {
      message: name,
      indexes,
      encode: (value) =>
        this.#either(
          (steps) => near.encode(value, steps),
          () => far(value),
        ),
    };
  }

  decode(bytes: Uint8Array, start: number): DecodedPayload | Promise<DecodedPayload> {
    const { here } = this;
    return this.#either(here && ((steps) => here.decode(bytes, start, steps)), async () =>
      (await this.there()).decode(bytes, start),
    );
  }

  decodeBare(payload: Uint8Array, indexes: Uint8Array): DecodedPayload | Promise<DecodedPayload> {
    const { here } = this;
    return this.#either(here && ((steps) => here.decodeBare(payload, indexes, steps)), async () =>
      (await this.there()).decodeBare(payload, indexes),
    );
  }

  #either<T>(near: ((steps: StepBudget) => T) | undefined, far: () => Promise<T>): T | Promise<T> {
    if (near === undefined) return far();
    const pause = this.messages.pause();
    return pause === undefined ? this.#tried(near, far) : pause.then(() => this.#tried(near, far));
  }

  #tried<T>(near: (steps: StepBudget) => T, far: () => Promise<T>): T | Promise<T> {
    try {
      return this.messages.spend(near);
    } catch (error) {
      if (!isAppError(error, 'schema-too-complex')) throw error;
      return far();
    }
  }
}
