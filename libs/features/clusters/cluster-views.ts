import type { AppError } from '#libs/core/kernel';
import type { ClusterDescription, ConfigDescription, LogDirectory, LogEngine, PartitionReplicas } from '#libs/core/log';
import type { BrokerView, ClusterDescriptionView, ClusterView, ConfigList, DirectoryView } from './cluster-schemas.js';

/** A configured cluster and what its engine can do. */
export function clusterOf(name: string, isDefault: boolean, engine: LogEngine): ClusterView {
  const { engine: kind, topicConfigs, ...rest } = engine.capabilities;
  return {
    name,
    default: isDefault,
    logId: engine.logId,
    engine: kind,
    capabilities: { ...rest, topicConfigs: [...topicConfigs] },
  };
}

/** The same with what the cluster says of itself. */
export function descriptionOf(view: ClusterView, cluster: ClusterDescription): ClusterDescriptionView {
  const { id, controller, exactlyOnce } = cluster;
  return { ...view, clusterId: id, controller, brokers: brokersOf(cluster), exactlyOnce };
}

export function brokersOf({ brokers }: ClusterDescription): BrokerView[] {
  return brokers.map(({ id, host, port, rack }) => ({ id, host, port, rack }));
}

export function configOf({ entries }: ConfigDescription): ConfigList {
  return {
    items: entries.map(
      ({ name, value, default: base, source, isDefault, readOnly, sensitive, type, documentation }) => ({
        name,
        value,
        default: base,
        source,
        isDefault,
        readOnly,
        sensitive,
        type,
        documentation,
      }),
    ),
  };
}

/** A directory with what each topic takes in it; the copies of one topic are named. */
export function directoryOf(directory: LogDirectory, topic: string | undefined): DirectoryView {
  const { broker, path, totalBytes, usableBytes, replicas, error } = directory;
  const topics = new Map<string, { copies: number; sizeBytes: number }>();
  let sizeBytes = 0;
  for (const one of replicas) {
    const sum = topics.get(one.topic) ?? { copies: 0, sizeBytes: 0 };
    topics.set(one.topic, { copies: sum.copies + 1, sizeBytes: sum.sizeBytes + one.sizeBytes });
    sizeBytes += one.sizeBytes;
  }
  const partitions = replicas
    .filter((one) => one.topic === topic)
    .map(({ partition, sizeBytes, lagRecords, moving }) => ({ partition, sizeBytes, lagRecords, moving }));
  return {
    broker,
    path,
    totalBytes,
    usableBytes,
    sizeBytes,
    ...(error === undefined ? {} : { error }),
    topics: [...topics].map(([name, sum]) => ({ topic: name, ...sum })),
    ...(topic === undefined ? {} : { partitions }),
  };
}

export function replicasOf(one: PartitionReplicas): {
  -readonly [K in keyof PartitionReplicas]: PartitionReplicas[K];
} & {
  replicas: number[];
  inSync: number[];
  offline: number[];
} {
  return { ...one, replicas: [...one.replicas], inSync: [...one.inSync], offline: [...one.offline] };
}

/** Whether somebody should look at the partition: no leader, another than the preferred one, a copy behind or offline. */
export function isProblem({ leader, replicas, inSync, offline }: PartitionReplicas): boolean {
  return leader === null || leader !== replicas[0] || inSync.length < replicas.length || offline.length > 0;
}

export function failureOf(error: AppError | undefined): { error?: { code: string; message: string } } {
  return error === undefined ? {} : { error: { code: error.code, message: error.message } };
}
