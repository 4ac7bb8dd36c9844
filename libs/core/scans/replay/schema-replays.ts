import type { Clock, JsonObject } from '#libs/core/kernel';
import { isOperationId, type OperationEngine } from '#libs/core/operations';
import { scanNotFound } from '../errors.js';
import type { ScanLifetime } from '../scan-lifetime.js';
import { partsOf, type ScanStore } from '../scan-store.js';
import { rangesOf, type ScanRange, type ScanTrouble } from '../scan.js';
import { replaySummary, type ReplayFailure, type ReplaySummary, type WriterCount } from './replay-tally.js';

/** What a replay has found in one partition. */
export interface ReplayedPartition {
  readonly range: ScanRange;
  readonly position: number;
  readonly gone: number;
  readonly trouble: ScanTrouble | null;
  /** Undefined where nothing has been read. */
  readonly summary: ReplaySummary | undefined;
}

export interface ReplayResult {
  readonly parameters: JsonObject;
  /** Whether everything that was to be read has been. */
  readonly complete: boolean;
  /** Whether nothing more will be read. */
  readonly over: boolean;
  /** By partition. */
  readonly partitions: readonly ReplayedPartition[];
  /** Over all partitions, by id. */
  readonly writers: ReadonlyMap<number, WriterCount>;
  /** By partition and offset. */
  readonly failures: readonly (ReplayFailure & { readonly partition: number })[];
}

/** Failures that one result lists. */
const MAX_LISTED = 1_000;

/** Tells what replays have found, finished or not. */
export class SchemaReplays {
  constructor(
    private readonly scans: ScanStore,
    private readonly operations: Pick<OperationEngine, 'status' | 'planOf'>,
    private readonly clock: Clock,
    private readonly lifetime: ScanLifetime,
  ) {}

  /**
   * @param admit is told the logical topic before anything else is told; throws for those who may not know of it.
   * @throws `scan-not-found`, `scan-expired`, `operation-not-found`.
   */
  async result(id: string, admit: (topic: string) => void = () => undefined): Promise<ReplayResult> {
    if (!isOperationId(id)) throw scanNotFound(id);
    const status = await this.operations.status(id);
    if (status.kind !== 'schema-replay' || status.phase === 'CANCELLED') throw scanNotFound(id);
    const { parameters } = await this.operations.planOf(status.planHash);
    admit(parameters['topic'] as string);
    this.lifetime.demand(id, status.endedAt);
    const partitions = rangesOf(parameters).map((range): ReplayedPartition => {
      return { range, position: range.from, gone: 0, trouble: null, summary: undefined };
    });
    const writers = new Map<number, WriterCount>();
    const failures: (ReplayFailure & { partition: number })[] = [];
    for await (const { index, position, gone, trouble, summary: json } of partsOf(this.scans, id, this.clock)) {
      const { range } = partitions[index]!;
      const summary = replaySummary(json);
      partitions[index] = { range, position, gone, trouble, summary };
      const listed = summary.failures.slice(0, MAX_LISTED - failures.length);
      failures.push(...listed.map((one) => ({ ...one, partition: range.partition })));
      for (const [writer, count] of summary.writers) writers.set(writer, sumOf(writers.get(writer), count));
    }
    return {
      parameters,
      complete: partitions.every(({ range, position, trouble }) => trouble === null && position >= range.to),
      over: status.phase === 'FINISHED',
      partitions,
      writers: new Map([...writers].sort(([a], [b]) => a - b)),
      failures,
    };
  }
}

function sumOf(one: WriterCount | undefined, other: WriterCount): WriterCount {
  if (one === undefined) return other;
  const { read, failed, undecodable } = other;
  return { read: one.read + read, failed: one.failed + failed, undecodable: one.undecodable + undecodable };
}
