import { AppError } from '#libs/core/kernel';
import type { PartitionRecord } from '#libs/core/log';
import { KEY_SCHEMA_HEADER } from '#libs/core/schema';
import { type RecordDecoder, undecodableRecord } from '../record-decoder.js';
import { KeyExpression, type KeyFailure } from '../repartition/key-expression.js';
import type { StreamKeyRule } from './derivation.js';

const WHY: Readonly<Record<Exclude<KeyFailure, 'undecodable'>, string>> = {
  tombstone: 'it has no value to take a key from',
  'missing-field': 'the key expression finds nothing in it',
  'not-scalar': 'what the key expression finds is neither text, number, true nor false',
};

/** Gives the records of a source the keys they have in a stream by another key. */
export class StreamKey {
  readonly #expression: KeyExpression;

  /** @throws `invalid-key-expression`. */
  constructor(
    { expr }: StreamKeyRule,
    private readonly decoder: RecordDecoder,
  ) {
    this.#expression = KeyExpression.parse(expr);
  }

  /**
   * The record under its key in the stream; what named the schema of the former key is left out.
   * @throws `key-missing`, `undecodable-record`: about this record alone.
   */
  async under(topic: string, record: PartitionRecord): Promise<PartitionRecord> {
    const answer = await this.#expression.evaluate(topic, record, this.decoder);
    if ('key' in answer) {
      const headers = record.headers.filter((header) => header.key !== KEY_SCHEMA_HEADER);
      return { ...record, key: answer.key, headers };
    }
    if (answer.failure === 'undecodable') throw undecodableRecord(topic, 'value', 'a key cannot be taken from it');
    throw new AppError({
      kind: 'unprocessable',
      code: 'key-missing',
      message: `A record of '${topic}' has no key in the stream: ${WHY[answer.failure]}.`,
      details: { topic, failure: answer.failure },
    });
  }
}
