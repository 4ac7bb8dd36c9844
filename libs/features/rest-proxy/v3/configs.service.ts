import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { ConfigDescription, ConfigEntry, ConfigResource, ResolvedTopic } from '#libs/core/log';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { ClusterIds, type NamedCluster } from '../cluster-ids.js';
import { nothingHere, refusal } from '../errors.js';
import { pathNumber } from '../json-members.js';
import { Links } from './links.js';
import {
  brokerConfigs,
  clusterConfigs,
  configResource,
  listOf,
  topicConfigs,
  type ConfigPlace,
  type Resource,
} from './resources.js';
import { alterationOf, configValueOf, type Alteration } from './topic-requests.js';

/** Whose settings a path names: as the engine knows it, as v3 shows it, and in words. */
export interface Settings {
  readonly cluster: NamedCluster;
  readonly resource: ConfigResource;
  readonly place: ConfigPlace;
  /** `TOPIC orders`. */
  readonly words: string;
}

/** Settings of topics, of brokers, and of all brokers together (sections 3.1, 3.3, 3.4): read, set, reset, altered together. */
@Injectable()
export class ConfigsService {
  constructor(
    private readonly clusters: ClusterIds,
    private readonly authorizer: Authorizer,
  ) {}

  async ofTopic(id: string, topic: string): Promise<Settings> {
    const cluster = await this.clusters.get(id);
    return ofTopic(cluster, await cluster.directory.resolve(topic));
  }

  /** @throws 404 at once for a broker that is not there. */
  async ofBroker(id: string, broker: string): Promise<Settings> {
    const cluster = await this.clusters.get(id);
    const number = pathNumber(broker);
    const { brokers } = await cluster.engine.administration.describeCluster();
    if (number === undefined || !brokers.some((one) => one.id === number)) throw nothingHere();
    return brokerSettings(cluster, number);
  }

  async ofCluster(id: string): Promise<Settings> {
    const cluster = await this.clusters.get(id);
    return { cluster, resource: { kind: 'all-brokers' }, place: clusterConfigs, words: 'BROKER ' };
  }

  async list(request: FastifyRequest, settings: Settings): Promise<Resource> {
    const links = Links.of(request, settings.cluster.id);
    const entries = await entriesOf(settings);
    return listOf(
      `${settings.place.kind}List`,
      links.to(...settings.place.path),
      entries.map((entry) => configResource(links, settings.cluster.id, settings.place, entry)),
    );
  }

  /** Settings of all topics the principal may read, in one list. */
  async listOfTopics(request: FastifyRequest, id: string, principal: Principal): Promise<Resource> {
    const cluster = await this.clusters.get(id);
    const topics = (await cluster.directory.list()).filter(({ logical }) =>
      this.authorizer.allows(principal, 'read', { kind: 'topic', name: logical }),
    );
    const all = topics.map((topic) => ofTopic(cluster, topic));
    return this.#listOfAll(request, cluster, all, ['topics', '-', 'configs'], 'KafkaTopicConfigList');
  }

  async listOfBrokers(request: FastifyRequest, id: string): Promise<Resource> {
    const cluster = await this.clusters.get(id);
    const { brokers } = await cluster.engine.administration.describeCluster();
    const all = brokers.map((broker) => brokerSettings(cluster, broker.id));
    return this.#listOfAll(request, cluster, all, ['brokers', '-', 'configs'], 'KafkaBrokerConfigList');
  }

  async #listOfAll(
    request: FastifyRequest,
    { id, engine }: NamedCluster,
    all: readonly Settings[],
    path: readonly string[],
    kind: string,
  ): Promise<Resource> {
    const links = Links.of(request, id);
    const described: readonly ConfigDescription[] =
      all.length === 0 ? [] : await engine.administration.describeConfigs(all.map((one) => one.resource));
    return listOf(
      kind,
      links.to(...path),
      described.flatMap(({ entries }, i) => entries.map((entry) => configResource(links, id, all[i]!.place, entry))),
    );
  }

  /** @throws 404 for a name nobody knows. */
  async get(request: FastifyRequest, settings: Settings, name: string): Promise<Resource> {
    const entry = (await entriesOf(settings)).find((one) => one.name === name);
    if (entry === undefined) throw nothingHere();
    return configResource(Links.of(request, settings.cluster.id), settings.cluster.id, settings.place, entry);
  }

  async set(settings: Settings, name: string, body: unknown): Promise<void> {
    const value = configValueOf(body);
    await this.#demandKnown(settings, name);
    if (value === null) throw refusal(40_002, `Null value not supported for : ${name}`);
    await alter(settings, new Map([[name, value]]));
  }

  async reset(settings: Settings, name: string): Promise<void> {
    await this.#demandKnown(settings, name);
    await alter(settings, new Map([[name, undefined]]));
  }

  /** All of it or nothing. */
  async alter(settings: Settings, body: unknown): Promise<void> {
    const { changes, validateOnly } = alterationOf(body);
    const known = await knownNames(settings);
    for (const [name, value] of changes) {
      if (!known.has(name)) throw nothingHere();
      if (value === null) throw refusal(40_002, `Null value not supported for : ${name}`);
    }
    if (changes.size > 0) await alter(settings, changes, validateOnly);
  }

  async #demandKnown(settings: Settings, name: string): Promise<void> {
    if ((await knownNames(settings)).has(name)) return;
    throw refusal(404, `Config ${name} cannot be found for ${settings.words} in cluster ${settings.cluster.id}.`);
  }
}

function ofTopic(cluster: NamedCluster, { logical, physical }: ResolvedTopic): Settings {
  return {
    cluster,
    resource: { kind: 'topic', topic: physical },
    place: topicConfigs(logical),
    words: `TOPIC ${logical}`,
  };
}

function brokerSettings(cluster: NamedCluster, broker: number): Settings {
  return { cluster, resource: { kind: 'broker', broker }, place: brokerConfigs(broker), words: `BROKER ${broker}` };
}

/** By name. Of all brokers together only what was set for them is a setting. */
async function entriesOf({ cluster, resource }: Settings): Promise<readonly ConfigEntry[]> {
  const [described] = await cluster.engine.administration.describeConfigs([resource]);
  const entries = described?.entries ?? [];
  return resource.kind === 'all-brokers'
    ? entries.filter(({ source }) => source === 'DYNAMIC_DEFAULT_BROKER_CONFIG')
    : entries;
}

/** Names that can be altered. What can be set for all brokers is what one of them knows: the reference takes any name there, and keeps it. */
async function knownNames(settings: Settings): Promise<ReadonlySet<string>> {
  if (settings.resource.kind !== 'all-brokers') return new Set((await entriesOf(settings)).map((entry) => entry.name));
  const [first] = (await settings.cluster.engine.administration.describeCluster()).brokers;
  if (first === undefined) return new Set();
  const entries = await entriesOf(brokerSettings(settings.cluster, first.id));
  return new Set(entries.map((entry) => entry.name));
}

async function alter(
  { cluster, resource }: Settings,
  changes: Alteration['changes'],
  validateOnly = false,
): Promise<void> {
  const wanted = Object.fromEntries([...changes].map(([name, value]) => [name, value ?? null]));
  await cluster.engine.administration.alterConfig(resource, wanted, { validateOnly });
}
