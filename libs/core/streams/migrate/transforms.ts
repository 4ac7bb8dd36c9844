import { AppError } from '#libs/core/kernel';
import type { RecordHeader } from '#libs/core/log';
import type { TransformProgram } from './program.js';

/** What a transform sees of a record. */
export interface TransformInput {
  /** JSON text. */
  readonly value: string;
  /** JSON text; `null` for a record without key. */
  readonly key: string;
  readonly headers: readonly RecordHeader[];
  /** Epoch milliseconds, −1 for none. */
  readonly timestamp: number;
  readonly partition: number;
  readonly offset: number;
}

/**
 * Why a transform has no answer for a record. `undecodable`: the value is not what it says it is. `transform-failed`: an expression has no answer, or one that has no place.
 * `inexact-number`: an expression that counts in doubles met a number that is none. `transform-limit`: steps, time or memory were used up.
 */
export type TransformFailure = 'undecodable' | 'transform-failed' | 'inexact-number' | 'transform-limit';

/** What becomes of a record. */
export type TransformOutcome =
  | {
      readonly kind: 'kept';
      /** JSON text; what came in where no step changed it. */
      readonly value: string;
      readonly headers: readonly RecordHeader[];
      readonly timestamp: number;
    }
  /** By the condition. */
  | { readonly kind: 'left-out' }
  /** `message` may quote the record: only for those who may read it. */
  | { readonly kind: 'failed'; readonly failure: TransformFailure; readonly message: string };

/**
 * Transforms evaluated where they can do no harm: bounded in steps, time and memory, without clock, randomness and I/O. Class and injection token in one.
 *
 * Same program and input, same outcome, for ever; except that a machine under pressure may end with `transform-limit` what another one completes.
 */
export abstract class Transforms {
  /**
   * Whether every expression of a program can be evaluated.
   * @throws `invalid-transform`, naming the expression and the place in it.
   */
  abstract check(program: TransformProgram): Promise<void>;

  /**
   * The outcomes in the order of the inputs, each as if it were alone: what one of them uses up is not missing for the next.
   * @throws what keeps the work from being done at all (`transform-workers-closed`); never for a record.
   */
  abstract apply(program: TransformProgram, inputs: readonly TransformInput[]): Promise<readonly TransformOutcome[]>;
}

/** Whether two evaluations came to the same. */
export function isSameOutcome(one: TransformOutcome, other: TransformOutcome): boolean {
  return outcomeText(one) === outcomeText(other);
}

function outcomeText(outcome: TransformOutcome): string {
  if (outcome.kind !== 'kept') return JSON.stringify({ kind: outcome.kind });
  const headers = outcome.headers.map(({ key, value }) => [key, value && Buffer.from(value).toString('base64')]);
  return JSON.stringify([outcome.value, headers, outcome.timestamp]);
}

/** What is not an expression, or not one that may be used. @param at the character, from 1, where that is known */
export function invalidTransform(expression: string, at: number | undefined, why: string): AppError {
  const place = at === undefined ? '' : ` at character ${at}`;
  return new AppError({
    kind: 'invalid',
    code: 'invalid-transform',
    message: `The expression '${expression.slice(0, 200)}' cannot be used${place}: ${why}.`,
    details: { expression: expression.slice(0, 200), ...(at === undefined ? {} : { at }) },
  });
}
