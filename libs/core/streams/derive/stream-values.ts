import { type AppError, isAppError } from '#libs/core/kernel';
import type { PartitionRecord } from '#libs/core/log';
import type { StreamSchema, ValueRewriting } from './value-rewriting.js';

/** Gives the records of a source the values they have in a stream of one schema. */
export class StreamValues {
  constructor(
    private readonly schema: StreamSchema,
    private readonly rewriting: ValueRewriting,
  ) {}

  /** The records in their order, those without a value as they are. An error, about it alone, stands for a record that the schema does not read. */
  async of(topic: string, records: readonly PartitionRecord[]): Promise<readonly (PartitionRecord | AppError)[]> {
    const places = records.flatMap(({ value }, place) => (value === null ? [] : [place]));
    const outcomes: (PartitionRecord | AppError)[] = [...records];
    if (places.length === 0) return outcomes;
    const values = places.map((place) => ({ value: records[place]!.value!, headers: records[place]!.headers }));
    const rewritten = await this.rewriting.rewritten(topic, this.schema, values);
    for (const [i, place] of places.entries()) {
      const made = rewritten[i]!;
      outcomes[place] = isAppError(made) ? made : { ...records[place]!, value: made.value, headers: made.headers };
    }
    return outcomes;
  }
}
