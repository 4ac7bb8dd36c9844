import { Injectable } from '@nestjs/common';
import { UnreadAges, type UnreadPosition } from '#libs/core/groups';
import { Clock } from '#libs/core/kernel';
import {
  type GroupDescription,
  knownOffsets,
  type LogEngine,
  type ResolvedTopic,
  TopicDirectories,
} from '#libs/core/log';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { pageOf, type Page, type PageRequest } from '#libs/platform/http';
import type { TopicGroupView } from './group-schemas.js';

/** How long a page looks for the times of records. */
const AGES_MS = 1_000;
/** Groups that are asked for at the same time, where the log is brokers far away. */
const AT_ONCE = 8;

/** A group with what it has not read of a topic. */
interface Reading extends Omit<TopicGroupView, 'lagSeconds'> {
  readonly unread: readonly UnreadPosition[];
}

/** Who reads a topic, and how far behind. */
@Injectable()
export class TopicGroupsService {
  readonly #ages: UnreadAges;

  constructor(
    private readonly directories: TopicDirectories,
    private readonly authorizer: Authorizer,
    private readonly clock: Clock,
  ) {
    this.#ages = new UnreadAges(clock);
  }

  /**
   * The groups that keep positions in the present generation of a topic and that the principal may read, by name.
   * @throws `topic-not-found`, `topic-moved` only where a cluster was named.
   */
  async list(
    cluster: string | undefined,
    topic: string,
    request: PageRequest,
    principal: Principal,
  ): Promise<Page<TopicGroupView>> {
    const { engine, resolved } = await this.directories.following(cluster, async (at) => {
      const directory = this.directories.of(at);
      return { engine: directory.engine, resolved: await directory.resolve(topic) };
    });
    const names = (await engine.listGroups())
      .map(({ group }) => group)
      .filter((name) => this.authorizer.allows(principal, 'read', { kind: 'group', name }))
      .sort((a, b) => (a < b ? -1 : 1));
    const reading: Reading[] = [];
    for (let at = 0; at < names.length; at += AT_ONCE) {
      const described = await Promise.all(names.slice(at, at + AT_ONCE).map((name) => engine.describeGroup(name)));
      for (const one of described) {
        const found = readingOf(one, resolved);
        if (found !== undefined) reading.push(found);
      }
    }
    const page = pageOf(reading, request, ({ group }) => group);
    return { items: await this.#withAges(engine, page.items), next: page.next };
  }

  /** The ages of all groups of a page are looked for together, so that a page takes no longer than a group. */
  async #withAges(engine: LogEngine, groups: readonly Reading[]): Promise<TopicGroupView[]> {
    const all = groups.flatMap(({ unread }) => unread);
    const found = await this.#ages.find(engine, all, AGES_MS);
    const ages = new Map(all.map((one, at) => [one, found[at]?.timestampMs ?? null]));
    const now = this.clock.now();
    return groups.map(({ unread, ...group }) => {
      const times = unread.flatMap((one) => ages.get(one) ?? []);
      const oldest = times.length === 0 ? null : Math.min(...times);
      const lagSeconds = group.lag === '0' ? 0 : oldest === null ? null : Math.max(0, now - oldest) / 1_000;
      return { ...group, lagSeconds };
    });
  }
}

/** What a group has not read, where it is known; undefined for one without a position in the topic. */
function readingOf({ group, state, members, positions }: GroupDescription, topic: ResolvedTopic): Reading | undefined {
  const here = positions.filter((one) => one.topic === topic.physical);
  if (here.length === 0) return undefined;
  let lag = 0;
  const unread: UnreadPosition[] = [];
  for (const { partition, offset } of here) {
    const place = topic.description.partitions[partition];
    const range = place && knownOffsets(place);
    if (!range || offset >= range.endOffset) continue;
    lag += range.endOffset - offset;
    // Below what is retained, the first record that is left is the first not read.
    unread.push({ topic: topic.physical, partition, offset: Math.max(offset, range.startOffset) });
  }
  return { group, state, members: members.length, lag: String(lag), unread };
}
