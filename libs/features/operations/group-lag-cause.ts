import type { Clock } from '#libs/core/kernel';
import type { GroupDescription, LogEngine, TopicDirectories } from '#libs/core/log';
import { subjectsOf, type ThrottleCause, type ThrottleLimits } from '#libs/core/operations';

/** The ends of a topic's partitions at one time. */
interface Sample {
  readonly at: number;
  readonly ends: ReadonlyMap<number, number>;
}

/** What is known of one topic, as long as somebody asks. */
interface Watched {
  readonly engine: LogEngine;
  readonly physical: string;
  samples: Sample[];
  groups: readonly string[];
  groupsAt: number;
  /** Per group the sum of its positions and when it last moved. */
  readonly moved: Map<string, { sum: number; at: number }>;
  checkedAt: number;
  reason: string | null;
}

const CHECK_EVERY_MS = 1_000;
const FIND_GROUPS_EVERY_MS = 30_000;
/** A group without members counts as reading while its positions moved this recently. */
const ALIVE_MS = 60_000;
/** Topics watched at once; operations are few. */
const MAX_WATCHED = 64;
/** Samples kept over the time of the limit; so much coarser is the measure. */
const SAMPLES = 50;

/**
 * Lets an operation rest while a group that reads its topic is further behind than `maxGroupLagMs`. Behind by L means: the group has not read what was there L
 * ago. That is measured by watching the ends, not by record timestamps, which may be anything. Groups that nobody reads with do not count.
 */
export class GroupLagCause implements ThrottleCause {
  readonly name = 'group-lag';
  readonly #watched = new Map<string, Watched>();

  constructor(
    private readonly directories: TopicDirectories,
    private readonly clock: Clock,
  ) {}

  async check(
    operation: { readonly subject: string; readonly alsoOn?: readonly string[] },
    limits: ThrottleLimits,
  ): Promise<string | null> {
    for (const subject of subjectsOf(operation)) {
      const reason = await this.#checkOne(subject, limits);
      if (reason !== null) return reason;
    }
    return null;
  }

  async #checkOne(subject: string, limits: ThrottleLimits): Promise<string | null> {
    const [, cluster, topic] = /^topic:([^/]+)\/(.+)$/.exec(subject) ?? [];
    if (limits.maxGroupLagMs === null || cluster === undefined || topic === undefined) return null;
    const now = this.clock.monotonic();
    let watched = await this.#watch(subject, cluster, topic);
    if (now - watched.checkedAt >= CHECK_EVERY_MS) {
      if (this.directories.of(await this.directories.whereIs(cluster, topic)).engine !== watched.engine) {
        this.#watched.delete(subject);
        watched = await this.#watch(subject, cluster, topic);
      }
      watched.checkedAt = now;
      watched.reason = await this.#look(watched, limits.maxGroupLagMs, now);
    }
    return watched.reason;
  }

  async #watch(subject: string, cluster: string, topic: string): Promise<Watched> {
    const known = this.#watched.get(subject);
    if (known !== undefined) return known;
    // Of a topic that has moved to another cluster the groups read there.
    const directory = this.directories.of(await this.directories.whereIs(cluster, topic));
    const { physical } = await directory.resolve(topic);
    const watched: Watched = {
      engine: directory.engine,
      physical,
      samples: [],
      groups: [],
      groupsAt: -Infinity,
      moved: new Map(),
      checkedAt: -Infinity,
      reason: null,
    };
    const oldest = this.#watched.size >= MAX_WATCHED ? this.#watched.keys().next().value : undefined;
    if (oldest !== undefined) this.#watched.delete(oldest);
    this.#watched.set(subject, watched);
    return watched;
  }

  async #look(watched: Watched, limitMs: number, now: number): Promise<string | null> {
    const { engine, physical } = watched;
    const { partitions } = await engine.describeTopic(physical);
    const ends = new Map(partitions.map((one) => [one.partition, one.endOffset]));
    const latest = watched.samples.at(-1);
    if (latest === undefined || now - latest.at >= limitMs / SAMPLES) watched.samples.push({ at: now, ends });
    // One sample older than the limit is what is compared with; what is older still says nothing more.
    const enough = watched.samples.findLastIndex((sample) => sample.at <= now - limitMs);
    if (enough > 0) watched.samples = watched.samples.slice(enough);
    const before = watched.samples[0]!;
    const groups = await this.#readers(watched, now);
    if (before.at > now - limitMs) return null;
    for (const { group, positions } of groups) {
      const behind = positions.some(
        (one) => one.topic === physical && (before.ends.get(one.partition) ?? 0) > one.offset,
      );
      if (behind) return `group ${group} is more than ${limitMs / 1_000} s behind`;
    }
    return null;
  }

  /** Groups that read the topic now. */
  async #readers(watched: Watched, now: number): Promise<readonly GroupDescription[]> {
    const { engine, physical, moved } = watched;
    const looksForGroups = now - watched.groupsAt >= FIND_GROUPS_EVERY_MS;
    const names = looksForGroups ? (await engine.listGroups()).map((one) => one.group) : watched.groups;
    const described: GroupDescription[] = [];
    for (const name of names) described.push(await engine.describeGroup(name));
    const onTopic = described.filter((one) => one.positions.some((position) => position.topic === physical));
    if (looksForGroups) {
      watched.groups = onTopic.map((one) => one.group);
      watched.groupsAt = now;
    }
    return onTopic.filter((one) => {
      const own = one.positions.filter((position) => position.topic === physical);
      const sum = own.reduce((total, position) => total + position.offset, 0);
      const last = moved.get(one.group);
      if (last === undefined || last.sum !== sum) {
        // The first look cannot tell whether it moves: it is given the benefit of the doubt until the next one.
        moved.set(one.group, { sum, at: last === undefined ? -Infinity : now });
      }
      return one.members.length > 0 || now - moved.get(one.group)!.at <= ALIVE_MS;
    });
  }
}
