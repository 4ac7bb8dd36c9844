import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { generationOf, type PartitionReplicas, type ResolvedTopic } from '#libs/core/log';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { ClusterIds, type NamedCluster } from '../cluster-ids.js';
import { badRequest, nothingHere, partitionMissing } from '../errors.js';
import { pathNumber } from '../json-members.js';
import { Links } from './links.js';
import {
  listOf,
  offsetsResource,
  partitionResource,
  reassignmentResource,
  replicaResource,
  type Resource,
} from './resources.js';

/** A topic with the copies of its partitions. */
interface Copies {
  readonly cluster: NamedCluster;
  readonly topic: ResolvedTopic;
  readonly replicas: readonly PartitionReplicas[];
}

/** Partitions, their copies, offsets and moves (section 3.5). */
@Injectable()
export class PartitionsService {
  constructor(
    private readonly clusters: ClusterIds,
    private readonly authorizer: Authorizer,
  ) {}

  async list(request: FastifyRequest, id: string, topic: string): Promise<Resource> {
    const links = Links.of(request, id);
    const { replicas } = await this.#copies(id, topic);
    return listOf(
      'KafkaPartitionList',
      links.to('topics', topic, 'partitions'),
      replicas.map((one) => partitionResource(links, id, topic, one)),
    );
  }

  async get(request: FastifyRequest, id: string, topic: string, partition: string): Promise<Resource> {
    return partitionResource(Links.of(request, id), id, topic, await this.#copiesOf(id, topic, partition));
  }

  async offsets(
    request: FastifyRequest,
    id: string,
    topic: string,
    partition: string,
    offsetType: string | undefined,
  ): Promise<Resource> {
    const { directory } = await this.clusters.get(id);
    const number = pathNumber(partition);
    if (number === undefined) throw nothingHere();
    if (offsetType !== undefined && offsetType !== 'earliest_and_latest')
      throw badRequest(`offset_type:${offsetType} is invalid`);
    const { description } = await directory.resolve(topic);
    const found = description.partitions.find((one) => one.partition === number);
    if (found === undefined) throw partitionMissing();
    return offsetsResource(Links.of(request, id), id, topic, found);
  }

  async replicas(request: FastifyRequest, id: string, topic: string, partition: string): Promise<Resource> {
    const links = Links.of(request, id);
    const copies = await this.#copiesOf(id, topic, partition);
    return listOf(
      'KafkaReplicaList',
      links.to('topics', topic, 'partitions', copies.partition, 'replicas'),
      copies.replicas.map((broker) => replicaResource(links, id, topic, copies, broker)),
    );
  }

  async replica(
    request: FastifyRequest,
    id: string,
    topic: string,
    partition: string,
    broker: string,
  ): Promise<Resource> {
    const copies = await this.#copiesOf(id, topic, partition);
    const number = pathNumber(broker);
    if (number === undefined || !copies.replicas.includes(number)) throw nothingHere();
    return replicaResource(Links.of(request, id), id, topic, copies, number);
  }

  async reassignment(request: FastifyRequest, id: string, topic: string, partition: string): Promise<Resource> {
    const { cluster, topic: resolved } = await this.#copies(id, topic);
    const number = pathNumber(partition);
    if (number === undefined || number < 0 || number >= resolved.description.partitions.length) throw nothingHere();
    const ref = { topic: resolved.physical, partition: number };
    const [move] = await cluster.engine.administration.listReassignments([ref]);
    if (move === undefined) throw nothingHere();
    return reassignmentResource(Links.of(request, id), id, topic, move);
  }

  /**
   * Moves under way in one topic, or in all the principal may read; none in a topic that is not there.
   * The reference's `self` names a path that does not exist, and clients' recordings have it.
   */
  async reassignments(
    request: FastifyRequest,
    id: string,
    topic: string | undefined,
    principal: Principal,
  ): Promise<Resource> {
    const { directory, engine } = await this.clusters.get(id);
    const links = Links.of(request, id);
    const shown = (await directory.list()).filter(
      ({ logical }) =>
        (topic === undefined || logical === topic) &&
        this.authorizer.allows(principal, 'read', { kind: 'topic', name: logical }),
    );
    const physical = new Set(shown.map((one) => one.physical));
    const moves = physical.size === 0 ? [] : await engine.administration.listReassignments();
    return listOf(
      'KafkaReassignmentList',
      links.to('topics', topic ?? '-', 'partitions', '-', 'reassignments'),
      moves
        .filter((move) => physical.has(move.topic))
        .map((move) => reassignmentResource(links, id, generationOf(move.topic).logical, move)),
    );
  }

  async #copies(id: string, name: string): Promise<Copies> {
    const cluster = await this.clusters.get(id);
    const topic = await cluster.directory.resolve(name);
    return { cluster, topic, replicas: await cluster.engine.administration.describeReplicas([topic.physical]) };
  }

  async #copiesOf(id: string, topic: string, partition: string): Promise<PartitionReplicas> {
    const { replicas } = await this.#copies(id, topic);
    const number = pathNumber(partition);
    const found = replicas.find((one) => one.partition === number);
    if (found === undefined) throw nothingHere();
    return found;
  }
}
