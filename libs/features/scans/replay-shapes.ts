import { z } from 'zod';
import { MAX_SUBJECT_BYTES } from '#libs/core/registry';
import { SCHEMA_TYPES } from '#libs/core/schema';

const name = z.string().min(1).max(249);
const whole = (most: number) => z.int().min(0).max(most);

const bound = z.union([
  z.strictObject({
    offset: z
      .union([z.int().min(0), z.string().regex(/^\d{1,16}$/, 'is no offset')])
      .transform(Number)
      .refine(Number.isSafeInteger, 'is beyond 2^53 − 1'),
  }),
  z.strictObject({ timestamp: z.iso.datetime({ offset: true }).describe('The first record that is not older.') }),
]);

/** Body of `POST /v1/schema-replays/plans`. */
export const replayPlanBody = z.strictObject({
  topic: name,
  cluster: name.max(63).optional(),
  part: z.enum(['key', 'value']).default('value').describe('Which part of the records is tried.'),
  schema: z.string().min(1).describe('The candidate. It need not be registered.'),
  schemaType: z.enum(SCHEMA_TYPES).default('AVRO'),
  references: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(1_000),
        subject: z.string().min(1).max(MAX_SUBJECT_BYTES),
        version: z.int().min(-1).describe('-1 is the latest.'),
      }),
    )
    .max(256)
    .default([]),
  partitions: z.array(whole(100_000)).min(1).max(10_000).optional().describe('These alone.'),
  from: bound.optional().describe('Where reading begins, in each partition; at the first record unless given.'),
  to: bound.optional().describe('Where reading ends, in each partition; at the present end unless given.'),
  last: whole(Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('Offsets before the end of each partition, in the place of `from`.'),
  records: whole(Number.MAX_SAFE_INTEGER).optional().describe('Offsets in all: the newest of each partition, evenly.'),
  bytes: whole(Number.MAX_SAFE_INTEGER).optional().describe('Bytes of keys or values that are tried before it ends.'),
  failures: whole(100).default(20).describe('Failures that are listed for each partition.'),
});
export type ReplayPlanBody = z.infer<typeof replayPlanBody>;

const offset = z.string().describe('An offset; decimal, since it can be beyond what JSON numbers hold.');
const counts = {
  read: z.int().describe('Read by the candidate.'),
  failed: z.int().describe('Not read by the candidate.'),
  undecodable: z.int().describe('Not what the schema that they name wrote.'),
};

export const replayView = z.object({
  operation: z.string(),
  cluster: z.string(),
  topic: z.string(),
  generation: z.int(),
  part: z.enum(['key', 'value']),
  over: z.boolean().describe('Whether nothing more will be read.'),
  complete: z.boolean().describe('Whether everything that was to be read has been.'),
  verdict: z
    .enum(['reads-all', 'fails', 'unknown'])
    .describe(
      '`reads-all` is said of a complete replay, of records that name a schema; `unknown` as long as none failed and not all were tried.',
    ),
  ...counts,
  absent: z.int().describe('Records without the part.'),
  unnamed: z.int().describe('Parts that name no schema: nothing tells how they were written.'),
  unknown: z.int().describe('Parts that name a schema which the registry does not have.'),
  writers: z
    .array(z.object({ schemaId: z.int(), ...counts }))
    .describe('By the schema with which records were written.'),
  partitions: z.array(
    z.object({
      partition: z.int(),
      from: offset,
      position: offset.describe('Everything below has been tried.'),
      to: offset,
      records: z.int(),
      ...counts,
      gone: z.int().describe('Offsets whose records retention took before they were read.'),
      trouble: z.string().nullable().describe('Why the rest cannot be read.'),
    }),
  ),
  failures: z
    .array(
      z.object({
        partition: z.int(),
        offset,
        schemaId: z.int(),
        by: z
          .enum(['candidate', 'writer'])
          .describe('`writer`: the bytes are not what the schema that they name wrote.'),
        path: z.string().describe('JSON pointer into the value as the candidate has it; `*` for keys of maps.'),
        reason: z.string(),
      }),
    )
    .describe('The first ones of each partition, 1,000 in all at most.'),
});
export type ReplayView = z.infer<typeof replayView>;
