import { type AppError, nearest } from '#libs/core/kernel';
import {
  CONFIG_TYPES,
  type ConfigDescription,
  type ConfigEntry,
  type ConfigResource,
  type ConfigSource,
  type ConfigType,
  logErrors,
} from '#libs/core/log';
import * as api from './client.js';
import { CODE, expectNone } from './error-codes.js';
import type { KafkaCluster } from './kafka-cluster.js';

/** Values of ConfigResource.Type. */
const RESOURCE_TYPES = { topic: 2, broker: 4, 'all-brokers': 4 } as const;
/** Operations of IncrementalAlterConfigs. */
const SET = 0;
const DELETE = 1;
/** How long the brokers may take to do what the controller has decided. */
const FOLLOW_FOR_MS = 10_000;

/** ConfigSource and ConfigType of the protocol, by number. */
const SOURCES: readonly ConfigSource[] = [
  'UNKNOWN',
  'DYNAMIC_TOPIC_CONFIG',
  'DYNAMIC_BROKER_CONFIG',
  'DYNAMIC_DEFAULT_BROKER_CONFIG',
  'STATIC_BROKER_CONFIG',
  'DEFAULT_CONFIG',
  'DYNAMIC_BROKER_LOGGER_CONFIG',
  'DYNAMIC_CLIENT_METRICS_CONFIG',
  'DYNAMIC_GROUP_CONFIG',
];
const TYPES: readonly ConfigType[] = ['UNKNOWN', ...CONFIG_TYPES];

/** The source that means: set on this resource itself. */
const OWN_SOURCE = {
  topic: 'DYNAMIC_TOPIC_CONFIG',
  broker: 'DYNAMIC_BROKER_CONFIG',
  'all-brokers': 'DYNAMIC_DEFAULT_BROKER_CONFIG',
} as const satisfies Record<ConfigResource['kind'], ConfigSource>;

type ConfigChanges = Readonly<Record<string, string | null>>;

/** Settings of topics and brokers, as the brokers tell and take them. */
export class ConfigAdmin {
  readonly #cluster: KafkaCluster;

  constructor(cluster: KafkaCluster) {
    this.#cluster = cluster;
  }

