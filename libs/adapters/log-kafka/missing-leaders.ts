import type { Clock } from '#libs/core/kernel';
import { CODE, KafkaRefusal } from './error-codes.js';
import type { TopicLayout } from './kafka-cluster.js';

/** How long an election may take: most take a moment, and whoever asks meanwhile waits for it. */
const ELECTION_MS = 5_000;

/** Which partitions nobody leads, and since when. One that stays so is said to be so; one that lost its leader just now is about to get another. */
export class MissingLeaders {
  readonly #since = new Map<string, number>();

  constructor(private readonly clock: Pick<Clock, 'monotonic'>) {}

  /**
   * The partitions without a leader, as `topic/partition`. @param all of the cluster are given: others are not there any more.
   * @throws {KafkaRefusal} passing, while one may still be elected.
   */
  among(layouts: readonly TopicLayout[], all: boolean): ReadonlySet<string> {
    const now = this.clock.monotonic();
    const missing = new Set<string>();
    let late: string | undefined;
    for (const { name, leaders } of layouts) {
      for (const [partition, leader] of leaders.entries()) {
        const key = `${name}/${partition}`;
        if (leader >= 0) {
          this.#since.delete(key);
          continue;
        }
        missing.add(key);
        const since = this.#since.get(key) ?? now;
        this.#since.set(key, since);
        if (now - since < ELECTION_MS) late = key;
      }
    }
    if (all) for (const key of this.#since.keys()) if (!missing.has(key)) this.#since.delete(key);
    if (late !== undefined) throw new KafkaRefusal(`leader of ${late}`, CODE.LEADER_NOT_AVAILABLE);
    return missing;
  }
}
