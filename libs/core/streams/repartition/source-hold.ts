import type { LogEngine } from '#libs/core/log';
import { isTerminal, type OperationStore } from '#libs/core/operations';

const PREFIX = 'repartition-';

/** Keeps everything the source of a repartition retains now, until {@link releaseSource}: what is copied is verified and rolled back to, so it must not go meanwhile. */
export async function holdSource(engine: LogEngine, operationId: string, physical: string): Promise<void> {
  const { partitions } = await engine.describeTopic(physical);
  const positions = partitions.map(({ partition, startOffset }) => ({
    topic: physical,
    partition,
    offset: startOffset,
  }));
  await engine.holdRetention(PREFIX + operationId, positions);
}

/** Harmless to repeat. */
export async function releaseSource(engine: LogEngine, operationId: string): Promise<void> {
  await engine.holdRetention(PREFIX + operationId, null);
}

/**
 * Releases holds of repartitions that have ended or that nobody knows (the metadata store is a new one): nothing would ever release them.
 * @returns ids of their operations.
 */
export async function releaseAbandonedHolds(
  engine: LogEngine,
  operations: Pick<OperationStore, 'operation'>,
): Promise<readonly string[]> {
  const released: string[] = [];
  for (const { id } of await engine.listRetentionHolds()) {
    if (!id.startsWith(PREFIX)) continue;
    const operationId = id.slice(PREFIX.length);
    const operation = await operations.operation(operationId);
    if (operation !== undefined && !isTerminal(operation.phase)) continue;
    await releaseSource(engine, operationId);
    released.push(operationId);
  }
  return released;
}
