import { randomBytes, randomUUID } from 'node:crypto';
import type { DynamicModule } from '@nestjs/common';
import { demandKnownFormat, NodeFileSystem } from '#libs/adapters/log-embedded';
import {
  openSqlStore,
  SqlAnswerStore,
  SqlChangeRequestStore,
  SqlDerivationStore,
  SqlImportStaging,
  SqlLeaseStore,
  SqlOperationStore,
  SqlRegistryStore,
  SqlScanStore,
  SqlServiceKeys,
  SqlTopicNames,
  SqlViewStore,
  type SqlStore,
} from '#libs/adapters/store-sql';
import { WorkerTransforms } from '#libs/adapters/transform-workers';
import { ChangeRequestStore } from '#libs/core/change-requests';
import { OnceByKey } from '#libs/core/idempotency';
import { Leases } from '#libs/core/groups';
import { Clock, isAppError, ServiceKeys } from '#libs/core/kernel';
import {
  Clusters,
  READ_CURSOR_KEY,
  releaseAbandonedHolds,
  TopicDirectories,
  TopicLifecycle,
  TopicNames,
  type TopicUser,
} from '#libs/core/log';
import { ImportHandler, ImportStaging, SourceRegistries } from '#libs/core/moving';
import {
  isTerminal,
  LeaseStore,
  OperationEngine,
  OperationStore,
  Supervisor,
  WriteLatency,
} from '#libs/core/operations';
import { MessageCodec, Registry, RegistryMessageCodec, RegistryStore, ServedRegistry } from '#libs/core/registry';
import { RecordWriter } from '#libs/core/records';
import {
  IdUsages,
  ReplayHandler,
  ScanLifetime,
  ScanPruning,
  SchemaReplays,
  SchemaCheckHandler,
  SchemaChecks,
  SchemaUsages,
  type TopicConsumer,
  TopicSamples,
  UsageHandler,
} from '#libs/core/scans';
import {
  Derivations,
  DerivationStore,
  FieldTypes,
  MoveHandler,
  RecordDecoder,
  type ReadersOn,
  DeriveHandler,
  ErasureHandler,
  RebuildHandler,
  MigrationHandler,
  MigrationSamples,
  operationOfMember,
  RehearsalHandler,
  RepartitionHandler,
  RowsHandler,
  TogetherHandler,
  VersionHandler,
  Views,
  ViewStore,
  ViewTables,
} from '#libs/core/streams';
import { SchemaEngine, SchemaProposals } from '#libs/core/schema';
import { GroupLagCause } from '#libs/features/operations';
import { Authorizer } from '#libs/platform/auth';
import { globalProviders } from '#libs/platform/http';
import { clusterNames, LOCAL_CLUSTER } from '#libs/platform/config';
import type { CheckResult } from '#libs/platform/observability';
import { Backups, BackupHandler, BackupVerificationHandler, RestoreHandler } from '#libs/core/backups';
import { openBackups, takerOf } from './backups.js';
import { Closers } from './closers.js';
import { ClusterConnections } from './cluster-connections.js';
import { ConfiguredClusters } from './configured-clusters.js';
import { prepareDataDirectory } from './data-directory.js';
import { DiskRoomCause } from './disk-room-cause.js';
import { openDiskSpace } from './disk-space.js';
import { groupLagMetrics } from './group-lag-metrics.js';
import { LogNames } from './log-names.js';
import { openKafka, openLocal } from './open-clusters.js';
import { operationMetrics } from './operation-metrics.js';
import { ServiceRestores } from './service-restores.js';
import { watchServed } from './registry-count.js';
import { RegistryFieldTypes } from './registry-field-types.js';
import { RegistryRecordDecoder } from './registry-record-decoder.js';
import { RegistryRecordValues } from './registry-record-values.js';
import { RegistrySchemaIds } from './registry-schema-ids.js';
import { RegistryValueMerging } from './registry-value-merging.js';
import { RegistryValueRewriting } from './registry-value-rewriting.js';
import { openSchemaEngine } from './schema-engine.js';
import { openSourceRegistries } from './source-registries.js';
import { streamMetrics } from './stream-metrics.js';
import type { ServiceParts } from './service.js';
import { openViewTables } from './view-targets.js';

