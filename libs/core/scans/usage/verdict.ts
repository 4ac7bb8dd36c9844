import { type Association, type Referrer, type SchemaUsage, type SubjectName } from '#libs/core/registry';
import { isWhole, type Census, type PartitionCount } from './census.js';

/** A topic whose writers, by the common naming strategies, use the subject. */
export interface TopicBinding {
  readonly cluster: string;
  /** Logical. */
  readonly topic: string;
  /** Null: either part. */
  readonly part: 'key' | 'value' | null;
  readonly strategy: 'topic-name' | 'topic-record-name';
}

/** Something of this service that reads a topic. */
export interface TopicConsumer {
  readonly kind: 'view' | 'derivation';
  readonly name: string;
  readonly cluster: string;
  readonly topic: string;
}

/** `safe`: it is known that nothing here needs the version. `in-use`: something does. `unknown`: nothing does as far as was looked. */
export type UsageVerdict = 'safe' | 'in-use' | 'unknown';

/** Why a version is not safe to delete. */
export interface UsageReason {
  readonly code:
    | 'records-retained'
    | 'schema-referenced'
    | 'association-exists'
    | 'alias-leads-here'
    | 'latest-of-topic'
    | 'read-by'
    | 'derived-with'
    | 'no-log'
    | 'records-not-read'
    | 'records-unreadable'
    | 'records-unnamed'
    | 'names-unlisted'
    | 'record-name-strategy';
  readonly means: Exclude<UsageVerdict, 'safe'>;
  /** A sentence or two. Names no topic and no subject: not everybody may know of them. */
  readonly message: string;
}

/** What there is to know of a version, besides what records say. */
export interface VersionFacts {
  readonly subject: SubjectName;
  readonly version: number;
  /** Whether writers who take the latest version take this one. */
  readonly latest: boolean;
  readonly referrers: readonly Referrer[];
  readonly associations: readonly Association[];
  /** Names that stand for the subject by its alias. */
  readonly aliases: readonly SubjectName[];
  /** Other versions with the same id. */
  readonly carriers: readonly SchemaUsage[];
  readonly bindings: readonly TopicBinding[];
  readonly consumers: readonly TopicConsumer[];
  /** How many derivations read values with it, and write them with it. */
  readonly derived: number;
  /** Whether the subject is named as a type that the schema declares, so that writers to any topic may use it. */
  readonly namedByRecord: boolean;
}

/** What keeps it from being called safe, the worst first. */
export function usageReasons(facts: VersionFacts, census: Census, counts: readonly PartitionCount[]): UsageReason[] {
  const records = recordReasons(census, counts, facts.bindings);
  if (facts.carriers.length > 0 && records[0]?.code === 'records-retained') {
    const others = `${records[0].message} Its id stays readable as long as another version carries it.`;
    records[0] = { ...records[0], message: others };
  }
  return worstFirst([...records, ...versionReasons(facts)]);
}

/** What needs a version besides records, the worst first. */
export function versionReasons(facts: VersionFacts): UsageReason[] {
  const reasons: UsageReason[] = [];
  const inUse = (code: UsageReason['code'], message: string) => reasons.push({ code, means: 'in-use', message });
  const { referrers, associations, aliases, latest, bindings, consumers, derived } = facts;
  if (referrers.length > 0)
    inUse('schema-referenced', `${many(referrers.length, 'version')} of other schemas refer to it.`);
  if (associations.length > 0) {
    inUse('association-exists', `${many(associations.length, 'association')} tie its subject to a resource.`);
  }
  // What another version carries stays readable.
  if (derived > 0 && facts.carriers.length === 0) {
    inUse(
      'derived-with',
      `${many(derived, 'derived stream')} ${derived === 1 ? 'has its' : 'have their'} values with it.`,
    );
  }
  if (latest && aliases.length > 0) {
    inUse(
      'alias-leads-here',
      `It is the latest version of a subject that ${many(aliases.length, 'alias', 'aliases')} lead to.`,
    );
  }
  if (latest && bindings.length > 0) {
    inUse('latest-of-topic', `It is the latest version of the subject that writers of ${topicsOf(bindings)} use.`);
  }
  if (latest && bindings.length > 0 && consumers.length > 0) {
    inUse('read-by', `${many(consumers.length, 'view or derivation', 'views and derivations')} read such a topic.`);
  }
  if (latest && facts.namedByRecord) {
    reasons.push({
      code: 'record-name-strategy',
      means: 'unknown',
      message:
        'Its subject has the name of a type of the schema, as with the record name strategy: writers of any topic may use it.',
    });
  }
  return worstFirst(reasons);
}