  /** In the order asked for. @throws `topic-not-found`, `broker-not-found`. */
  async describe(resources: readonly ConfigResource[]): Promise<readonly ConfigDescription[]> {
    return await this.#cluster.persist(async () => {
      await this.#checkBrokers(resources);
      // A broker tells its own settings only, any broker tells those of topics and of all brokers.
      const byNode = new Map<number | undefined, ConfigResource[]>();
      for (const resource of resources) {
        const node = resource.kind === 'broker' ? resource.broker : undefined;
        const ofNode = byNode.get(node);
        if (ofNode === undefined) byNode.set(node, [resource]);
        else ofNode.push(resource);
      }
      const described = new Map<string, readonly ConfigEntry[]>();
      for (const [node, ofNode] of byNode) {
        for (const [key, entries] of await this.#ask(ofNode, node)) described.set(key, entries);
      }
      return resources.map((resource) => ({ resource, entries: described.get(keyOf(resource)) ?? [] }));
    });
  }

  /** Resolves when the brokers concerned show the change. @throws `topic-not-found`, `broker-not-found`, `invalid-topic-config`, `invalid-broker-config`. */
  async alterBroker(
    resource: Exclude<ConfigResource, { kind: 'topic' }>,
    changes: ConfigChanges,
    validateOnly: boolean,
  ): Promise<void> {
    await this.#checkBrokerSettings(resource, changes);
    await this.send(resource, changes, validateOnly);
    if (!validateOnly) {
      const nodes = resource.kind === 'broker' ? [resource.broker] : this.#cluster.nodes();
      await this.untilFollowed(nodes, resource, changes);
    }
  }

  /** Has the controller judge and, unless told otherwise, make a change. */
  async send(resource: ConfigResource, changes: ConfigChanges, validateOnly: boolean): Promise<void> {
    const entries = Object.entries(changes);
    if (entries.length === 0) return;
    const what = `IncrementalAlterConfigs of ${keyOf(resource)}`;
    const configs = entries.map(([name, value]) =>
      value === null ? { name, configOperation: DELETE as 1 } : { name, configOperation: SET as 0, value },
    );
    const asked = { resourceType: RESOURCE_TYPES[resource.kind], resourceName: nameOf(resource), configs };
    await this.#cluster.persist(async () => {
      const { incrementalAlterConfigs } = api;
      // What a broker would make of its own settings it judges itself.
      const answer = await (resource.kind === 'broker'
        ? this.#cluster.call(resource.broker, 'admin', what, incrementalAlterConfigs, [asked], validateOnly)
        : this.#cluster.callAny(what, incrementalAlterConfigs, [asked], validateOnly));
      const [result] = answer.responses;
      if (result !== undefined && REFUSALS.has(result.errorCode)) {
        const rule = `is refused by the brokers: ${result.errorMessage ?? 'no reason given'}`;
        throw resource.kind === 'topic'
          ? logErrors.invalidTopicConfig(entries[0]![0], rule)
          : logErrors.invalidBrokerConfig(entries[0]![0], rule);
      }
      if (result !== undefined) expectNone(what, result.errorCode, result.errorMessage);
    });
  }

  /**
   * Brokers follow the controller a moment later; what a caller is told must be what they act upon. Not for ever: somebody else may have changed the same
   * settings again.
   */
  async untilFollowed(nodes: Iterable<number>, resource: ConfigResource, changes: ConfigChanges): Promise<void> {
    const { clock } = this.#cluster;
    const until = clock.monotonic() + FOLLOW_FOR_MS;
    const own = OWN_SOURCE[resource.kind];
    for (const node of new Set(nodes)) {
      for (; node >= 0 && clock.monotonic() < until; await this.#cluster.pause(10)) {
        const [found] = await this.#cluster.persist(() => this.#ask([resource], node));
        const set = new Map(found?.[1].filter((one) => one.source === own).map((one) => [one.name, one]));
        const shown = Object.entries(changes).every(([name, value]) => {
          const entry = set.get(name);
          return entry?.sensitive === true ? value !== null : isSameValue(entry?.value ?? undefined, value);
        });
        if (shown) break;
      }
    }
  }

  async #checkBrokers(resources: readonly ConfigResource[]): Promise<void> {
    const brokers = resources.flatMap((one) => (one.kind === 'broker' ? [one.broker] : []));
    if (brokers.length === 0) return;
    await this.#cluster.askLayouts([]);
    const known = this.#cluster.nodes();
    for (const broker of brokers) if (!known.includes(broker)) throw logErrors.brokerNotFound(broker, known);
  }

  /** The controller takes any name for a broker's setting, and any value of one it does not know; here a mistake is told. */
  async #checkBrokerSettings(
    resource: Exclude<ConfigResource, { kind: 'topic' }>,
    changes: ConfigChanges,
  ): Promise<void> {
    const broker = resource.kind === 'broker' ? resource.broker : this.#cluster.nodes()[0];
    const [described] = broker === undefined ? [] : await this.describe([{ kind: 'broker', broker }]);
    const known = new Map(described?.entries.map((one) => [one.name, one]));
    for (const name of Object.keys(changes)) {
      if (isUnlisted(name)) continue;
      const entry = known.get(name);
      if (entry === undefined) throw unknownSetting(name, [...known.keys()]);
      if (entry.readOnly) throw logErrors.invalidBrokerConfig(name, 'can only be changed in the file of the broker');
    }
  }

  /** @throws `topic-not-found`. */
  async #ask(
    resources: readonly ConfigResource[],
    node: number | undefined,
  ): Promise<readonly (readonly [key: string, entries: readonly ConfigEntry[]])[]> {
    const asked = resources.map((one) => ({
      resourceType: RESOURCE_TYPES[one.kind],
      resourceName: nameOf(one),
      configurationKeys: null,
    }));
    const ask = [api.describeConfigs, asked, true, true] as const;
    const answer = await (node === undefined
      ? this.#cluster.callAny('DescribeConfigs', ...ask)
      : this.#cluster.call(node, 'admin', 'DescribeConfigs', ...ask));
    return answer.results.map(({ resourceType, resourceName, errorCode, errorMessage, configs }) => {
      const isTopic = resourceType === RESOURCE_TYPES.topic;
      const unknown = errorCode === CODE.UNKNOWN_TOPIC_OR_PARTITION || errorCode === CODE.INVALID_TOPIC;
      if (isTopic && unknown) throw logErrors.topicNotFound(resourceName);
      expectNone(`DescribeConfigs of ${resourceName}`, errorCode, errorMessage);
      const entries = configs.map(entryOf).sort((a, b) => (a.name < b.name ? -1 : 1));
      return [`${isTopic ? 'topic' : 'broker'} ${resourceName}`, entries] as const;
    });
  }
}

