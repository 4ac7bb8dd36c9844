import { type AppError, type Clock, isAppError, linkSignals } from '#libs/core/kernel';
import { logErrors, type PartitionRef } from '#libs/core/log';
import { BrokerLink, connectionOptions, type KafkaCall } from './broker-link.js';
import { BrokerVersions } from './broker-versions.js';
import * as api from './client.js';
import type { ConnectionOptions } from './client.js';
import {
  asAppError,
  clusterUnavailable,
  clusterUnsupported,
  CODE,
  expectNone,
  isPassing,
  KafkaRefusal,
  KafkaSilence,
} from './error-codes.js';
import { type BrokerAddress, KAFKA_LOG_SETTINGS, type KafkaLogOptions, type KafkaLogSettings } from './options.js';

/** A topic as the brokers describe it to clients. */
export interface TopicLayout {
  readonly name: string;
  readonly id: string;
  /** Leader's node by partition; −1 while there is none. */
  readonly leaders: readonly number[];
}

export type CoordinatorKind = 'group' | 'transaction';

/** Longest pause between two attempts. */
const MAX_PAUSE_MS = 200;

/** What a link has of its own. */
export interface LinkTraits {
  /** Name the broker shows for it, `weir-<cluster>` unless given. */
  readonly clientId?: string;
  /** Longest time for one answer, that of the settings unless given. */
  readonly requestTimeoutMs?: number;
}

/** How long a call may go on being repeated. */
export interface Patience {
  /** Default `retryForMs` of the settings. */
  readonly forMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * The brokers of one cluster: who they are, who leads what, links to them, and repetition of what fails in passing.
 */
export class KafkaCluster {
  readonly settings: KafkaLogSettings;
  readonly clock: Clock;
  readonly #connection: ConnectionOptions;
  readonly #links = new Map<string, BrokerLink>();
  readonly #brokers = new Map<number, BrokerAddress>();
  readonly #layouts = new Map<string, { readonly layout: TopicLayout; readonly at: number }>();
  readonly #coordinators = new Map<string, number>();
  readonly #closing = new AbortController();
  readonly #versions = new BrokerVersions();
  #clusterId = '';
  #purposes = 0;

  private constructor(readonly options: KafkaLogOptions) {
    this.settings = { ...KAFKA_LOG_SETTINGS, ...options.settings };
    this.clock = options.clock;
    this.#connection = connectionOptions(options, this.settings);
  }

  /** @throws `cluster-unavailable`, `cluster-unsupported`, `cluster-access-denied`. */
  static async connect(options: KafkaLogOptions): Promise<KafkaCluster> {
    const cluster = new KafkaCluster(options);
    try {
      await cluster.#learn();
      return cluster;
    } catch (error) {
      cluster.close();
      throw asAppError(options.name, error);
    }
  }

  get name(): string {
    return this.options.name;
  }

