import { isAppError } from '#libs/core/kernel';
import {
  SchemaEngine,
  type ReadOptions,
  type SchemaReading,
  type SchemaSource,
  type SourceJudgement,
} from './engine.js';
import type { ParsedSchema } from './format.js';
import type { SchemaFormats } from './formats.js';
import type { Verdict } from './levels.js';
import type { LocalSchemaEngine } from './local-engine.js';
import { StepBudget } from './step-budget.js';
import type { TagEdit, TaggedPart } from './tags.js';
import type { Warning } from './warnings.js';

/**
 * Steps that one request may take in the thread that asks: some milliseconds. Nearly every schema there is, and a check against a hundred versions of it, is
 * done with them.
 */
export const INLINE_STEPS = 16_000;

export interface OffloadingOptions {
  /** {@link INLINE_STEPS} when absent. */
  readonly inlineSteps?: number;
  /** Told where a request was answered, and with how many steps it took here. */
  readonly onDone?: (where: 'here' | 'there', steps: number) => void;
}

/**
 * Does what is small here and hands on what is not: a request that spends its steps begins again there. Which of the two answers depends on what is asked and what was
 * read lately; the answer does not.
 */
export class OffloadingSchemaEngine extends SchemaEngine {
  constructor(
    private readonly here: LocalSchemaEngine,
    private readonly there: SchemaEngine,
    private readonly options: OffloadingOptions = {},
  ) {
    super();
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

  /** Always here: trees do not leave their thread. */
  parsed(source: SchemaSource): Promise<ParsedSchema> {
    return this.here.parsed(source);
  }

  async #either<T>(ask: (engine: BudgetedEngine, steps?: StepBudget) => Promise<T>): Promise<T> {
    const steps = new StepBudget(this.options.inlineSteps ?? INLINE_STEPS);
    const done = (where: 'here' | 'there'): void => this.options.onDone?.(where, steps.total - Math.max(0, steps.left));
    try {
      const answer = await ask(this.here, steps);
      done('here');
      return answer;
    } catch (error) {
      if (!isAppError(error, 'schema-too-complex')) {
        done('here');
        throw error;
      }
    }
    done('there');
    return ask(this.there);
  }
}

/** The port's methods with what the calling thread may spend. */
type BudgetedEngine = Pick<LocalSchemaEngine, 'read' | 'formatted' | 'taggedParts' | 'retagged' | 'judge' | 'warnings'>;
