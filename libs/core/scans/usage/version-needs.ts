import { sameSubject, subjectText, type Registry, type RegistryStore, type SchemaUsage } from '#libs/core/registry';
import type { SurveyedPartition } from '../survey.js';
import type { Census, PartitionCount } from './census.js';
import { bindingsOf, type TopicConsumer, type VersionFacts } from './verdict.js';

export interface VersionNeedsTools {
  readonly registry: Registry;
  readonly store: RegistryStore;
  /** Views and derivations that read the logical topic. */
  readonly consumersOf: (cluster: string, topic: string) => Promise<readonly TopicConsumer[]>;
  /** How many derivations write their values with a version of a subject. */
  readonly derivedWith: (subject: string, version: number) => Promise<number>;
}

/** Finds what needs versions besides records: schemas, associations, aliases, the topics of their subjects and what reads those. */
export class VersionNeeds {
  readonly #topics: readonly SurveyedPartition[];
  /** Those that this instance has. */
  readonly #here: ReadonlySet<string>;
  readonly #consumers = new Map<string, Promise<readonly TopicConsumer[]>>();
  #aliases: ReturnType<Registry['aliases']> | undefined;

  constructor(
    private readonly tools: VersionNeedsTools,
    census: Census,
  ) {
    const topics = new Map(
      census.partitions.map(({ partition }) => [keyOf(partition.cluster, partition.logical), partition]),
    );
    this.#topics = [...topics.values()];
    this.#here = new Set(
      census.partitions.flatMap(({ isHere, partition: { cluster, logical } }) =>
        isHere ? [keyOf(cluster, logical)] : [],
      ),
    );
  }

  /**
   * @param names of the types that its schema declares.
   * @param carriers other versions with the same id.
   * @param counts where records name its schema.
   */
  async of(
    { subject, version }: Pick<SchemaUsage, 'subject' | 'version'>,
    names: ReadonlySet<string>,
    carriers: readonly SchemaUsage[],
    counts: readonly PartitionCount[],
  ): Promise<VersionFacts> {
    const { registry, store } = this.tools;
    const [versions, aliases, referrers, associations, derived] = await Promise.all([
      registry.versions(subject),
      (this.#aliases ??= registry.aliases(undefined, '')),
      store.referrers(subject),
      store.associations({ subjects: [subject] }),
      this.tools.derivedWith(subjectText(subject), version),
    ]);
    const bindings = bindingsOf(subject, this.#topics, names);
    return {
      subject,
      version,
      latest: versions.findLast((one) => !one.deleted)?.version === version,
      referrers: referrers.filter((one) => one.target === version),
      associations,
      aliases: aliases.flatMap(({ alias, target }) => (sameSubject(target, subject) ? [alias] : [])),
      carriers,
      bindings,
      consumers: await this.#consumersOn([
        ...bindings,
        ...counts.map(({ partition }) => ({ cluster: partition.cluster, topic: partition.logical })),
      ]),
      derived,
      namedByRecord: names.has(subject.name),
    };
  }

  /** What reads those of the topics that are here. */
  async #consumersOn(
    topics: readonly { readonly cluster: string; readonly topic: string }[],
  ): Promise<readonly TopicConsumer[]> {
    const known = new Map(topics.map(({ cluster, topic }) => [keyOf(cluster, topic), { cluster, topic }]));
    const found = await Promise.all(
      [...known].map(async ([key, { cluster, topic }]) => {
        if (!this.#here.has(key)) return [];
        const asked = this.#consumers.get(key) ?? this.tools.consumersOf(cluster, topic);
        this.#consumers.set(key, asked);
        return asked;
      }),
    );
    return found.flat();
  }
}

function keyOf(cluster: string, topic: string): string {
  return `${cluster}/${topic}`;
}