  get clusterId(): string {
    return this.#clusterId;
  }

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Nodes known now. */
  nodes(): readonly number[] {
    return [...this.#brokers.keys()];
  }

  /** Whether the brokers offer a request that this adapter can do without. */
  supports(request: { readonly key: number; readonly version: number }): boolean {
    return this.#versions.supports(request);
  }

  /** What the brokers agreed on as `transaction.version` when they were last asked; 0 where they know nothing of it. */
  get transactionVersion(): number {
    return this.#versions.transactionVersion;
  }

  /** Whether a transaction that begins now is one of the second protocol: its producer's epoch ends with it. */
  get endsEpochs(): boolean {
    return this.settings.transactionProtocol === 'agreed' && this.#versions.haveSecondProtocol;
  }

  /** Asks the brokers what they serve and what they have agreed on. @throws {KafkaRefusal | KafkaSilence} */
  async askVersions(): Promise<void> {
    this.#versions.note(await this.callAny('ApiVersions', api.apiVersions, 'weir', '1'));
  }

  /** Sends a request to a node over the link of this purpose, made when there is none. Error codes are in the answer. */
  async call<Args extends unknown[], Answer>(
    node: number,
    purpose: string,
    what: string,
    call: KafkaCall<Args, Answer>,
    ...args: Args
  ): Promise<Answer> {
    return await this.link(node, purpose).call(what, call, ...args);
  }

  /**
   * Sends a request to any node that can be reached. One that was reached and stayed silent may have acted, so another is not asked in its place; it is
   * asked last from then on.
   */
  async callAny<Args extends unknown[], Answer>(
    what: string,
    call: KafkaCall<Args, Answer>,
    ...args: Args
  ): Promise<Answer> {
    let last: unknown = new Error('no broker is known');
    for (const node of this.nodes()) {
      try {
        return await this.call(node, 'any', what, call, ...args);
      } catch (error) {
        if (!(error instanceof KafkaSilence) || this.closed) throw error;
        this.#demote(node);
        if (error.sent) throw error;
        last = error;
      }
    }
    // Every broker known may have been replaced since: start over from the configured ones.
    if (!this.closed) await this.#learn();
    throw new KafkaSilence(what, false, last);
  }

  /** The link to a node for a purpose. Purposes keep requests apart that must not wait for each other. `as`: what is particular to this purpose. */
  link(node: number, purpose: string, as: LinkTraits = {}): BrokerLink {
    if (this.closed) throw logErrors.logClosed();
    const key = `${node}/${purpose}`;
    const known = this.#links.get(key);
    if (known !== undefined && !known.broken) return known;
    const address = this.#brokers.get(node);
    if (address === undefined) throw new KafkaSilence(`broker ${node}`, false, new Error('the broker is not known'));
    const link = this.#linkTo(address, as);
    this.#links.set(key, link);
    return link;
  }

  /** A purpose that nobody else has. */
  newPurpose(kind: string): string {
    return `${kind}${++this.#purposes}`;
  }

  /** Ends the links of a purpose; calls under way on them fail. */
  release(purpose: string): void {
    for (const [key, link] of this.#links) {
      if (key.endsWith(`/${purpose}`)) {
        link.close();
        this.#links.delete(key);
      }
    }
  }

  /**
   * Repeats a step until it does not fail in passing. Other errors, and the last passing one when time is up, are thrown as they are.
   * @throws `log-closed` when the engine is closed meanwhile.
   */
  async persist<T>(step: () => Promise<T>, { forMs = this.settings.retryForMs, signal }: Patience = {}): Promise<T> {
    const until = this.clock.monotonic() + forMs;
    for (let pause = this.settings.retryPauseMs; ;) {
      if (this.closed) throw logErrors.logClosed();
      signal?.throwIfAborted();
      try {
        return await step();
      } catch (error) {
        if (this.closed && !isAppError(error)) throw logErrors.logClosed();
        if (!isPassing(error) || this.clock.monotonic() + pause > until) throw error;
        await this.pause(pause, signal);
        // Markers of the transaction before are written within milliseconds: a longer pause would only slow the writer down.
        if (!isBusyWithMarkers(error)) pause = Math.min(pause * 2, MAX_PAUSE_MS);
      }
    }
  }

  /** Sleeps, or rejects when the engine is closed. */
  async pause(ms: number, signal?: AbortSignal): Promise<void> {
    const stop = linkSignals(this.#closing.signal, ...(signal === undefined ? [] : [signal]));
    try {
      await this.clock.sleep(ms, stop.signal);
    } finally {
      stop.unlink();
    }
  }

  /**
   * Layouts of the named topics, or of all. A topic that does not exist is left out. Always asks.
   * @throws {KafkaSilence}
   */
  async askLayouts(names: readonly string[] | null): Promise<ReadonlyMap<string, TopicLayout>> {
    const answer = await this.callAny('Metadata', api.metadata, names === null ? null : [...names], false, false);
    this.#noteBrokers(answer.brokers);
    const layouts = new Map<string, TopicLayout>();
    for (const name of names ?? []) this.#layouts.delete(name);
    for (const topic of answer.topics) {
      if (topic.name === null || topic.name === undefined) continue;
      if (topic.errorCode === CODE.UNKNOWN_TOPIC_OR_PARTITION || topic.errorCode === CODE.INVALID_TOPIC) continue;
      if (topic.errorCode !== CODE.LEADER_NOT_AVAILABLE) expectNone(`Metadata of ${topic.name}`, topic.errorCode);
      const leaders: number[] = [];
      for (const one of topic.partitions) leaders[one.partitionIndex] = one.leaderId;
      if (leaders.length === 0 || leaders.includes(undefined as never)) continue;
      const layout = { name: topic.name, id: topic.topicId, leaders };
      layouts.set(topic.name, layout);
      this.#layouts.set(topic.name, { layout, at: this.clock.monotonic() });
    }
    return layouts;
  }

  /** The layout of a topic, at most `metadataMaxAgeMs` old. @throws `topic-not-found`. */
  async layoutOf(topic: string): Promise<TopicLayout> {
    const known = this.#layouts.get(topic);
    if (known !== undefined && this.clock.monotonic() - known.at <= this.settings.metadataMaxAgeMs) return known.layout;
    return await this.freshLayoutOf(topic);
  }

  /** The layout of a topic as of now. @throws `topic-not-found`. */
  async freshLayoutOf(topic: string): Promise<TopicLayout> {
    // An empty name cannot be sent; no topic has it.
    const layout = topic === '' ? undefined : (await this.persist(() => this.askLayouts([topic]))).get(topic);
    if (layout === undefined) throw logErrors.topicNotFound(topic);
    return layout;
  }

  /** The layout that has a partition; asks again before it says that it does not exist. @throws `topic-not-found`, `partition-not-found`. */
  async layoutWith({ topic, partition }: PartitionRef): Promise<TopicLayout> {
    let layout = await this.layoutOf(topic);
    if (layout.leaders[partition] === undefined) layout = await this.freshLayoutOf(topic);
    if (layout.leaders[partition] === undefined) {
      throw logErrors.partitionNotFound(topic, partition, layout.leaders.length);
    }
    return layout;
  }

  /** The node that leads a partition. @throws {KafkaRefusal} (passing) when there is none now. */
  async leaderOf(ref: PartitionRef): Promise<number> {
    const layout = await this.layoutWith(ref);
    const leader = layout.leaders[ref.partition]!;
    if (leader >= 0) return leader;
    this.forget(ref.topic);
    throw new KafkaRefusal(`leader of ${ref.topic}/${ref.partition}`, CODE.LEADER_NOT_AVAILABLE);
  }

  /** Drops what is believed of a topic, after a broker showed that it is wrong. */
  forget(topic: string): void {
    this.#layouts.delete(topic);
  }

  /** The node that coordinates a group or a transactional id. @throws {KafkaRefusal | KafkaSilence} passing, mostly. */
  async coordinatorOf(kind: CoordinatorKind, key: string): Promise<number> {
    const known = this.#coordinators.get(`${kind}/${key}`);
    if (known !== undefined) return known;
    const what = `FindCoordinator of ${kind} ${key}`;
    const answer = await this.callAny(what, api.findCoordinator, kind === 'group' ? 0 : 1, [key]);
    const [found] = answer.coordinators;
    if (found === undefined) throw new KafkaRefusal(what, CODE.COORDINATOR_NOT_AVAILABLE);
    expectNone(what, found.errorCode, found.errorMessage);
    this.#brokers.set(found.nodeId, { host: found.host, port: found.port });
    if (this.#coordinators.size >= 10_000) this.#coordinators.clear();
    this.#coordinators.set(`${kind}/${key}`, found.nodeId);
    return found.nodeId;
  }

  /**
   * Runs a step with the coordinator of a group or transactional id, repeatedly while it fails in passing; after a failure the coordinator is
   * looked up again.
   */
  async withCoordinator<T>(
    kind: CoordinatorKind,
    key: string,
    step: (node: number) => Promise<T>,
    patience?: Patience,
  ): Promise<T> {
    return await this.persist(async () => {
      const node = await this.coordinatorOf(kind, key);
      try {
        return await step(node);
      } catch (error) {
        const moved =
          error instanceof KafkaSilence ||
          (error instanceof KafkaRefusal &&
            (error.errorCode === CODE.NOT_COORDINATOR || error.errorCode === CODE.COORDINATOR_NOT_AVAILABLE));
        if (moved) this.#coordinators.delete(`${kind}/${key}`);
        throw error;
      }
    }, patience);
  }

  /** Ends everything; calls under way fail. */
  close(): void {
    if (this.closed) return;
    this.#closing.abort(logErrors.logClosed());
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  /** What a caller of the port is told about a failure. */
  failure(error: unknown): unknown {
    if (this.closed && !isAppError(error)) return logErrors.logClosed();
    return asAppError(this.name, error);
  }

  /** Learns the cluster from the configured servers: its id, brokers, versions. */
  async #learn(): Promise<void> {
    let last: unknown = clusterUnavailable(this.name, new Error('no bootstrap servers are configured'));
    for (const server of this.options.bootstrapServers) {
      const link = this.#linkTo(parseServer(server));
      try {
        this.#versions.note(await link.call('ApiVersions', api.apiVersions, 'weir', '1'));
        this.#versions.require(this.name);
        const answer = await link.call('Metadata', api.metadata, [], false, false);
        this.#requireSameCluster(answer.clusterId ?? '');
        this.#noteBrokers(answer.brokers);
        return;
      } catch (error) {
        if (isAppError(error)) throw error;
        last = error;
        this.options.logger?.warn('a bootstrap server does not answer', { cluster: this.name, server });
      } finally {
        link.close();
      }
    }
    throw last;
  }

  /** An address that now leads to another cluster must not get this one's writes. */
  #requireSameCluster(clusterId: string): void {
    if (this.#clusterId !== '' && this.#clusterId !== clusterId) {
      throw clusterUnsupported(
        this.name,
        `its servers belong to cluster ${clusterId} now, it was opened as ${this.#clusterId}`,
      );
    }
    this.#clusterId = clusterId;
  }

  #noteBrokers(brokers: readonly { nodeId: number; host: string; port: number }[]): void {
    if (brokers.length === 0) return;
    this.#brokers.clear();
    for (const { nodeId, host, port } of brokers) this.#brokers.set(nodeId, { host, port });
  }

  #demote(node: number): void {
    const address = this.#brokers.get(node);
    if (address === undefined) return;
    this.#brokers.delete(node);
    this.#brokers.set(node, address);
  }

  #linkTo(address: BrokerAddress, { clientId, requestTimeoutMs }: LinkTraits = {}): BrokerLink {
    const reached = this.options.addressOf?.(address) ?? address;
    const { requestTimeout } = this.#connection;
    const connection = { ...this.#connection, requestTimeout: requestTimeoutMs ?? requestTimeout };
    return new BrokerLink(reached, clientId ?? `weir-${this.name}`, connection);
  }
}

function isBusyWithMarkers(error: unknown): boolean {
  return error instanceof KafkaRefusal && error.errorCode === CODE.CONCURRENT_TRANSACTIONS;
}

/** @throws `cluster-unsupported` for a text that is not `host:port`. */
function parseServer(server: string): BrokerAddress {
  const match = /^(.+):([0-9]{1,5})$/.exec(server.trim());
  if (match === null) throw badServer(server);
  return { host: match[1]!.replace(/^\[(.*)\]$/, '$1'), port: Number(match[2]) };
}

const badServer = (server: string): AppError =>
  clusterUnsupported(server, `'${server}' is no address; write bootstrap servers as host:port`);
