import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { checkNewTopic, TopicLifecycle, type PartitionReplicas, type ResolvedTopic } from '#libs/core/log';
import { OperationStore } from '#libs/core/operations';
import { Derivations } from '#libs/core/streams';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { ClusterIds, type NamedCluster } from '../cluster-ids.js';
import { refusal } from '../errors.js';
import { Links } from './links.js';
import { listOf, topicResource, type Resource } from './resources.js';
import { newTopicOf, partitionsCountOf, type NewTopic } from './topic-requests.js';

/** Topics (section 3.2), by their logical names. Internal topics are not there. */
@Injectable()
export class TopicsService {
  constructor(
    private readonly clusters: ClusterIds,
    private readonly operations: OperationStore,
    private readonly lifecycle: TopicLifecycle,
    private readonly derivations: Derivations,
    private readonly authorizer: Authorizer,
  ) {}

  async list(request: FastifyRequest, id: string, principal: Principal): Promise<Resource> {
    const cluster = await this.clusters.get(id);
    const links = Links.of(request, id);
    const topics = (await cluster.directory.list()).filter(({ logical }) =>
      this.authorizer.allows(principal, 'read', { kind: 'topic', name: logical }),
    );
    const factors = replicationFactors(await cluster.engine.administration.describeReplicas());
    return listOf(
      'KafkaTopicList',
      links.to('topics'),
      topics.map((topic) => this.#resource(links, id, topic, factors.get(topic.physical) ?? 0, [])),
    );
  }

  /** @param operations whether what the principal may do is told. */
  async get(
    request: FastifyRequest,
    id: string,
    name: string,
    operations: boolean,
    principal: Principal,
  ): Promise<Resource> {
    const cluster = await this.clusters.get(id);
    const topic = await cluster.directory.resolve(name);
    const told = operations ? this.#operationsOf(principal, name) : [];
    return this.#described(Links.of(request, id), cluster, topic, told);
  }

  /** @returns whether it was made, and the topic: as it is, or as it would be. */
  async create(request: FastifyRequest, id: string, body: unknown): Promise<{ made: boolean; topic: Resource }> {
    const cluster = await this.clusters.get(id);
    const asked = newTopicOf(body);
    const links = Links.of(request, id);
    const { brokers } = await cluster.engine.administration.describeCluster();
    this.#demandReplication(asked, brokers.length);
    const partitions = asked.assignments?.length ?? asked.partitions ?? (await defaultPartitions(cluster));
    const spec = {
      name: asked.name,
      partitions,
      config: asked.config,
      ...(asked.assignments === undefined
        ? { replicationFactor: asked.replicationFactor }
        : { assignments: asked.assignments }),
    };
    if (asked.validateOnly) {
      const existing = new Set((await cluster.engine.listTopics()).map((topic) => topic.name));
      checkNewTopic(spec, existing, cluster.engine.capabilities);
      const replicationFactor = asked.assignments?.[0]?.length ?? asked.replicationFactor ?? 1;
      return { made: false, topic: topicResource(links, id, asked.name, { replicationFactor, partitions }, []) };
    }
    const topic = await cluster.directory.create(spec);
    return { made: true, topic: await this.#described(links, cluster, topic, []) };
  }

  /** Raises the number of partitions. A derived topic's is its derivation's. */
  async grow(request: FastifyRequest, id: string, name: string, body: unknown): Promise<Resource> {
    const cluster = await this.clusters.get(id);
    const partitions = partitionsCountOf(body);
    const topic = await cluster.directory.resolve(name);
    const now = topic.description.partitions.length;
    if (partitions === now) throw refusal(40_002, `Topic already has ${now} partition(s).`);
    if (partitions < now)
      throw refusal(
        40_002,
        `The topic ${name} currently has ${now} partition(s); ${partitions} would not be an increase.`,
      );
    if (await this.derivations.writes(cluster.name, name))
      throw refusal(40_002, `Topic '${name}' is written by a derivation, which decides on its partitions.`);
    await this.#demandIdle(cluster, name);
    await cluster.engine.addPartitions(topic.physical, partitions);
    return this.#described(Links.of(request, id), cluster, await cluster.directory.resolve(name), []);
  }

  /** For good, as clients expect that the name is free then; a protected topic is not deleted. */
  async delete(id: string, name: string): Promise<void> {
    const cluster = await this.clusters.get(id);
    await this.lifecycle.delete(cluster.name, name, { permanent: true, force: false });
  }

  /** An operation counts on the topic it works on. */
  async #demandIdle(cluster: NamedCluster, name: string): Promise<void> {
    const live = await this.operations.liveOn(`topic:${cluster.name}/${name}`);
    if (live === undefined) return;
    throw refusal(40_002, `Operation ${live.id} (${live.kind}) works on topic '${name}'; cancel or finish it first.`);
  }

  #demandReplication({ replicationFactor = 1, assignments }: NewTopic, brokers: number): void {
    if (assignments !== undefined || replicationFactor <= brokers) return;
    throw refusal(
      40_002,
      `Unable to replicate the partition ${replicationFactor} time(s): The target replication factor of ${replicationFactor} cannot be reached because only ${brokers} broker(s) are registered.`,
    );
  }

  async #described(
    links: Links,
    { id, engine }: NamedCluster,
    topic: ResolvedTopic,
    operations: readonly string[],
  ): Promise<Resource> {
    const factors = replicationFactors(await engine.administration.describeReplicas([topic.physical]));
    return this.#resource(links, id, topic, factors.get(topic.physical) ?? 0, operations);
  }

  #resource(
    links: Links,
    id: string,
    { logical, description }: ResolvedTopic,
    replicationFactor: number,
    operations: readonly string[],
  ): Resource {
    const partitions = description.partitions.length;
    return topicResource(links, id, logical, { replicationFactor, partitions }, operations);
  }

  /** Kafka's operations by what this service lets the principal do. */
  #operationsOf(principal: Principal, name: string): readonly string[] {
    const may = (action: 'read' | 'write' | 'alter' | 'delete') =>
      this.authorizer.allows(principal, action, { kind: 'topic', name });
    return [
      ...(may('alter') ? ['CREATE'] : []),
      'DESCRIBE',
      ...(may('delete') ? ['DELETE'] : []),
      ...(may('alter') ? ['ALTER'] : []),
      ...(may('write') ? ['WRITE'] : []),
      ...(may('alter') ? ['ALTER_CONFIGS'] : []),
      ...(may('read') ? ['READ'] : []),
      'DESCRIBE_CONFIGS',
    ];
  }
}

/** Copies of the first partition, by topic. */
function replicationFactors(replicas: readonly PartitionReplicas[]): ReadonlyMap<string, number> {
  return new Map(replicas.filter(({ partition }) => partition === 0).map((one) => [one.topic, one.replicas.length]));
}

/** What the brokers give a topic that does not say; one partition where they have no settings. */
async function defaultPartitions({ engine }: NamedCluster): Promise<number> {
  if (!engine.capabilities.administration.brokerConfigs) return 1;
  const { brokers } = await engine.administration.describeCluster();
  const [first] = brokers;
  if (first === undefined) return 1;
  const [settings] = await engine.administration.describeConfigs([{ kind: 'broker', broker: first.id }]);
  return Number(settings?.entries.find(({ name }) => name === 'num.partitions')?.value ?? 1);
}
