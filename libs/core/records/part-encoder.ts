import { AppError, isAppError } from '#libs/core/kernel';
import type { RecordHeader } from '#libs/core/log';
import type { MessageCodec, MessagePart, MessageWriter } from '#libs/core/registry';
import { exactText, exactTextInTurns, roughLength, VALUE_DEPTH } from '#libs/core/schema';
import { type Format, fromBase64, type PartRequest, type SchemaPlace } from './part-request.js';
import type { Problems } from './problems.js';
import type { Turn } from './turns.js';
import { WrittenJson } from './written-json.js';

/** Turns the JSON form of keys (or values) of one request into bytes. */
export interface PartEncoder {
  /**
   * Null for null, and for what cannot be encoded: problems of a single value are added to the list, not thrown. At once where it can be.
   * @param value as `parseExact` gives it, or a {@link WrittenJson}: where no schema describes it, that is stored as it was written.
   * @param index of its record in the request.
   */
  encode(value: unknown, index: number, problems: Problems): Uint8Array | null | Promise<Uint8Array | null>;
  /** The header that a record must carry when the part is there. */
  readonly header: RecordHeader | null;
}

/** What {@link partEncoder} works with. */
export interface PartEncoderParts {
  readonly codec: MessageCodec;
  readonly turn: Turn;
}

/**
 * The encoder of one part of a topic's records.
 * @throws `schema-missing` when a schema is asked for and the topic has none; `schema-not-found` for an unknown id; `message-unknown`.
 */
export async function partEncoder(
  { codec, turn }: PartEncoderParts,
  topic: string,
  part: MessagePart,
  request: PartRequest,
  schemaIn: SchemaPlace,
): Promise<PartEncoder> {
  const { format, schemaId, message } = request;
  const bySchema = format === 'auto' || format === 'schema';
  const named = schemaId !== undefined ? 'SchemaId' : message !== undefined ? 'Message' : undefined;
  if (named !== undefined && !bySchema) {
    throw new AppError({
      kind: 'invalid',
      code: 'invalid-request',
      message: `${part}${named} is given, so ${part}Format cannot be '${format}'.`,
      hint: `Leave ${part}Format out.`,
    });
  }
  const subject = `${topic}-${part}`;
  const headerFor = schemaIn === 'header' ? part : undefined;
  const writer = bySchema ? await codec.writerOf(subject, { schemaId, message, headerFor }) : undefined;
  if (writer !== undefined) {
    return {
      header: writer.header,
      encode: (given, index, problems) =>
        withValue(given, turn, (value) => encodeWith(writer, value, { part, index }, problems)),
    };
  }
  if (format === 'schema' || named !== undefined) {
    throw new AppError({
      kind: 'unprocessable',
      code: 'schema-missing',
      message: `Topic '${topic}' has no schema under subject '${subject}'.`,
      hint: `Register one with POST /subjects/${subject}/versions, or choose another ${part}Format.`,
      details: { subject },
    });
  }
  const asText = format === 'auto' || format === 'json';
  return {
    header: null,
    encode: (given, index, problems) =>
      asText && given instanceof WrittenJson
        ? given.bytes(turn)
        : withValue(given, turn, (value) => plain(value, format, { part, index, turn }, problems)),
  };
}

/** What becomes of a value, which may have to be parsed first. */
function withValue(given: unknown, turn: Turn, encode: (value: unknown) => Encoded): Encoded {
  const value = given instanceof WrittenJson ? given.value(turn) : given;
  return value instanceof Promise ? value.then(encode) : encode(value);
}

type Encoded = Uint8Array | null | Promise<Uint8Array | null>;

/** Where a value stands in its request. */
interface Place {
  readonly part: MessagePart;
  readonly index: number;
}

function pointer({ part, index }: Place): string {
  return `/records/${index}/${part}`;
}

function encodeWith(writer: MessageWriter, value: unknown, place: Place, problems: Problems): Encoded {
  if (value === null) return null;
  const failed = (error: unknown): null => {
    if (!isAppError(error) || error.kind === 'internal' || error.kind === 'unavailable') throw error;
    const at = pointer(place);
    if (error.items.length === 0) problems.add(at, error.message);
    for (const item of error.items) problems.add(`${at}${item.path}`, item.message);
    return null;
  };
  try {
    const bytes = writer.encode(value);
    return bytes instanceof Promise ? bytes.catch(failed) : bytes;
  } catch (error) {
    return failed(error);
  }
}

function plain(
  value: unknown,
  format: Format,
  place: Place & { readonly turn: Turn },
  problems: Problems,
): Uint8Array | null | Promise<Uint8Array> {
  if (value === null) return null;
  if (format === 'binary' || format === 'text') {
    const bytes =
      typeof value !== 'string' ? undefined : format === 'text' ? Buffer.from(value, 'utf8') : fromBase64(value);
    if (bytes === undefined) problems.add(pointer(place), format === 'text' ? 'must be text' : 'must be base64 text');
    return bytes ?? null;
  }
  const asText = format === 'auto' && place.part === 'key' && typeof value === 'string';
  if (asText) return Buffer.from(value, 'utf8');
  if (roughLength(value, AT_ONCE) <= AT_ONCE) return Buffer.from(exactText(value, VALUE_DEPTH)!, 'utf8');
  return exactTextInTurns(value, VALUE_DEPTH, place.turn).then((text) => Buffer.from(text!, 'utf8'));
}

/** Characters of a value that is written as JSON in one go. */
const AT_ONCE = 64 * 1024;
