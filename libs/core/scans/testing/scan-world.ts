import { AppError, type JsonObject } from '#libs/core/kernel';
import { Clusters, encodeBatch, TopicDirectories, type LogEngine, type LogRecord } from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames, WallClock } from '#libs/core/log/testing';
import { isTerminal, operationNotFound, type OperationRun, type Phase, type PlanDraft } from '#libs/core/operations';
import { Registry, RegistryMessageCodec } from '#libs/core/registry';
import { MemoryRegistryStore } from '#libs/core/registry/testing';
import { envelope, guidHeader, LocalSchemaEngine, standardFormats, VALUE_SCHEMA_HEADER } from '#libs/core/schema';
import { ReplayHandler } from '../replay/replay-handler.js';
import { SchemaReplays } from '../replay/schema-replays.js';
import { TopicSamples } from '../samples/topic-samples.js';
import type { ScanHandler } from '../scan-handler.js';
import { ScanLifetime } from '../scan-lifetime.js';
import { IdUsages } from '../usage/id-usages.js';
import { SchemaUsages, type CensusLimits, type SchemaUsageTools } from '../usage/schema-usages.js';
import { UsageHandler } from '../usage/usage-handler.js';
import { MemoryScanStore } from './memory-scan-store.js';

/** The clusters of a service that has one or several logs in memory. */
export class MemoryClusters extends Clusters {
  readonly defaultName = 'local';

  constructor(private readonly logs: ReadonlyMap<string, LogEngine>) {
    super();
  }

  get(name: string): LogEngine {
    const log = this.logs.get(name);
    if (log !== undefined) return log;
    throw new AppError({ kind: 'not-found', code: 'cluster-not-found', message: `There is no cluster '${name}'.` });
  }

  names(): readonly string[] {
    return [...this.logs.keys()];
  }
}

interface StartedScan {
  readonly handler: ScanHandler;
  readonly plan: PlanDraft;
  phase: Phase;
  notes: JsonObject;
  endedAt: number | null;
}

/** Thrown where a process of a test dies. */
class Died extends Error {}

/** A registry and a log in memory, with the scans over them; what would be in databases outlives its processes. */
export class ScanWorld {
  readonly clock = new WallClock();
  readonly log = new MemoryLogEngine();
  readonly store = new MemoryRegistryStore();
  readonly schemas = new LocalSchemaEngine(standardFormats());
  readonly registry = new Registry(this.store, this.schemas, this.clock);
  readonly scans = new MemoryScanStore();
  lifetime = new ScanLifetime(this.clock, 0);
  readonly clusters: Clusters;
  readonly tuning = { saveEveryMs: 0, fetchBytes: 64 * 1024 };
  readonly #started = new Map<string, StartedScan>();
  readonly directories: TopicDirectories;
  consumers: Awaited<ReturnType<SchemaUsageTools['consumersOf']>> = [];
  /** Derivations that write values with a version, by `subject@version`. */
  readonly derived = new Map<string, number>();

  constructor(more: Readonly<Record<string, LogEngine>> = {}) {
    this.clusters = new MemoryClusters(new Map(Object.entries({ local: this.log, ...more })));
    this.directories = new TopicDirectories(this.clusters, new MemoryTopicNames(), this.clock);
  }

  readonly #derivedWith: SchemaUsageTools['derivedWith'] = async (subject, version) =>
    this.derived.get(`${subject}@${version}`) ?? 0;

  /** @param clusters of the instance that is asked. */
  usages(limits?: CensusLimits, clusters = this.clusters): SchemaUsages {
    const { registry, store, schemas: engine, scans, clock, lifetime } = this;
    const operations = this.#operations();
    const consumersOf: SchemaUsageTools['consumersOf'] = async (cluster, topic) =>
      this.consumers.filter((one) => one.cluster === cluster && one.topic === topic);
    const derivedWith = this.#derivedWith;
    const tools = { registry, store, engine, clusters, scans, operations, clock, lifetime, consumersOf, derivedWith };
    return new SchemaUsages(tools, limits);
  }