const REFUSALS: ReadonlySet<number> = new Set([CODE.INVALID_CONFIG, CODE.INVALID_REQUEST, CODE.POLICY_VIOLATION]);

type BrokerConfig = Awaited<ReturnType<typeof api.describeConfigs.async>>['results'][number]['configs'][number];

function entryOf(config: BrokerConfig): ConfigEntry {
  const { name, readOnly, isSensitive } = config;
  const value = config.value ?? null;
  const source = SOURCES[config.configSource] ?? 'UNKNOWN';
  const synonyms = config.synonyms.map((one) => ({
    name: one.name,
    value: one.value ?? null,
    source: SOURCES[one.source] ?? ('UNKNOWN' as const),
  }));
  const isDefault = source === 'DEFAULT_CONFIG';
  return {
    name,
    value,
    default: synonyms.find((one) => one.source === 'DEFAULT_CONFIG')?.value ?? (isDefault ? value : null),
    source,
    isDefault,
    readOnly,
    sensitive: isSensitive,
    type: TYPES[config.configType] ?? 'UNKNOWN',
    documentation: config.documentation ?? null,
    synonyms,
  };
}

function nameOf(resource: ConfigResource): string {
  switch (resource.kind) {
    case 'topic':
      return resource.topic;
    case 'broker':
      return String(resource.broker);
    case 'all-brokers':
      return '';
  }
}

const keyOf = (resource: ConfigResource): string =>
  `${resource.kind === 'topic' ? 'topic' : 'broker'} ${nameOf(resource)}`;

/** Settings a broker takes although it does not list them while they are not set, and calls them read-only then: of listeners, and the limits of replication. */
function isUnlisted(name: string): boolean {
  return UNLISTED.has(name) || name.startsWith('listener.name.');
}

const UNLISTED: ReadonlySet<string> = new Set([
  'leader.replication.throttled.rate',
  'follower.replication.throttled.rate',
  'replica.alter.log.dirs.io.max.bytes.per.second',
]);

function unknownSetting(name: string, known: readonly string[]): AppError {
  const close = nearest(name, known);
  return logErrors.invalidBrokerConfig(
    name,
    close === undefined ? 'is not known' : `is not known; did you mean '${close}'?`,
  );
}

/** Whether a broker shows the value that was set. It writes some in its own way: `0.50` as `0.5`, lists without spaces. */
function isSameValue(shown: string | undefined, set: string | null): boolean {
  if (shown === undefined || set === null) return shown === undefined && set === null;
  const list = (text: string): string =>
    text
      .split(',')
      .map((part) => part.trim())
      .join();
  return list(shown) === list(set) || (set.trim() !== '' && Number(shown) === Number(set));
}
