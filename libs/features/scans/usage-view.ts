import type { Census, CensusPartition, IdUsage, PartitionCount, VersionFacts, VersionUsage } from '#libs/core/scans';
import { isWhole } from '#libs/core/scans';
import { subjectText, type SubjectName } from '#libs/core/registry';
import type { Authorizer, Principal } from '#libs/platform/auth';
import { turn } from '#libs/platform/http';
import type { IdUsageView, UsageView } from './usage-shapes.js';

/** Partitions that one answer lists. */
const LISTED = 1_000;
/** Versions judged before others have their turn. */
const SHOWN_AT_ONCE = 1_000;

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

/** Others go on while the versions that share its schema are gone through, which may be very many. */
export async function usageViewOf(usage: VersionUsage, sight: Sight): Promise<UsageView> {
  const { found, counts, census, carriers } = usage;
  return {
    subject: subjectText(usage.subject),
    version: usage.version,
    schemaId: found.schema.id,
    guid: found.schema.guid,
    deleted: found.row.deleted,
    verdict: usage.verdict,
    reasons: [...usage.reasons],
    records: recordsOf(counts, sight),
    carriers: await visibleOfMany(carriers, sight),
    ...needsOf([usage], census, sight),
  };
}

/** Versions that the caller may not read are counted, and what is needed of them is told without their names. */
export function idUsageViewOf(usage: IdUsage, sight: Sight): IdUsageView {
  const { schemaId, entries, versions, counts, census } = usage;
  const shown = versions.filter((one) => sight.subject(one.subject));
  return {
    schemaId,
    verdict: usage.verdict,
    reasons: [...usage.reasons],
    records: recordsOf(counts, sight),
    schemas: entries
      .filter(({ usages }) => usages.some(({ subject }) => sight.subject(subject)))
      .map(({ schema: { context, guid, schemaType } }) => ({ context, guid, schemaType })),
    versions: shown.map(({ subject, version, deleted, guid, verdict, reasons }) => {
      return { subject: subjectText(subject), version, deleted, guid, verdict, reasons: [...reasons] };
    }),
    hiddenVersions: versions.length - shown.length,
    ...needsOf(versions, census, sight),
  };
}

/** What needs some versions, each thing once. Associations are those of subjects that the caller may read. */
function needsOf(
  versions: readonly VersionFacts[],
  census: Census,
  sight: Sight,
): Pick<UsageView, 'references' | 'aliases' | 'associations' | 'topics' | 'consumers' | 'coverage'> {
  const readable = versions.filter((one) => sight.subject(one.subject));
  const all = <T>(of: (one: VersionFacts) => readonly T[], from = versions): T[] => distinct(from.flatMap(of));
  const aliases = all((one) => one.aliases);
  const named = aliases.filter((one) => sight.subject(one)).map(subjectText);
  return {
    references: visible(
      all((one) => one.referrers),
      sight,
    ),
    aliases: { subjects: named, hidden: aliases.length - named.length },
    associations: all((one) => one.associations, readable).map(
      ({ resourceName, resourceNamespace, resourceType, associationType }) => {
        return { resourceName, resourceNamespace, resourceType, associationType };
      },
    ),
    topics: all((one) => one.bindings, readable).filter(({ topic }) => sight.topic(topic)),
    consumers: all((one) => one.consumers).filter(({ kind, name, topic }) => {
      return sight.topic(topic) && (kind === 'view' ? sight.view(name) : sight.topic(name));
    }),
    coverage: coverageOf(census, sight),
  };
}

/** Each once, in the order of the first. */
function distinct<T>(values: readonly T[]): T[] {
  return [...new Map(values.map((one) => [JSON.stringify(one), one])).values()];
}

function recordsOf(counts: readonly PartitionCount[], sight: Sight): UsageView['records'] {
  const shown = counts.filter(({ partition }) => sight.topic(partition.logical));
  return {
    total: totalOf(counts),
    exact: counts.every((one) => one.exact),
    topics: byTopic(shown),
    hidden: totalOf(counts) - totalOf(shown),
  };
}

interface Use {
  readonly subject: SubjectName;
  readonly version: number;
  readonly deleted: boolean;
}

async function visibleOfMany(uses: readonly Use[], sight: Sight): Promise<UsageView['references']> {
  const versions: UsageView['references']['versions'] = [];
  let hidden = 0;
  for (let at = 0; at < uses.length; at += SHOWN_AT_ONCE) {
    if (at > 0) await turn();
    const some = visible(uses.slice(at, at + SHOWN_AT_ONCE), sight);
    versions.push(...some.versions);
    hidden += some.hidden;
  }
  return { versions, hidden };
}

function visible(uses: readonly Use[], sight: Sight): UsageView['references'] {
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
