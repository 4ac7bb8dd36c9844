import { AppError, isAppError, type JsonValue } from '#libs/core/kernel';
import type { MessageCodec, MessageWriter } from '#libs/core/registry';
import { type Format, fromBase64, type Problems } from './produce-request.js';

/** Turns the JSON form of keys (or values) of one request into bytes. */
export type PartEncoder = (value: JsonValue, at: string, problems: Problems) => Uint8Array | null;

/**
 * The encoder of one part (`key` or `value`) of a topic's records. Problems of a single value are added to the list, not thrown.
 * @throws `schema-missing` when a schema is asked for and the topic has none; `schema-not-found` for an unknown id.
 */
export async function partEncoder(
  codec: MessageCodec,
  topic: string,
  part: 'key' | 'value',
  format: Format,
  schemaId: number | undefined,
): Promise<PartEncoder> {
  if (schemaId !== undefined && format !== 'auto' && format !== 'schema') {
    throw new AppError({
      kind: 'invalid',
      code: 'invalid-request',
      message: `${part}SchemaId is given, so ${part}Format cannot be '${format}'.`,
      hint: `Leave ${part}Format out.`,
    });
  }
  const bySchema = format === 'auto' || format === 'schema';
  const writer = bySchema ? await codec.writerOf(`${topic}-${part}`, schemaId) : undefined;
  if (writer !== undefined) return (value, at, problems) => encodeWith(writer, value, at, problems);
  if (format === 'schema') {
    throw new AppError({
      kind: 'unprocessable',
      code: 'schema-missing',
      message: `Topic '${topic}' has no schema under subject '${topic}-${part}'.`,
      hint: `Register one with POST /subjects/${topic}-${part}/versions, or choose another ${part}Format.`,
      details: { subject: `${topic}-${part}` },
    });
  }
  return (value, at, problems) => plain(value, part, format, at, problems);
}

function encodeWith(writer: MessageWriter, value: JsonValue, at: string, problems: Problems): Uint8Array | null {
  if (value === null) return null;
  try {
    return writer.encode(value);
  } catch (error) {
    if (!isAppError(error) || error.kind === 'internal') throw error;
    if (error.items.length === 0) problems.add(at, error.message);
    for (const item of error.items) problems.add(`${at}${item.path}`, item.message);
    return null;
  }
}

function plain(
  value: JsonValue,
  part: 'key' | 'value',
  format: Format,
  at: string,
  problems: Problems,
): Uint8Array | null {
  if (value === null) return null;
  if (format === 'binary' || format === 'text') {
    const bytes =
      typeof value !== 'string' ? undefined : format === 'text' ? Buffer.from(value, 'utf8') : fromBase64(value);
    if (bytes === undefined) problems.add(at, format === 'text' ? 'must be text' : 'must be base64 text');
    return bytes ?? null;
  }
  const asText = format === 'auto' && part === 'key' && typeof value === 'string';
  return Buffer.from(asText ? value : JSON.stringify(value), 'utf8');
}
