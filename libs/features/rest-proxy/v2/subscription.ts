import { generationOf, physicalName, topicNameFault, type TopicDirectory } from '#libs/core/log';
import { linearPattern, type LinearPattern } from '#libs/core/schema';
import { badRequest } from '../errors.js';

/** What an instance subscribes to: topics by name, which need not be there yet, or all whose whole name matches a pattern. */
export class Subscription {
  #matched: readonly string[] = [];

  private constructor(
    private readonly named: readonly string[] | undefined,
    private readonly pattern: LinearPattern | undefined,
  ) {}

  /** @throws 400 for a pattern that cannot be run in linear time. */
  static of({ topics, pattern }: { readonly topics?: readonly string[]; readonly pattern?: string }): Subscription {
    if (topics !== undefined) return new Subscription([...new Set(topics)], undefined);
    const whole = linearPattern(`^(?:${pattern ?? ''})$`);
    if (whole === undefined) throw badRequest('topic_pattern is no pattern that can be run here.');
    return new Subscription(undefined, whole);
  }

  /** Logical names. */
  get topics(): readonly string[] {
    return this.named ?? this.#matched;
  }

  /**
   * The present generations, in a stable order. Internal topics and names that no topic can have are left out.
   * @throws `topic-moved` for one that was named and is in another cluster.
   */
  async physical(directory: TopicDirectory): Promise<readonly string[]> {
    if (this.named === undefined) {
      const found = (await directory.list()).filter(({ logical }) => this.pattern!.finds(logical));
      this.#matched = found.map(({ logical }) => logical);
      return found.map((topic) => topic.physical).sort();
    }
    const physical: string[] = [];
    for (const name of this.named) {
      if (topicNameFault(name) !== undefined || name.startsWith('__') || generationOf(name).generation > 1) continue;
      await directory.demandHere(name);
      const present = await directory.presentName(name);
      physical.push(physicalName(present, await directory.generation(present)));
    }
    return physical.sort();
  }
}
