import { isAppError } from '#libs/core/kernel';
import { AvroCodec } from './avro/codec.js';
import { AvroResolver } from './avro/resolve.js';
import { readMessageIndexes } from './envelope.js';
import type { ParsedSchema, SchemaType } from './format.js';
import { messageAt } from './protobuf/message-indexes.js';
import { ProtobufCodec } from './protobuf/codec.js';
import { protobufSchema, type ProtobufSchema } from './protobuf/protobuf-format.js';
import { PayloadRewriter, type Rewritten } from './rewriting.js';
import { recordFault, type ReadingFailure, type TrialReader, type TrialRecord } from './trial.js';
import { trialReader } from './trial-readers.js';

const NOTHING = new Uint8Array(0);

/**
 * What writes the records of one writer anew with another schema.
 * @throws `schema-invalid` for a reader that reads nothing at all.
 */
export function payloadRewriter(writer: ParsedSchema, reader: ParsedSchema): PayloadRewriter {
  if (writer.type !== reader.type) return new OtherLanguage(writer.type, reader.type);
  const trial = trialReader(writer, reader);
  try {
    switch (reader.type) {
      case 'AVRO':
        return new AvroRewriter(writer, reader);
      case 'JSON':
        return new JsonRewriter(trial);
      case 'PROTOBUF':
        return new ProtoRewriter(trial, protobufSchema(writer), protobufSchema(reader));
    }
  } catch (error) {
    if (!isAppError(error, 'schema-invalid')) throw error;
    return new Refusing(trial);
  }
}

class OtherLanguage extends PayloadRewriter {
  constructor(
    private readonly written: SchemaType,
    private readonly wanted: SchemaType,
  ) {
    super();
  }

  rewritten(): Rewritten {
    const reason = `it was written with a schema of type ${this.written}, and is to be read with one of type ${this.wanted}`;
    return { by: 'candidate', path: '', reason };
  }
}

/** Nothing that the writer wrote can be read, and the trial says why. */
class Refusing extends PayloadRewriter {
  constructor(private readonly trial: TrialReader) {
    super();
  }

  rewritten(record: TrialRecord): Rewritten {
    return this.trial.failure(record) ?? { by: 'writer', path: '', reason: 'nothing can be read with its schema' };
  }
}

/** Reads by resolution and writes what was read. */
class AvroRewriter extends PayloadRewriter {
  readonly #resolver: AvroResolver;
  readonly #codec: AvroCodec;

  constructor(writer: ParsedSchema, reader: ParsedSchema) {
    super();
    this.#resolver = new AvroResolver(writer, reader);
    this.#codec = new AvroCodec(reader);
  }

  rewritten({ bytes, payloadAt }: TrialRecord): Rewritten {
    try {
      return { indexes: NOTHING, payload: this.#codec.encode(this.#resolver.decode(bytes, payloadAt)) };
    } catch (error) {
      return recordFault(error);
    }
  }
}

/** Leaves the text as it stands, every digit of its numbers kept; a schema adds nothing to a value and takes nothing away. */
class JsonRewriter extends PayloadRewriter {
  constructor(private readonly trial: TrialReader) {
    super();
  }

  rewritten(record: TrialRecord): Rewritten {
    return this.trial.failure(record) ?? { indexes: NOTHING, payload: record.bytes.subarray(record.payloadAt) };
  }
}

/** Reads a message by the numbers of its fields and writes what was read; fields that the reader does not have are left out. */
class ProtoRewriter extends PayloadRewriter {
  readonly #codec: ProtobufCodec;

  constructor(
    private readonly trial: TrialReader,
    private readonly writer: ProtobufSchema,
    reader: ProtobufSchema,
  ) {
    super();
    this.#codec = new ProtobufCodec(reader);
  }

  rewritten(record: TrialRecord): Rewritten {
    const failure = this.trial.failure(record);
    if (failure !== undefined) return failure;
    const { bytes, payloadAt, indexes } = record;
    try {
      const named = readMessageIndexes(indexes ?? bytes, indexes === null ? payloadAt : 0);
      const encoder = this.#codec.encoder(messageAt(this.writer.scope, named.path)!.fullName);
      const payload = bytes.subarray(indexes === null ? named.payloadAt : payloadAt);
      const { value } = this.#codec.decodeBare(payload, encoder.indexes);
      return { indexes: encoder.indexes, payload: encoder.encode(value) };
    } catch (error) {
      return unwritable(error);
    }
  }
}

/** What a reader has and JSON cannot say, as a time beyond the years of RFC 3339. @throws what says nothing of the record. */
function unwritable(error: unknown): ReadingFailure {
  if (!isAppError(error, 'value-does-not-fit-schema')) return recordFault(error);
  const [first] = error.items;
  return { by: 'candidate', path: first?.path ?? '', reason: first?.message ?? error.message };
}
