import { invalidProducerName } from './errors.js';

/** What a producer puts into its batches, with a sequence for each partition, so that a repetition of one is recognised. */
export interface ProducerIdentity {
  /** Given out once and never again, whatever happens to the log. */
  readonly producerId: number;
  /** 0 … {@link LAST_PRODUCER_EPOCH}. Of two producers with one id the one with the higher epoch is the successor. */
  readonly epoch: number;
}

/** The largest epoch a batch can carry is 32,767; that one is left out, as in Kafka, so that there is always one above. */
export const LAST_PRODUCER_EPOCH = 32_766;

/** A name is 1 to 200 characters of `[a-zA-Z0-9._-]`, as the id of a writer. @throws `invalid-producer-name`. */
export function checkProducerName(name: string): void {
  if (!/^[a-zA-Z0-9._-]{1,200}$/.test(name)) throw invalidProducerName(name);
}

/** The identity for whoever opens a name again: the next epoch, or another id where the epochs of the known one are used up. */
export function successorOf(known: ProducerIdentity | undefined, freshId: () => number): ProducerIdentity {
  return known === undefined || known.epoch >= LAST_PRODUCER_EPOCH
    ? { producerId: freshId(), epoch: 0 }
    : { producerId: known.producerId, epoch: known.epoch + 1 };
}
