import { AppError, isAppError, isJsonObject, type JsonObject } from '#libs/core/kernel';
import type { Clusters, LogEngine } from '#libs/core/log';
import type { Plan } from '#libs/core/operations';
import { parkedOf, WAITS_FOR_KEY } from '../copy/parked-records.js';
import { PartitionCursor } from '../partition-cursor.js';
import { parametersFromJson, targetClusterOf } from './parameters.js';

/** A parked record: where it was, and why it is parked. */
export interface ParkedPlace {
  /** `<source partition>/<source offset>`; what a redrive can name, where it does not wait for another one. */
  readonly id: string;
  /** Bytes of it as text, as far as they are any; null for none. */
  readonly key: string | null;
  readonly class: string;
  /** The record of its key that failed, where that is another one. */
  readonly waitsFor: string | null;
}

/** Where a list of parked records goes on. */
export interface ParkedCursor {
  readonly partition: number;
  readonly offset: number;
}

/** What the status of an operation says of the records of one topic of its plan, which {@link parkedRecordsOf} is asked with. */
export function parkedErrorsOf(errors: JsonObject, { parameters }: Plan): JsonObject {
  const { topics = null } = errors;
  const one = isJsonObject(topics) ? topics[String(parameters['topic'])] : errors;
  return one !== undefined && isJsonObject(one) ? one : {};
}

/**
 * The records an operation has parked, by source partition and in order. `errors` of its status say where they lie.
 * @throws `nothing-is-parked-by-plan`.
 */
export async function parkedRecordsOf(
  clusters: Clusters,
  plan: Plan,
  errors: JsonObject,
  limit: number,
  after: ParkedCursor = { partition: 0, offset: 0 },
): Promise<{ readonly items: readonly ParkedPlace[]; readonly next: ParkedCursor | null }> {
  const parameters = parametersFromJson(plan.parameters);
  if (!parameters.parking) throw parksNothing(plan);
  const { parkedIn } = errors;
  const items: ParkedPlace[] = [];
  if (!isJsonObject(parkedIn)) return { items, next: null };
  const { topic, from } = parkedIn as { topic: string; from: string[] };
  const log = clusters.get(targetClusterOf(parameters));
  for (let { partition } = after; partition < from.length; partition++) {
    const begin = Number(from[partition]);
    const offset = partition === after.partition ? Math.max(begin, after.offset) : begin;
    const records = new PartitionCursor(log, topic, partition, offset);
    for (;;) {
      const found = await nextOf(records, log, topic);
      if (found === undefined) break;
      if (items.length === limit) return { items, next: { partition, offset: found.offset } };
      const { record, rule, since } = parkedOf(found);
      items.push({
        id: `${partition}/${record.offset}`,
        key: record.key && Buffer.from(record.key).toString(),
        class: rule,
        waitsFor: rule === WAITS_FOR_KEY ? `${partition}/${since}` : null,
      });
      records.take();
    }
  }
  return { items, next: null };
}

/** Undefined at the end, also of a topic that is gone: the operation is over, or about to be. */
async function nextOf(records: PartitionCursor, log: LogEngine, topic: string) {
  try {
    return await records.peek();
  } catch (error) {
    if (isAppError(error, 'topic-not-found') || !(await log.listTopics()).some((one) => one.name === topic)) return;
    throw error;
  }
}

function parksNothing({ kind, hash }: Plan): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'nothing-is-parked-by-plan',
    message: `The plan of this operation of kind '${kind}' sets nothing aside that could be redriven.`,
    hint: 'Ask this of migrations planned with poison.policy park-by-key or dlq.',
    details: { kind, planHash: hash },
  });
}
