import type { LogEngine } from './engine.js';
import type { HeldPosition } from './retention-hold.js';

/** Work that reads what it planned to read, and holds it meanwhile. */
export const HOLDING_WORK = ['repartition', 'migration', 'move', 'scan', 'import', 'derive', 'erasure'] as const;
export type HoldingWork = (typeof HOLDING_WORK)[number];

/**
 * Keeps everything at and above these positions for an operation, until {@link releaseHold}. Said again, the positions take the place of the earlier ones.
 * @throws as `LogEngine.holdRetention`.
 */
export async function holdFor(
  engine: LogEngine,
  work: HoldingWork,
  operationId: string,
  positions: readonly HeldPosition[],
): Promise<void> {
  await engine.holdRetention(idOf(work, operationId), positions);
}

/** Keeps everything that a topic retains now. @throws as {@link holdFor}. */
export async function holdTopic(
  engine: LogEngine,
  work: HoldingWork,
  operationId: string,
  physical: string,
): Promise<void> {
  const { partitions } = await engine.describeTopic(physical);
  const positions = partitions.map(({ partition, startOffset: offset }) => ({ topic: physical, partition, offset }));
  await holdFor(engine, work, operationId, positions);
}

/** Harmless to repeat. */
export async function releaseHold(engine: LogEngine, work: HoldingWork, operationId: string): Promise<void> {
  await engine.holdRetention(idOf(work, operationId), null);
}

/**
 * Releases holds of operations that have ended or that nobody knows (the metadata store is a new one): nothing would ever release them. Holds of others are not touched.
 * @param isLive whether an operation may still need what it holds.
 * @returns ids of the operations whose holds went.
 */
export async function releaseAbandonedHolds(
  engine: LogEngine,
  isLive: (operationId: string) => Promise<boolean>,
): Promise<readonly string[]> {
  const released: string[] = [];
  for (const { id } of await engine.listRetentionHolds()) {
    const work = HOLDING_WORK.find((one) => id.startsWith(idOf(one, '')));
    if (work === undefined) continue;
    const operationId = id.slice(idOf(work, '').length);
    if (await isLive(operationId)) continue;
    await releaseHold(engine, work, operationId);
    released.push(operationId);
  }
  return released;
}

function idOf(work: HoldingWork, operationId: string): string {
  return `${work}-${operationId}`;
}
