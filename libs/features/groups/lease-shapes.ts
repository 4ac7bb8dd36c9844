import { z } from 'zod';
import { formatLeaseId, LEASE_LIMITS, positionOf, type HeldLease, type RecordChoice } from '#libs/core/groups';
import { generationOf } from '#libs/core/log';
import { offsetText, partitionNumber, topicName } from './group-schemas.js';

const { minVisibilityMs, maxVisibilityMs, recordsInHand, partitionsPerLease, maxDelayMs, maxDeliveries } = LEASE_LIMITS;
const visibilityMs = z.int().min(minVisibilityMs).max(maxVisibilityMs);

/** Body of `POST /v1/groups/{group}/leases`. */
export const leaseBody = z.strictObject({
  topics: z.array(topicName).min(1).max(100),
  partitions: z.array(partitionNumber).min(1).max(1_000).optional().describe('Only these partitions of each topic.'),
  maxPartitions: z.int().min(1).max(partitionsPerLease).default(1).describe('Most partitions of the lease.'),
  maxRecords: z.int().min(1).max(recordsInHand).default(100).describe('Most records in hand at once.'),
  visibilityMs: visibilityMs.default(30_000).describe('How long the lease lasts unless it is extended.'),
  startAt: z
    .enum(['earliest', 'latest'])
    .default('earliest')
    .describe('Where to begin in a partition the group has no position in.'),
  waitMs: z
    .int()
    .min(0)
    .max(30_000)
    .default(0)
    .describe('Longest wait for a partition that has something to read and that nobody holds.'),
  deadLetter: z
    .strictObject({ topic: topicName, maxDeliveries: z.int().min(1).max(maxDeliveries) })
    .optional()
    .describe('Where records go instead of being handed out once more, in one commit with the position.'),
});
export type LeaseBody = z.infer<typeof leaseBody>;

const record = z.strictObject({ topic: topicName, partition: partitionNumber, offset: offsetText });
const choice = {
  records: z.array(record).min(1).max(recordsInHand).optional().describe('One by one, in any order.'),
  through: z
    .array(record)
    .min(1)
    .max(partitionsPerLease)
    .optional()
    .describe('All that are in hand, up to and including this one.'),
};
const isNamed = (body: { readonly records?: unknown; readonly through?: unknown }): boolean =>
  body.records !== undefined || body.through !== undefined;
const NAME_SOME = { message: 'names no records; give records, through or both' };

/** Body of `POST /v1/leases/{id}:ack`. */
export const ackBody = z.strictObject(choice).refine(isNamed, NAME_SOME);
export type AckBody = z.infer<typeof ackBody>;

/** Body of `POST /v1/leases/{id}:nack`. */
export const nackBody = z
  .strictObject({
    ...choice,
    delayMs: z.int().min(0).max(maxDelayMs).default(0).describe('Not before so long from now.'),
  })
  .refine(isNamed, NAME_SOME);
export type NackBody = z.infer<typeof nackBody>;

/** Body of `POST /v1/leases/{id}:extend`. */
export const extendBody = z.strictObject({
  visibilityMs: visibilityMs.optional().describe('From now on; what it was acquired with unless given.'),
});
export type ExtendBody = z.infer<typeof extendBody>;

/** Query of `GET /v1/leases/{id}/records`. */
export const leaseRecordsQuery = z.strictObject({
  wait: z.coerce.number().int().min(0).max(30_000).default(0).describe('Longest wait in ms for a first record.'),
  format: z
    .enum(['auto', 'binary'])
    .default('auto')
    .describe('`auto` decodes by schema, JSON or text; `binary` gives base64.'),
});
export type LeaseRecordsQuery = z.infer<typeof leaseRecordsQuery>;

export const leaseView = z.object({
  id: z.string(),
  group: z.string(),
  epoch: z.int(),
  expiresAt: z.string().describe('ISO 8601.'),
  visibilityMs: z.int(),
  maxRecords: z.int(),
  deadLetter: z.object({ topic: z.string(), maxDeliveries: z.int() }).nullable(),
  partitions: z.array(
    z.object({
      topic: z.string(),
      generation: z.int(),
      partition: z.int(),
      position: z.string().describe('The committed position: every record below it is acknowledged.'),
      next: z.string().describe('The next offset that was never handed out.'),
      inHand: z.int().describe('Records handed out under this lease and not acknowledged.'),
      waiting: z.int().describe('Records that were given back, or were in the hand of an earlier lease.'),
    }),
  ),
});
export type LeaseView = z.infer<typeof leaseView>;

export const acquiredView = z.object({
  lease: leaseView.nullable(),
  reason: z
    .enum(['held', 'empty'])
    .nullable()
    .describe('Why there is none: others hold every partition, or there is nothing to read in what they leave.'),
});
export type AcquiredView = z.infer<typeof acquiredView>;

export const leaseListView = z.object({ items: z.array(leaseView) });
export type LeaseListView = z.infer<typeof leaseListView>;

const part = z.enum(['schema', 'json', 'text', 'binary', 'none']);
export const leaseRecordsView = z.object({
  records: z.array(
    z.object({
      topic: z.string(),
      partition: z.int(),
      offset: z.string(),
      deliveries: z.int().describe('How often it was handed out, this time included.'),
      timestamp: z.int(),
      key: z.json(),
      keyFormat: part,
      keySchemaId: z.int().optional(),
      keyMessage: z.string().optional(),
      value: z.json(),
      valueFormat: part,
      valueSchemaId: z.int().optional(),
      valueMessage: z.string().optional(),
      headers: z.array(z.object({ key: z.string(), value: z.json() })),
      error: z.string().optional(),
    }),
  ),
});

/** The records a body names. */
export function choicesOf({ records = [], through = [] }: AckBody): readonly RecordChoice[] {
  return [
    ...records.map((one) => ({ ...one, offset: Number(one.offset), through: false })),
    ...through.map((one) => ({ ...one, offset: Number(one.offset), through: true })),
  ];
}

export function leaseViewOf(group: string, { lease, work }: HeldLease): LeaseView {
  const { epoch, nonce, expiresAt, visibilityMs: lasts, maxRecords, deadLetter } = lease;
  return {
    id: formatLeaseId({ group, epoch, nonce }),
    group,
    epoch,
    expiresAt: new Date(expiresAt).toISOString(),
    visibilityMs: lasts,
    maxRecords,
    deadLetter,
    partitions: work.map((one) => {
      const { logical, generation } = generationOf(one.topic);
      const inHand = one.unacked.filter((record) => record.inHand).length;
      return {
        topic: logical,
        generation,
        partition: one.partition,
        position: String(positionOf(one)),
        next: String(one.next),
        inHand,
        waiting: one.unacked.length - inHand,
      };
    }),
  };
}
