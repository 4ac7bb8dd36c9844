import type { AppError } from '#libs/core/kernel';
import { logErrors, type PartitionRef } from '#libs/core/log';
import { CODE, KafkaRefusal } from './error-codes.js';
import type { ProduceAnswer } from './wire-produce.js';

/** Limit of a topic that says nothing else, and of brokers as they come. */
const DEFAULT_LIMIT = 1_048_588;

/**
 * The error for a batch that a leader did not take. What the batch itself is to blame for gets the port's name; the rest is a
 * {@link KafkaRefusal}, passing or not.
 */
export function produceFailure(ref: PartitionRef, batch: Uint8Array, answer: ProduceAnswer): AppError | KafkaRefusal {
  const why = answer.errorMessage ?? undefined;
  switch (answer.errorCode) {
    case CODE.MESSAGE_TOO_LARGE:
    case CODE.RECORD_LIST_TOO_LARGE:
      return logErrors.batchTooLarge(batch.length, limitIn(why) ?? DEFAULT_LIMIT);
    case CODE.INVALID_RECORD:
      return logErrors.invalidBatch(why ?? 'the broker refuses a record, as one without a key in a compacted topic', {
        ...ref,
      });
    case CODE.INVALID_TIMESTAMP:
      return logErrors.invalidTimestamp(why ?? 'the broker says so', { ...ref });
    case CODE.CORRUPT_MESSAGE:
      return logErrors.invalidBatch(why ?? 'the broker finds it damaged', { ...ref });
    case CODE.UNSUPPORTED_COMPRESSION_TYPE:
      return logErrors.invalidBatch(why ?? 'the broker does not know its compression', { ...ref });
    default:
      return new KafkaRefusal(`Produce to ${ref.topic}/${ref.partition}`, answer.errorCode, why);
  }
}

/** The limit a broker names: "… exceeds the maximum configured value of 1000." Only shown, never decided upon. */
function limitIn(message: string | undefined): number | undefined {
  const match = /maximum configured value of (\d+)/.exec(message ?? '');
  return match === null ? undefined : Number(match[1]);
}
