import type { JsonValue } from '#libs/core/kernel';
import type { ValueCodec } from '../codec.js';
import { payloadInvalid, valuesInvalid } from '../errors.js';
import { parseReadable, roughLength, valueText } from '../exact-json.js';
import { VALUE_DEPTH } from '../limits.js';
import { JsonDepthError } from '../lossless-json.js';
import type { StepBudget } from '../step-budget.js';
import type { JsonSchema } from './json-schema-format.js';
import { JsonValidator } from './validate.js';

/** Steps that checking any value may take, for each character more, and at most. */
const STEPS = { base: 100_000, perCharacter: 50, most: 1_000_000 };
/** Characters that are written or read in the time of a step. */
const CHARACTERS_A_STEP = 16;

/**
 * JSON values as JSON text. What is written is checked against the schema and stands as it was given: members in their order, numbers as they were. What is
 * read is not checked: it was, by whoever wrote it, and data that are there must be seen.
 */
export class JsonCodec implements ValueCodec {
  readonly #validator: JsonValidator;

  constructor(schema: JsonSchema) {
    this.#validator = new JsonValidator(schema);
  }

  /** @throws `value-does-not-fit-schema` with an item for each problem (20 at most), paths as JSON pointers into the value. */
  encode(value: unknown, outer?: StepBudget): Uint8Array {
    // Before it is written: the value may be too long for that.
    outer?.spend(Math.ceil(roughLength(value, outer.left * CHARACTERS_A_STEP) / CHARACTERS_A_STEP));
    const text = valueText(value);
    const steps = Math.min(STEPS.base + STEPS.perCharacter * text.length, STEPS.most);
    const problems = this.#validator.problems(value, steps, outer);
    if (problems.length > 0) throw valuesInvalid(problems);
    return Buffer.from(text, 'utf8');
  }

  /** The value that is all of `bytes` from `start` on. @throws `payload-does-not-decode`. */
  decode(bytes: Uint8Array, start: number, steps?: StepBudget): JsonValue {
    steps?.spend(Math.ceil((bytes.length - start) / CHARACTERS_A_STEP));
    try {
      return parseReadable(strict.decode(bytes.subarray(start)), VALUE_DEPTH);
    } catch (error) {
      if (error instanceof JsonDepthError) throw payloadInvalid(`they nest deeper than ${VALUE_DEPTH}`);
      throw payloadInvalid('they are no JSON text in UTF-8');
    }
  }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