function worstFirst(reasons: readonly UsageReason[]): UsageReason[] {
  return [...reasons].sort((a, b) => Number(a.means === 'unknown') - Number(b.means === 'unknown'));
}

/** What records say: those that name the schema, and where it is not known whether there are any. */
export function recordReasons(
  census: Census,
  counts: readonly PartitionCount[],
  bindings: readonly TopicBinding[],
): UsageReason[] {
  const reasons: UsageReason[] = [];
  const add = (code: UsageReason['code'], means: UsageReason['means'], message: string) => {
    reasons.push({ code, means, message });
  };
  const records = counts.reduce((sum, one) => sum + one.keys + one.values, 0);
  if (records > 0) {
    const atMost = counts.every((one) => one.exact) ? '' : 'At most ';
    add(
      'records-retained',
      'in-use',
      `${atMost}${many(records, 'key or value', 'keys and values')} of retained records name it.`,
    );
  }
  if (census.logs === 0)
    add('no-log', 'unknown', 'This instance has no log: no retained record has been looked at by it.');
  const unreadable = census.partitions.filter((one) => one.trouble !== null);
  if (unreadable.length > 0) {
    add('records-unreadable', 'unknown', `${many(unreadable.length, 'partition')} cannot be read to the end.`);
  }
  const unread = census.partitions.filter((one) => one.trouble === null && !isWhole(one));
  if (unread.length > 0) {
    add('records-not-read', 'unknown', `Records of ${many(unread.length, 'partition')} have not been looked at.`);
  }
  const unnamed = census.unnamed().filter((one) => bindings.some((binding) => isBound(binding, one)));
  if (unnamed.length > 0) {
    const total = unnamed.reduce((sum, one) => sum + one.records, 0);
    add(
      'records-unnamed',
      'unknown',
      `${many(total, 'key or value', 'keys and values')} of topics that the subject belongs to name no schema, so that readers may take this one for them.`,
    );
  }
  if (census.unlisted.length > 0) {
    add(
      'names-unlisted',
      'unknown',
      `In ${many(census.unlisted.length, 'partition')} more schemas are named than are told apart.`,
    );
  }
  return reasons;
}

/** The verdict that reasons come to. */
export function verdictOf(reasons: readonly UsageReason[]): UsageVerdict {
  if (reasons.some(({ means }) => means === 'in-use')) return 'in-use';
  return reasons.length === 0 ? 'safe' : 'unknown';
}

/** The topics that a subject belongs to by its name. @param names of the types that its schema declares. */
export function bindingsOf(
  subject: SubjectName,
  topics: Iterable<{ readonly cluster: string; readonly logical: string }>,
  names: ReadonlySet<string>,
): readonly TopicBinding[] {
  const found = new Map<string, TopicBinding>();
  for (const { cluster, logical: topic } of topics) {
    if (!subject.name.startsWith(`${topic}-`)) continue;
    const rest = subject.name.slice(topic.length + 1);
    const key = `${cluster}/${topic}`;
    if (rest === 'key' || rest === 'value') found.set(key, { cluster, topic, part: rest, strategy: 'topic-name' });
    else if (names.has(rest)) found.set(key, { cluster, topic, part: null, strategy: 'topic-record-name' });
  }
  return [...found.values()];
}

function isBound(binding: TopicBinding, where: Pick<TopicBinding, 'cluster' | 'topic' | 'part'>): boolean {
  return (
    binding.cluster === where.cluster &&
    binding.topic === where.topic &&
    (binding.part === null || binding.part === where.part)
  );
}

function topicsOf(bindings: readonly TopicBinding[]): string {
  return bindings.length === 1 ? 'a topic' : `${bindings.length} topics`;
}

function many(count: number, one: string, more = `${one}s`): string {
  return `${count} ${count === 1 ? one : more}`;
}