/** How long a stop waits for steps of operations: with the drain before and the flush after it, a stop stays within 25 s. */
const SETTLE_MS = 5_000;

/** Everything below HTTP: adapters opened, domain objects made, nothing running yet. */
export interface Core {
  /** The domain for every feature, by class. */
  readonly module: DynamicModule;
  /** Begins the work that goes on without requests: operations, derivations, views. */
  run(): Promise<void>;
}

/** Without room the store is read on, so the service stays ready; who looks is told. */
async function storeHealth(store: SqlStore): Promise<CheckResult> {
  try {
    await store.ping();
    return { ok: true };
  } catch (error) {
    if (isAppError(error, 'storage-full'))
      return { ok: true, degraded: true, detail: 'full: nothing is added, reading goes on' };
    throw error;
  }
}

/** Opens the adapters the configuration names and makes the domain objects over them. What was opened goes to `closers`, whatever happens. */
export async function openCore(parts: ServiceParts, authorizer: Authorizer, closers: Closers): Promise<Core> {
  const { config, clock, logger, metrics, health, failPoints } = parts;
  const data = await prepareDataDirectory(config.data.dir, config.data.create, failPoints.pass);
  // An earlier release on what a later one has written goes away as it came: the database would be changed before the log could refuse.
  await demandKnownFormat(new NodeFileSystem(), data.log);
  const room = await openDiskSpace(parts, data.path);
  const store = await openSqlStore(
    config.database.url === undefined
      ? { path: data.metadata, onFatal: parts.onFatal, datasync: parts.datasync }
      : { url: config.database.url, poolSize: config.database.poolSize },
  );
  closers.add('metadata store', () => store.close());
  health.add({ name: 'metadata-store', check: () => storeHealth(store) });

  const clusters = new ConfiguredClusters(clusterNames(config), config.defaultCluster ?? clusterNames(config)[0]);
  closers.add('clusters', async () => {
    for (const name of clusters.present()) await clusters.get(name).close();
  });
  if (config.log.enabled) clusters.join(LOCAL_CLUSTER, await openLocal(parts, data.log, room));

  const keys = new SqlServiceKeys(store);
  // Made now, so that no read has to write later on; what keeps it from being made is met again by whoever needs it.
  await keys
    .key(READ_CURSOR_KEY)
    .catch((error: unknown) =>
      logger.warn({ err: error }, 'the key that signs cursors of readers could not be made yet'),
    );
  const owner = randomUUID();
  const names = new SqlTopicNames(store);
  const latency = new WriteLatency(() => clock.monotonic());
  const directories = new TopicDirectories(clusters, names, clock, (log, ms) => latency.wrote(log, ms));
  const leases = new SqlLeaseStore(store);
  // One process has the file: whatever is leased now was held by one that is dead, and need not be waited for.
  if (store.dialect === 'sqlite') await leases.expireAll();
  const groupLeases = new Leases({ directories, clock, nonce: () => randomBytes(9).toString('base64url') });
  const operationStore = new SqlOperationStore(store);
  const metadataRoom = store.dialect === 'sqlite' ? { room } : {};
  const registryStore = new SqlRegistryStore(store, {
    keepEventsMs: config.registry.eventRetentionMs,
    ...metadataRoom,
  });
  const schemas = openSchemaEngine(config.schemas, clock, metrics, closers);
  const registry = new Registry(registryStore, schemas, clock, {
    registration: config.registry.registration,
    limits: {
      comparedVersions: config.schemas.comparedVersions,
      versionsPerSubject: config.schemas.versionsPerSubject,
    },
  });
  const countServed = watchServed(parts, new ServedRegistry(registryStore, registry, clock));
  const codec = new RegistryMessageCodec(registry);
  const decoder = new RegistryRecordDecoder(codec);
  const types = new RegistryFieldTypes(registry);

  const staging = new SqlImportStaging(store, metadataRoom.room);
  const sources = await openSourceRegistries(config, clock);
  closers.add('other registries', () => sources.close());

  const scans = new SqlScanStore(store);
  const lifetime = new ScanLifetime(clock, config.operations.scanRetentionMs);
  const pruning = new ScanPruning({ scans, operations: operationStore, lifetime, clock });
  const scanTools = { clusters, scans, clock, lifetime, failPoint: failPoints.pass };

  const backups = openBackups(config, clock, failPoints.pass);
  const restores = new ServiceRestores({ ...parts, backups, store, clusters, directory: data.path });
  closers.add('restore', () => restores.decide());
  const backupTools = {
    backups,
    cut: takerOf({ store, clusters, clock, config, version: parts.version }),
    newId: () => backupId(clock),
    failPoint: failPoints.pass,
  };
  const supervisor = new Supervisor({
    clock,
    owner,
    leases,
    leaseMs: config.operations.leaseMs,
    onFailure: (name, error, restarts) =>
      logger.warn({ err: error, work: name, restarts }, 'continuous work failed and begins again'),
  });
  closers.add('continuous work', () => supervisor.close());
  const derivationStore = new SqlDerivationStore(store);
  const derivations: Derivations = new Derivations({
    store: derivationStore,
    directories,
    names,
    decoder,
    merging: new RegistryValueMerging(codec),
    rewriting: new RegistryValueRewriting(registry, schemas, codec),
    supervisor,
    clock,
    newId,
    failPoint: failPoints.pass,
  });

  const transforms = new WorkerTransforms({
    clock,
    threads: config.transforms.workers,
    heapBytes: config.transforms.workerHeapBytes,
    deadlineMs: config.transforms.deadlineMs,
    queueBytes: config.transforms.queueBytes,
  });
  closers.add('transform workers', () => transforms.close());
  const schemaIds = new RegistrySchemaIds(registry, sources);
  const migrationTools = { transforms, values: new RegistryRecordValues(codec), schemaIds, directories, clock };
  const readersOn: ReadersOn = async (...where) => [
    ...(await views.readersOn(...where)),
    ...(await derivations.readersOn(...where)),
  ];
  const engine: OperationEngine = new OperationEngine({
    store: operationStore,
    leases,
    clock,
    owner,
    handlers: [
      new TogetherHandler(
        new RepartitionHandler({
          directories,
          names,
          decoder,
          clock,
          failPoint: failPoints.pass,
          readersOn,
        }),
      ),
      new DeriveHandler({
        store: derivationStore,
        directories,
        derivations,
        newId,
        failPoint: failPoints.pass,
      }),
      new TogetherHandler(new MoveHandler({ directories, names, clock, failPoint: failPoints.pass, readersOn }), false),
      new RehearsalHandler({ ...migrationTools, failPoint: failPoints.pass }),
      new TogetherHandler(
        new MigrationHandler({ ...migrationTools, names, failPoint: failPoints.pass, readersOn }),
        false,
      ),
      new RebuildHandler({
        store: derivationStore,
        directories,
        names,
        workers: derivations.workers,
        clock,
        readersOn,
        failPoint: failPoints.pass,
      }),
      new ErasureHandler({
        store: derivationStore,
        directories,
        names,
        workers: derivations.workers,
        clock,
        readersOn,
        failPoint: failPoints.pass,
      }),
      new ImportHandler({
        staging,
        registries: sources,
        directories,
        store: registryStore,
        registry,
        engine: schemas,
        clock,
        newId,
        failPoint: failPoints.pass,
      }),
      new BackupHandler(backupTools),
      new BackupVerificationHandler(backupTools),
      new RestoreHandler(restores, failPoints.pass),
      new UsageHandler(scanTools),
      new SchemaCheckHandler({ registry, scans, clock, lifetime, failPoint: failPoints.pass }),
      new ReplayHandler({ ...scanTools, directories, registry, engine: schemas }),
    ],
    random: (bytes) => randomBytes(bytes),
    maxConcurrent: config.operations.maxConcurrent,
    leaseMs: config.operations.leaseMs,
    rollbackWindowMs: config.operations.rollbackWindowMs,
    requiresApproval: ({ kind }) => {
      const { approval } = config.operations;
      return approval === 'all' || (approval === 'destructive' && engine.destroys(kind));
    },
    causes: [new GroupLagCause(directories, clock), new DiskRoomCause(room, LOCAL_CLUSTER)],
    latency,
    settleMs: SETTLE_MS,
    failPoint: failPoints.pass,
    observer: operationMetrics(metrics, logger, () => engine.counts()),
  });
  closers.add('operations', () => engine.close());

  const { idempotencyWindowMs, idempotencyKeys } = config.records;
  const recordWriter = new RecordWriter({
    directories,
    decoder,
    derivations,
    clock,
    random: Math.random,
    idempotencyWindowMs,
    idempotencyKeys,
  });

  const tables = await openViewTables(config, data.views, room, logger);
  closers.add('view tables', () => tables.close());
  const viewStore = new SqlViewStore(store);
  const views: Views = new Views({
    store: viewStore,
    tables,
    directories,
    names,
    decoder,
    types,
    transforms,
    supervisor,
    clock,
    newId,
    failPoint: failPoints.pass,
  });

  engine.register(
    new VersionHandler({
      views,
      store: viewStore,
      tables,
      directories,
      types,
      transforms,
      clock,
      newId,
      failPoint: failPoints.pass,
    }),
  );

  engine.register(
    new RowsHandler({
      views,
      store: viewStore,
      tables,
      directories,
      decoder,
      transforms,
      clock,
      newId,
      failPoint: failPoints.pass,
    }),
  );

  const consumersOf = async (cluster: string, topic: string): Promise<TopicConsumer[]> => [
    ...(await views.over(cluster, topic)).map((name) => ({ kind: 'view' as const, name, cluster, topic })),
    ...(await derivations.over(cluster, topic)).map((name) => ({ kind: 'derivation' as const, name, cluster, topic })),
  ];
  const lifecycle = new TopicLifecycle({
    directories,
    names,
    clock,
    deletedRetentionMs: config.topics.deletedRetentionMs,
    use: {
      usersOf: async (cluster, topic): Promise<TopicUser[]> => [
        ...(await consumersOf(cluster, topic)),
        ...((await derivations.writes(cluster, topic)) ? [{ kind: 'derivation' as const, name: topic }] : []),
      ],
      operationOn: async (cluster, topic) => {
        for (const at of await directories.operatedIn(cluster, topic)) {
          const live = await operationStore.liveOn(`topic:${at}/${topic}`);
          if (live !== undefined) return live;
        }
        return undefined;
      },
    },
    failPoint: failPoints.pass,
  });

  const usageTools = {
    registry,
    store: registryStore,
    engine: schemas,
    clusters,
    scans,
    operations: engine,
    clock,
    lifetime,
    consumersOf,
    derivedWith: (subject: string, version: number) => derivations.writtenWith(subject, version),
  };
  const usages = new SchemaUsages(usageTools);

  streamMetrics(metrics, config.metrics.topicLabels, { directories, views, derivations });
  groupLagMetrics(metrics, config.metrics.topicLabels, directories, clock);

  const isLive = async (id: string): Promise<boolean> => {
    const operation = await operationStore.operation(operationOfMember(id));
    return operation !== undefined && !isTerminal(operation.phase);
  };
  const logNames = new LogNames(names, lifecycle, logger);
  /** What a cluster needs that is there, before it is worked in; from then on it is kept. */
  const prepare = async (cluster: string): Promise<void> => {
    const log = clusters.get(cluster);
    await logNames.adopt(cluster, log);
    await releaseAbandonedHolds(log, isLive);
    const work = `deleted topics of ${log.logId}`;
    if (supervisor.status(work) === undefined) supervisor.run(work, (signal) => lifecycle.keep(cluster, signal));
  };
  const remote = new Map([...config.clusters].map(([name, one]) => [name, () => openKafka(parts, name, one)] as const));
  const connections = new ClusterConnections(remote, {
    ...{ clusters, clock, logger, health, metrics, prepare },
    restore: (log) => logNames.restore(log),
  });
  closers.add('connections to clusters', () => connections.close());
  return {
    module: globalProviders([
      { provide: Clock, useValue: clock },
      { provide: ServiceKeys, useValue: keys },
      { provide: Authorizer, useValue: authorizer },
      { provide: Clusters, useValue: clusters },
      { provide: TopicNames, useValue: names },
      { provide: TopicDirectories, useValue: directories },
      { provide: TopicLifecycle, useValue: lifecycle },
      { provide: Leases, useValue: groupLeases },
      { provide: LeaseStore, useValue: leases },
      { provide: OperationStore, useValue: operationStore },
      { provide: OperationEngine, useValue: engine },
      { provide: Supervisor, useValue: supervisor },
      {
        provide: OnceByKey,
        useValue: new OnceByKey(new SqlAnswerStore(store), clock, () => randomBytes(16).toString('hex')),
      },
      { provide: ChangeRequestStore, useValue: new SqlChangeRequestStore(store) },
      { provide: RegistryStore, useValue: registryStore },
      { provide: ImportStaging, useValue: staging },
      { provide: SourceRegistries, useValue: sources },
      { provide: Backups, useValue: backups },
      { provide: SchemaEngine, useValue: schemas },
      { provide: Registry, useValue: registry },
      { provide: SchemaUsages, useValue: usages },
      { provide: IdUsages, useValue: new IdUsages(usageTools, usages) },
      { provide: SchemaChecks, useValue: new SchemaChecks({ registry, scans, operations: engine, lifetime }) },
      { provide: SchemaReplays, useValue: new SchemaReplays(scans, engine, clock, lifetime) },
      { provide: TopicSamples, useValue: new TopicSamples({ directories, codec, clock }) },
      { provide: MigrationSamples, useValue: new MigrationSamples(migrationTools) },
      { provide: SchemaProposals, useValue: new SchemaProposals(schemas, clock) },
      { provide: MessageCodec, useValue: codec },
      { provide: RecordWriter, useValue: recordWriter },
      { provide: RecordDecoder, useValue: decoder },
      { provide: FieldTypes, useValue: types },
      { provide: DerivationStore, useValue: derivationStore },
      { provide: Derivations, useValue: derivations },
      { provide: ViewStore, useValue: viewStore },
      { provide: ViewTables, useValue: tables },
      { provide: Views, useValue: views },
    ]),
    run: async () => {
      await backups.sweep();
      for (const name of clusters.present()) {
        await logNames.restore(clusters.get(name));
        await prepare(name);
      }
      await connections.begin();
      supervisor.run('room on the disk', (signal) => room.run(signal), { leased: false });
      supervisor.run('registry search index', (signal) => registry.search.indexOlder(signal));
      supervisor.run('count of what the registry serves', countServed, { leased: false });
      supervisor.run('end of scan results', (signal) => pruning.run(signal));
      engine.open();
      await derivations.start();
      supervisor.run('derivations of other instances', (signal) => derivations.keep(signal), { leased: false });
      await views.start();
      supervisor.run('views of other instances', (signal) => views.keep(signal), { leased: false });
      connections.keep(supervisor, async (cluster) => {
        await derivations.takeUp(cluster);
        await views.workers.reconcile();
      });
    },
  };
}

/** A fresh id for derivations and views. */
function newId(): string {
  return randomBytes(10).toString('hex');
}

/** A fresh id for backups, which sorts by time. */
function backupId(clock: Clock): string {
  return `${new Date(clock.now()).toISOString().slice(0, 19).replace(/\D/g, '')}-${randomBytes(4).toString('hex')}`;
}
