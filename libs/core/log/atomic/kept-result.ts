import type { Durability } from '../durability.js';
import type { ProduceOutcome } from '../topic-producer.js';
import type { ResolvedTopic } from '../topic-directory.js';

/** Records with consecutive places in one partition, in the order of the request. */
export type ResultRun = readonly [partition: number, firstOffset: number, records: number];

/** What became of a request that was written once, as it is kept for its repetitions. */
export interface KeptResult {
  /** Of logical topic and idempotency key; base64url. */
  readonly id: string;
  /** Digest of what was asked, by which a repetition is told from another request. */
  readonly requestHash: string;
  /** Epoch ms of the commit. */
  readonly atMs: number;
  /** Identity of the physical topic and the generation it was. */
  readonly topicId: string;
  readonly generation: number;
  readonly durability: Durability;
  /** All records of the request, in its order. */
  readonly runs: readonly ResultRun[];
}

/** JSON, so that it is readable in an emergency. A later form gets another first member. */
export function encodeKeptResult(kept: KeptResult): Uint8Array {
  const { id, requestHash, atMs, topicId, generation, durability, runs } = kept;
  return Buffer.from(JSON.stringify([1, id, requestHash, atMs, topicId, generation, durability, runs]));
}

/** Undefined for bytes of another form. */
export function decodeKeptResult(bytes: Uint8Array): KeptResult | undefined {
  const [form, id, requestHash, atMs, topicId, generation, durability, runs] = JSON.parse(
    Buffer.from(bytes).toString(),
  ) as [number, string, string, number, string, number, Durability, ResultRun[]];
  return form === 1 ? { id, requestHash, atMs, topicId, generation, durability, runs } : undefined;
}

/** Puts the places of records into runs. */
export function runsOf(outcomes: readonly { readonly partition: number; readonly offset: number }[]): ResultRun[] {
  const runs: [number, number, number][] = [];
  for (const { partition, offset } of outcomes) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] === partition && last[1] + last[2] === offset) last[2]++;
    else runs.push([partition, offset, 1]);
  }
  return runs;
}

export function outcomesOf(runs: readonly ResultRun[]): ProduceOutcome[] {
  return runs.flatMap(([partition, first, count]) =>
    Array.from({ length: count }, (_, i) => ({ partition, offset: first + i })),
  );
}

/**
 * Whether the request wrote to the topic that carries the name now. A name that was deleted and given again begins with generation 1 and another id; a repartition moves on to
 * another generation, its rollback back to one that was there before.
 */
export function concerns(kept: KeptResult, topic: ResolvedTopic): boolean {
  const { id, createdAtMs } = topic.description;
  if (kept.generation === topic.generation) return kept.topicId === id;
  return topic.generation > kept.generation || createdAtMs === null || createdAtMs <= kept.atMs;
}
