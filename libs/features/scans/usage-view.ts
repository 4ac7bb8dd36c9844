import type { Census, CensusPartition, PartitionCount, VersionUsage } from '#libs/core/scans';
import { isWhole } from '#libs/core/scans';
import { subjectText, type SubjectName } from '#libs/core/registry';
import type { Authorizer, Principal } from '#libs/platform/auth';
import type { UsageView } from './usage-shapes.js';

/** Partitions that one answer lists. */
const LISTED = 1_000;

/** What one caller may be told of. Counts cover everything; names only what the caller may read. */
export class Sight {
  /** Partitions of a topic are many. */
  readonly #topics = new Map<string, boolean>();

  constructor(
    private readonly authorizer: Authorizer,
    private readonly principal: Principal,
  ) {}

  topic(name: string): boolean {
    let allowed = this.#topics.get(name);
    if (allowed === undefined) {
      allowed = this.authorizer.allows(this.principal, 'read', { kind: 'topic', name });
      this.#topics.set(name, allowed);
    }
    return allowed;
  }

  subject(name: SubjectName): boolean {
    return this.authorizer.allows(this.principal, 'read', { kind: 'subject', name: subjectText(name) });
  }

  view(name: string): boolean {
    return this.authorizer.allows(this.principal, 'read', { kind: 'view', name });
  }
}

export function usageViewOf(usage: VersionUsage, sight: Sight): UsageView {
  const { found, counts, census, referrers, carriers, aliases, associations, bindings, consumers } = usage;
  const named = aliases.filter((one) => sight.subject(one)).map(subjectText);
  const shown = counts.filter(({ partition }) => sight.topic(partition.logical));
  return {
    subject: subjectText(usage.subject),
    version: usage.version,
    schemaId: found.schema.id,
    guid: found.schema.guid,
    deleted: found.row.deleted,
    verdict: usage.verdict,
    reasons: [...usage.reasons],
    records: {
      total: totalOf(counts),
      exact: counts.every((one) => one.exact),
      topics: byTopic(shown),
      hidden: totalOf(counts) - totalOf(shown),
    },
    references: visible(referrers, sight),
    carriers: visible(carriers, sight),
    aliases: { subjects: named, hidden: aliases.length - named.length },
    associations: associations.map(({ resourceName, resourceNamespace, resourceType, associationType }) => {
      return { resourceName, resourceNamespace, resourceType, associationType };
    }),
    topics: bindings.filter(({ topic }) => sight.topic(topic)),
    consumers: consumers.filter(({ kind, name, topic }) => {
      return sight.topic(topic) && (kind === 'view' ? sight.view(name) : sight.topic(name));
    }),
    coverage: coverageOf(census, sight),
  };
}

function visible(
  uses: readonly { readonly subject: SubjectName; readonly version: number; readonly deleted: boolean }[],
  sight: Sight,
): UsageView['references'] {
  const shown = uses.filter((one) => sight.subject(one.subject));
  return {
    versions: shown.map(({ subject, version, deleted }) => ({ subject: subjectText(subject), version, deleted })),
    hidden: uses.length - shown.length,
  };
}

function coverageOf(census: Census, sight: Sight): UsageView['coverage'] {
  const shown = census.partitions.filter(({ partition }) => sight.topic(partition.logical));
  const ordered = [...shown.filter((one) => !isWhole(one)), ...shown.filter(isWhole)];
  const isShown = ({ topic }: { readonly topic: string }) => sight.topic(topic);
  return {
    scan: census.scan,
    complete: census.incomplete.length === 0,
    partitions: ordered.slice(0, LISTED).map(partitionView),
    unlistedPartitions: Math.max(0, ordered.length - LISTED),
    unnamed: census.unnamed().filter(isShown),
    internal: census.internal.filter(isShown),
    hiddenPartitions: census.partitions.length - shown.length,
  };
}

function partitionView(one: CensusPartition): UsageView['coverage']['partitions'][number] {
  const { partition, upTo, trouble } = one;
  const { cluster, logical: topic, generation, from, to } = partition;
  return {
    cluster,
    topic,
    generation,
    partition: partition.partition,
    from: String(from),
    upTo: String(Math.max(from, upTo)),
    end: String(to),
    state: trouble !== null ? 'unreadable' : isWhole(one) ? 'counted' : 'not-read',
    reason: trouble?.message ?? null,
  };
}

function byTopic(counts: readonly PartitionCount[]): UsageView['records']['topics'] {
  const topics = new Map<string, UsageView['records']['topics'][number]>();
  for (const { partition: at, keys, values, last, exact } of counts) {
    const { cluster, logical: topic, generation, partition } = at;
    const key = `${cluster}/${at.topic}`;
    const known = topics.get(key) ?? { cluster, topic, generation, partitions: [] };
    topics.set(key, known);
    known.partitions.push({ partition, keys, values, lastOffset: String(last), exact });
  }
  return [...topics.values()];
}

function totalOf(counts: readonly PartitionCount[]): number {
  return counts.reduce((sum, one) => sum + one.keys + one.values, 0);
}
