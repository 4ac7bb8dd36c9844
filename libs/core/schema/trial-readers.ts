import { isAppError } from '#libs/core/kernel';
import { AvroResolver } from './avro/resolve.js';
import { parseExact } from './exact-json.js';
import type { ParsedSchema } from './format.js';
import { jsonSchema, type JsonSchema } from './json-schema/json-schema-format.js';
import { JsonValidator } from './json-schema/validate.js';
import { VALUE_DEPTH } from './limits.js';
import { JsonDepthError } from './lossless-json.js';
import { protobufSchema } from './protobuf/protobuf-format.js';
import { ProtoTrialReader } from './protobuf/trial.js';
import { recordFault, TrialReader, type ReadingFailure, type TrialRecord } from './trial.js';

/**
 * What reads the records of one writer with a candidate.
 * @throws `schema-invalid` for a candidate that reads nothing at all: see {@link requireReader}.
 */
export function trialReader(writer: ParsedSchema, candidate: ParsedSchema): TrialReader {
  if (writer.type !== candidate.type) {
    return new Unreadable(
      'candidate',
      `it was written with a schema of type ${writer.type}, and the candidate is of type ${candidate.type}`,
    );
  }
  try {
    return made(writer, candidate);
  } catch (error) {
    if (!isAppError(error, 'schema-invalid')) throw error;
    requireReader(candidate);
    return new Unreadable('writer', 'nothing can be read with the schema that it names');
  }
}

/** @throws `schema-invalid` for a schema that may be stored and that nothing can be read with. */
export function requireReader(candidate: ParsedSchema): void {
  made(candidate, candidate);
}

function made(writer: ParsedSchema, candidate: ParsedSchema): TrialReader {
  switch (candidate.type) {
    case 'AVRO':
      return new AvroTrialReader(writer, candidate);
    case 'JSON':
      return new JsonTrialReader(jsonSchema(candidate));
    case 'PROTOBUF':
      return new ProtoTrialReader(protobufSchema(writer), protobufSchema(candidate));
  }
}

class Unreadable extends TrialReader {
  constructor(
    private readonly by: ReadingFailure['by'],
    private readonly reason: string,
  ) {
    super();
  }

  failure(): ReadingFailure {
    return { by: this.by, path: '', reason: this.reason };
  }
}

class AvroTrialReader extends TrialReader {
  readonly #resolver: AvroResolver;

  constructor(writer: ParsedSchema, candidate: ParsedSchema) {
    super();
    this.#resolver = new AvroResolver(writer, candidate);
  }

  failure({ bytes, payloadAt }: TrialRecord): ReadingFailure | undefined {
    try {
      this.#resolver.decode(bytes, payloadAt);
      return undefined;
    } catch (error) {
      return recordFault(error);
    }
  }
}

/** Steps that looking at one record may take, for each of its bytes more, and at most. */
const STEPS = { base: 100_000, perByte: 50, most: 1_000_000 };

class JsonTrialReader extends TrialReader {
  readonly #validator: JsonValidator;

  constructor(candidate: JsonSchema) {
    super();
    this.#validator = new JsonValidator(candidate);
  }

  failure({ bytes, payloadAt }: TrialRecord): ReadingFailure | undefined {
    let value: unknown;
    try {
      value = parseExact(UTF8.decode(bytes.subarray(payloadAt)), VALUE_DEPTH);
    } catch (error) {
      const reason =
        error instanceof JsonDepthError ? `it nests deeper than ${VALUE_DEPTH}` : 'it is no JSON text in UTF-8';
      return { by: 'writer', path: '', reason };
    }
    const steps = Math.min(STEPS.base + STEPS.perByte * bytes.length, STEPS.most);
    const [problem] = this.#validator.problems(value, steps);
    return problem && { by: 'candidate', path: problem.path, reason: problem.message };
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
