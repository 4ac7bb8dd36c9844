import { isAppError, type JsonObject, type JsonValue } from '#libs/core/kernel';

/** A stretch of one partition: offsets from `from` up to, and without, `to`. The topic is a physical one. */
export interface ScanRange {
  readonly cluster: string;
  readonly topic: string;
  /** Tells the topic from another one that came to have its name. */
  readonly topicId: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** Why the rest of a range cannot be read, for good. */
export interface ScanTrouble {
  readonly code: string;
  readonly message: string;
}

/** How far a range has been read. Together with the summary of what lies below the position it is all that is known of the range. */
export interface ScanState {
  readonly position: number;
  /** Offsets below the position whose records were gone before they could be read: retention took them. */
  readonly gone: number;
  readonly trouble: ScanTrouble | null;
}

/** A range with its state, while it is read. */
export interface ScannedRange extends ScanState {
  readonly range: ScanRange;
  position: number;
  gone: number;
  trouble: ScanTrouble | null;
}

export function unread(range: ScanRange): ScannedRange {
  return { range, position: range.from, gone: 0, trouble: null };
}

/** Whether there is more to read. */
export function isOpen({ range, position, trouble }: ScannedRange): boolean {
  return trouble === null && position < range.to;
}

/** Answers of a log about one partition that stay what they are, although some of them count as something that may pass. */
const LASTING: ReadonlySet<string> = new Set(['partition-degraded', 'topic-browned-out']);

/** What ended a range. @throws the error itself where trying again may help, or where it is a defect. */
export function troubleOf(error: unknown): ScanTrouble {
  if (!isAppError(error)) throw error;
  const { code, message, kind, retryable } = error;
  const mayPass = retryable || kind === 'internal' || kind === 'unavailable';
  if (mayPass && !LASTING.has(code)) throw error;
  return { code, message };
}

/** Ranges as a plan keeps them: one entry for each topic. {@link rangesOf} reads them again, in the same order. */
export function rangesToJson(ranges: readonly ScanRange[]): JsonValue {
  const topics = new Map<string, { cluster: string; topic: string; id: string; partitions: JsonValue[] }>();
  for (const { cluster, topic, topicId: id, partition, from, to } of ranges) {
    const key = JSON.stringify([cluster, topic, id]);
    const known = topics.get(key) ?? { cluster, topic, id, partitions: [] };
    known.partitions.push([partition, from, to]);
    topics.set(key, known);
  }
  return [...topics.values()];
}

/** The ranges of a plan's parameters. */
export function rangesOf(parameters: JsonObject): readonly ScanRange[] {
  const topics = parameters['ranges'] as unknown as readonly {
    readonly cluster: string;
    readonly topic: string;
    readonly id: string;
    readonly partitions: readonly (readonly [number, number, number])[];
  }[];
  return topics.flatMap(({ cluster, topic, id: topicId, partitions }) =>
    partitions.map(([partition, from, to]) => ({ cluster, topic, topicId, partition, from, to })),
  );
}
