import { z } from 'zod';
import {
  MAX_RESET_PARTITIONS,
  type CountedMove,
  type RecordCount,
  type ResetOutcome,
  type ResetPlan,
  type ResetTarget,
} from '#libs/core/groups';
import { offsetText, partitionNumber, timestampMs, topicName } from './group-schemas.js';

const to = z.union([
  z.enum(['earliest', 'latest']),
  z.strictObject({
    timestamp: timestampMs.describe('The first record that is not older; the end where there is none.'),
  }),
  z.strictObject({ durationMs: z.int().min(0).describe('As a timestamp so many milliseconds ago.') }),
  z.strictObject({ offset: offsetText }),
  z.strictObject({
    shift: z.int().describe('So many offsets on, or back where negative, from where the group stands.'),
  }),
  z.strictObject({
    vector: z
      .array(z.strictObject({ topic: topicName, partition: partitionNumber, offset: offsetText }))
      .min(1)
      .max(MAX_RESET_PARTITIONS)
      .describe('An offset for each partition named, and for no other.'),
  }),
]);

/** Body of `POST /v1/groups/{group}:reset`. */
export const resetBody = z
  .strictObject({
    to: to.describe('Where the group is to go on.'),
    topics: z.array(topicName).min(1).max(1_000).optional().describe('Those the group has positions in, unless given.'),
    partitions: z
      .array(partitionNumber)
      .min(1)
      .max(MAX_RESET_PARTITIONS)
      .optional()
      .describe('Only these partitions of each topic.'),
    dryRun: z.boolean().default(false).describe('Look at what the reset would do, and change nothing.'),
    evict: z.boolean().default(false).describe('End the leases of the group; otherwise a group with any is refused.'),
    plan: z
      .string()
      .length(64)
      .optional()
      .describe('`plan` of the dry run that was looked at; needed unless `dryRun`.'),
  })
  .refine(
    ({ to, topics, partitions }) => !(typeof to === 'object' && 'vector' in to) || (topics ?? partitions) === undefined,
    {
      message: 'a vector names its topics and partitions itself',
      path: ['to', 'vector'],
    },
  );
export type ResetBody = z.infer<typeof resetBody>;

/** @param now wall time that durations are counted back from. */
export function resetTargetOf(to: ResetBody['to'], now: number): ResetTarget {
  if (typeof to === 'string') return { kind: to };
  if ('timestamp' in to) return { kind: 'timestamp', timestampMs: to.timestamp };
  if ('durationMs' in to) return { kind: 'timestamp', timestampMs: now - to.durationMs };
  if ('offset' in to) return { kind: 'offset', offset: Number(to.offset) };
  if ('shift' in to) return { kind: 'shift', by: to.shift };
  return { kind: 'vector', offsets: to.vector.map((one) => ({ ...one, offset: Number(one.offset) })) };
}

const count = z.object({
  records: z.string(),
  basis: z
    .enum(['offsets', 'read', 'at-most'])
    .describe('`offsets`, `read`: exact. `at-most`: an upper bound, since places without a record may be among them.'),
});

/** Answer of a reset. */
export const resetView = z.object({
  group: z.string(),
  dryRun: z.boolean(),
  plan: z.string().describe('Names exactly these moves.'),
  members: z.int().optional().describe('Live members; with any, the reset is refused.'),
  leases: z.int().optional().describe('Leases that are held; with any, the reset needs `evict`.'),
  partitions: z.array(
    z.object({
      topic: z.string(),
      generation: z.int(),
      partition: z.int(),
      current: z.string().nullable().describe('Where the group stood; null where it had no position.'),
      target: z.string(),
      startOffset: z.string(),
      endOffset: z.string(),
      skipped: count.optional().describe('Dry run: records the group will not read.'),
      repeated: count.optional().describe('Dry run: records the group has read and will read again.'),
      stored: z.string().nullable().optional().describe('What the log says after the reset.'),
      ok: z.boolean().optional().describe('Whether that is the target.'),
    }),
  ),
  skipped: count.optional().describe('Dry run: of all partitions.'),
  repeated: count.optional().describe('Dry run: of all partitions.'),
  failed: z
    .int()
    .optional()
    .describe('Partitions whose position is not the target after the reset: somebody else moved them meanwhile.'),
  apply: z.json().optional().describe('Dry run: the body that does what was shown, and nothing else.'),
});
export type ResetView = z.infer<typeof resetView>;

/** A dry run, with the request that makes it real: offsets are named in it, so that it means the same whatever is written meanwhile. */
export function planView({ group, hash, members, moves }: ResetPlan, leases: number): ResetView {
  return {
    group,
    dryRun: true,
    plan: hash,
    members,
    leases,
    partitions: moves.map((move) => ({
      ...placeView(move),
      skipped: countView(move.skipped),
      repeated: countView(move.repeated),
    })),
    skipped: countView(total(moves.map((move) => move.skipped))),
    repeated: countView(total(moves.map((move) => move.repeated))),
    apply: {
      to: { vector: moves.map(({ topic, partition, target }) => ({ topic, partition, offset: String(target) })) },
      plan: hash,
    },
  };
}

export function outcomeView(group: string, hash: string, outcomes: readonly ResetOutcome[]): ResetView {
  return {
    group,
    dryRun: false,
    plan: hash,
    partitions: outcomes.map((one) => ({
      ...placeView(one),
      stored: textOf(one.stored),
      ok: one.stored === one.target,
    })),
    failed: outcomes.filter((one) => one.stored !== one.target).length,
  };
}

type Place = Pick<
  CountedMove,
  'topic' | 'generation' | 'partition' | 'current' | 'target' | 'startOffset' | 'endOffset'
>;

function placeView({ topic, generation, partition, current, target, startOffset, endOffset }: Place) {
  return {
    topic,
    generation,
    partition,
    current: textOf(current),
    target: String(target),
    startOffset: String(startOffset),
    endOffset: String(endOffset),
  };
}

function textOf(offset: number | null): string | null {
  return offset === null ? null : String(offset);
}

function countView({ records, basis }: RecordCount) {
  return { records: String(records), basis };
}

/** Exact where all parts are. */
function total(counts: readonly RecordCount[]): RecordCount {
  const records = counts.reduce((sum, one) => sum + one.records, 0);
  const has = (basis: RecordCount['basis']): boolean => counts.some((one) => one.basis === basis);
  return { records, basis: has('at-most') ? 'at-most' : has('read') ? 'read' : 'offsets' };
}
