import type { Clock } from '#libs/core/kernel';
import type { PartitionRef } from '#libs/core/log';

/** A silence that nobody has met for so long may have ended unnoticed: the next one is another. */
const UNNOTICED_MS = 10_000;
/** Most partitions that are remembered; who is forgotten is waited for once more. */
const MOST_PARTITIONS = 10_000;

/** For how long nobody has answered for a partition, over all that asked. */
export class Silences {
  readonly #silent = new Map<string, { readonly since: number; met: number }>();

  constructor(private readonly clock: Clock) {}

  /** Nobody answers for it now. */
  note(ref: PartitionRef): void {
    const now = this.clock.monotonic();
    const known = this.#silent.get(placeOf(ref));
    if (known !== undefined && now - known.met <= UNNOTICED_MS) {
      known.met = now;
      return;
    }
    if (this.#silent.size >= MOST_PARTITIONS) this.#silent.clear();
    this.#silent.set(placeOf(ref), { since: now, met: now });
  }

  /** Somebody does. */
  end(ref: PartitionRef): void {
    this.#silent.delete(placeOf(ref));
  }

  /** In milliseconds; 0 for one that answers. */
  lengthOf(ref: PartitionRef): number {
    const known = this.#silent.get(placeOf(ref));
    return known === undefined ? 0 : known.met - known.since;
  }
}

function placeOf({ topic, partition }: PartitionRef): string {
  return `${topic}/${partition}`;
}
