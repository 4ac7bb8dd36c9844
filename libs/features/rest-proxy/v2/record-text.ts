import type { StoredRecord } from '#libs/core/log';
import type { MessageCodec, MessagePart } from '#libs/core/registry';
import { parseSpelled, VALUE_DEPTH } from '#libs/core/schema';
import type { EmbeddedFormat } from '../dialects.js';
import { jsonText } from '../produce/data.js';

/** A key or value as JSON text, or why it cannot be read in the format. */
export type PartText = { readonly json: string } | { readonly failure: string };

/** Keys and values of records as v2 shows them in a format (section 6.3). */
export class RecordText {
  constructor(
    private readonly codec: MessageCodec,
    private readonly format: EmbeddedFormat,
  ) {}

  async of(record: StoredRecord, part: MessagePart): Promise<PartText> {
    const bytes = record[part];
    if (bytes === null) return { json: 'null' };
    if (this.format === 'binary') return { json: `"${Buffer.from(bytes).toString('base64')}"` };
    if (this.format === 'json') return jsonOf(bytes);
    const decoded = await this.codec.decode(bytes, part, record.headers, 'tagged');
    if (decoded === undefined) return { failure: 'it names no schema' };
    return decoded.kind === 'decoded' ? { json: JSON.stringify(decoded.value) } : { failure: decoded.reason };
  }
}

function jsonOf(bytes: Uint8Array): PartText {
  try {
    return { json: jsonText(parseSpelled(Buffer.from(bytes).toString('utf8'), VALUE_DEPTH)) };
  } catch {
    return { failure: 'it is no JSON' };
  }
}
