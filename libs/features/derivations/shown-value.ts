import { isAppError, type JsonValue } from '#libs/core/kernel';
import type { RecordHeader } from '#libs/core/log';
import type { RecordDecoder } from '#libs/core/streams';

/** The value of a record as JSON. What cannot be decoded is shown as base64, with the reason. */
export async function shownValue(
  decoder: RecordDecoder,
  topic: string,
  bytes: Uint8Array,
  headers: readonly RecordHeader[],
): Promise<JsonValue> {
  try {
    return await decoder.value(topic, bytes, headers);
  } catch (error) {
    if (!isAppError(error, 'undecodable-record')) throw error;
    return { base64: Buffer.from(bytes).toString('base64'), error: error.message };
  }
}