  idUsages(limits?: CensusLimits): IdUsages {
    const { registry, store, schemas: engine, clock } = this;
    const consumersOf: SchemaUsageTools['consumersOf'] = async () => this.consumers;
    return new IdUsages(
      { registry, store, engine, clock, consumersOf, derivedWith: this.#derivedWith },
      this.usages(limits),
    );
  }

  usageHandler(): UsageHandler {
    return new UsageHandler(this);
  }

  replayHandler(): ReplayHandler {
    return new ReplayHandler({ ...this, engine: this.schemas });
  }

  replays(): SchemaReplays {
    return new SchemaReplays(this.scans, this.#operations(), this.clock, this.lifetime);
  }

  samples(): TopicSamples {
    return new TopicSamples({ ...this, codec: new RegistryMessageCodec(this.registry) });
  }

  async append(topic: string, partition: number, records: readonly LogRecord[]): Promise<void> {
    if (records.length > 0) await this.log.append({ topic, partition }, encodeBatch(records));
  }

  /** Makes the operation of a plan, as the engine would. @returns its id. */
  async start(handler: ScanHandler, request: JsonObject): Promise<string> {
    const id = `op_${String(this.#started.size + 1).padStart(26, '0')}`;
    this.#started.set(id, { handler, plan: await handler.plan(request), phase: 'PREPARING', notes: {}, endedAt: null });
    return id;
  }

  /**
   * Runs an operation to its end, or until the process that runs it dies.
   * @param livesFor fetches that the process lives to see; for ever when not given. @param signal of a pause. @returns whether the operation is over.
   */
  async run(
    id: string,
    handler: ScanHandler,
    livesFor = Infinity,
    signal = new AbortController().signal,
  ): Promise<boolean> {
    const scan = this.#scan(id);
    let left = livesFor;
    const run: OperationRun = {
      operationId: id,
      parameters: scan.plan.parameters,
      get notes() {
        return scan.notes;
      },
      signal,
      report: () => undefined,
      pace: async () => {
        if (left-- <= 0) throw new Died();
      },
      event: async () => undefined,
      note: async (notes) => void (scan.notes = { ...scan.notes, ...notes }),
      stepShare: 1,
      cutoverRequested: () => Promise.resolve(),
    };
    try {
      while (!isTerminal(scan.phase)) {
        const { next, notes } = await handler.phases[scan.phase]!(run);
        scan.phase = next;
        scan.notes = { ...scan.notes, ...notes };
      }
      scan.endedAt = this.clock.now();
      return true;
    } catch (error) {
      if (error instanceof Died) return false;
      throw error;
    }
  }

  /** Cancels an operation that nobody works on, as the engine would. */
  async cancel(id: string, handler: ScanHandler): Promise<void> {
    const { parameters } = this.#scan(id).plan;
    await handler.cancel({ operationId: id, parameters } as OperationRun);
  }

  #operations(): SchemaUsageTools['operations'] {
    return {
      status: async (id) => {
        const { handler, phase, endedAt } = this.#scan(id);
        return { kind: handler.kind, phase, endedAt, planHash: id } as never;
      },
      planOf: async (hash) => this.#scan(hash).plan as never,
    };
  }

  #scan(id: string): StartedScan {
    const scan = this.#started.get(id);
    if (scan === undefined) throw operationNotFound(id);
    return scan;
  }
}

/** A record whose value names a schema by the id in front. */
export function namedById(id: number, payload: string | Uint8Array = 'x', key: Uint8Array | null = null): LogRecord {
  return { key, value: envelope(id, Buffer.from(payload)), headers: [], timestamp: -1 };
}

/** A record whose value names a schema by its GUID, in a header. */
export function namedByGuid(guid: string, payload: string | Uint8Array = 'x'): LogRecord {
  const headers = [{ key: VALUE_SCHEMA_HEADER, value: guidHeader(guid) }];
  return { key: null, value: Buffer.from(payload), headers, timestamp: -1 };
}
