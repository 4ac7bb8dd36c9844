import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { isAppError } from '#libs/core/kernel';
import { generationOf, type BrokerDescription, type ResolvedTopic } from '#libs/core/log';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { ClusterIds, type NamedCluster } from '../cluster-ids.js';
import { nothingHere, refusal } from '../errors.js';
import { pathNumber } from '../json-members.js';
import { Links } from './links.js';
import { brokerResource, clusterResource, listOf, replicaResource, type Resource } from './resources.js';

/** Clusters and their brokers (section 3.1). */
@Injectable()
export class ClustersService {
  constructor(
    private readonly clusters: ClusterIds,
    private readonly authorizer: Authorizer,
  ) {}

  /** One cluster, the default one: clients take the first for the only one. */
  async list(request: FastifyRequest): Promise<Resource> {
    const { id } = await this.clusters.standard();
    const links = Links.of(request, id);
    return listOf('KafkaClusterList', links.clusters, [await this.#described(links, await this.clusters.standard())]);
  }

  async get(request: FastifyRequest, id: string): Promise<Resource> {
    const cluster = await this.clusters.get(id).catch((error: unknown) => {
      throw isAppError(error) && error.kind === 'not-found' ? nothingHere() : error;
    });
    return this.#described(Links.of(request, id), cluster);
  }

  async #described(links: Links, { id, engine }: NamedCluster): Promise<Resource> {
    return clusterResource(links, id, (await engine.administration.describeCluster()).controller);
  }

  async brokers(request: FastifyRequest, id: string): Promise<Resource> {
    const { engine } = await this.clusters.get(id);
    const links = Links.of(request, id);
    const { brokers } = await engine.administration.describeCluster();
    const here = hereOf(request);
    return listOf(
      'KafkaBrokerList',
      links.to('brokers'),
      brokers.map((broker) => brokerResource(links, id, broker, here)),
    );
  }

  async broker(request: FastifyRequest, id: string, number: string): Promise<Resource> {
    const broker = await this.#broker(await this.clusters.get(id), number);
    if (broker === undefined) throw nothingHere();
    return brokerResource(Links.of(request, id), id, broker, hereOf(request));
  }

  /** Copies on one broker, of the topics the principal may read. */
  async replicasOn(request: FastifyRequest, id: string, number: string, principal: Principal): Promise<Resource> {
    const cluster = await this.clusters.get(id);
    const broker = await this.#broker(cluster, number);
    if (broker === undefined) throw refusal(404, `Broker ${number} cannot be found.`);
    const links = Links.of(request, id);
    const shown = new Map<string, ResolvedTopic>();
    for (const topic of await cluster.directory.list())
      if (this.authorizer.allows(principal, 'read', { kind: 'topic', name: topic.logical }))
        shown.set(topic.physical, topic);
    const replicas = await cluster.engine.administration.describeReplicas();
    return listOf(
      'KafkaReplicaList',
      links.to('brokers', broker.id, 'partition-replicas'),
      replicas
        .filter((one) => shown.has(one.topic) && one.replicas.includes(broker.id))
        .map((one) => replicaResource(links, id, generationOf(one.topic).logical, one, broker.id)),
    );
  }

  async #broker({ engine }: NamedCluster, number: string): Promise<BrokerDescription | undefined> {
    const id = pathNumber(number);
    if (id === undefined) throw nothingHere();
    return (await engine.administration.describeCluster()).brokers.find((broker) => broker.id === id);
  }
}

/** Where this service is reached: the embedded log has no address of its own. */
function hereOf(request: FastifyRequest): { readonly host: string; readonly port: number } {
  return { host: request.hostname || 'localhost', port: request.raw.socket.localPort ?? 0 };
}
