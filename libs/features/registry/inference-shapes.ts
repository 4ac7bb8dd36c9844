import { z } from 'zod';
import { SCHEMA_TYPES, type SchemaProposal } from '#libs/core/schema';
import type { SampledTopic } from '#libs/core/scans';

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,100}$/;
const NAMESPACE = /^([A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*)?$/;
const ENUMS = 'Make enumerations of texts that look like one.';

/** What a proposal is to be like, wherever its samples come from. */
export const proposalOptions = z.strictObject({
  schemaType: z.enum(SCHEMA_TYPES).default('AVRO'),
  name: z.string().regex(NAME, 'must be a name').default('Record').describe('Name of the root type.'),
  namespace: z.string().regex(NAMESPACE, 'must be a namespace').max(200).default(''),
  enums: z.boolean().default(false).describe(ENUMS),
});
export type ProposalOptionsBody = z.output<typeof proposalOptions>;

/** Body of `POST /v1/schemas:infer`. */
export const samplesBody = proposalOptions.safeExtend({ samples: z.array(z.json()).min(1).max(10_000) });

const { schemaType, name, namespace } = proposalOptions.shape;

/** Query of `POST /v1/schemas:infer`: what the body leaves out; lines leave out all of it. */
export const samplesQuery = z.strictObject({
  schemaType: schemaType.unwrap().optional(),
  name: name.unwrap().optional(),
  namespace: namespace.unwrap().optional(),
  enums: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional()
    .describe(ENUMS),
});
export type SamplesQuery = z.infer<typeof samplesQuery>;

/** Body of `POST /v1/topics/{topic}/schemas:infer`. */
export const topicSamplesBody = proposalOptions.safeExtend({
  part: z.enum(['key', 'value']).default('value').describe('Which part of the records is looked at.'),
  partitions: z.array(z.int().min(0).max(100_000)).min(1).max(10_000).optional().describe('These alone.'),
  records: z
    .int()
    .min(1)
    .max(10_000)
    .default(1_000)
    .describe('Records that are looked at, in all: the newest of each partition, evenly.'),
});
export type TopicSamplesBody = z.output<typeof topicSamplesBody>;

const proposal = {
  schemaType: z.enum(SCHEMA_TYPES),
  schema: z.string().describe('Text to register.'),
  samples: z.int().describe('Those that were looked at.'),
  accepted: z.int().nullable().describe('Samples that were encoded with it; null where that is not tried.'),
  fields: z.array(z.record(z.string(), z.unknown())).describe('What was seen at each place; at most 2,000.'),
  conflicts: z.array(z.object({ path: z.string(), message: z.string() })),
};
export const proposalView = z.object(proposal);
export type ProposalView = z.infer<typeof proposalView>;

const offset = z.string().describe('An offset; decimal, since it can be beyond what JSON numbers hold.');
const counts = {
  records: z.int().describe('Records that were looked at.'),
  used: z.int().describe('Those that became samples.'),
  absent: z.int().describe('Those without the part: null keys, and values of tombstones.'),
  undecodable: z.int().describe('Those that name a schema by which they do not decode, or none and are no JSON text.'),
};

export const topicProposalView = z.object({
  ...proposal,
  sampled: z.object({
    cluster: z.string(),
    topic: z.string(),
    generation: z.int(),
    part: z.enum(['key', 'value']),
    ...counts,
    cutByBytes: z
      .boolean()
      .describe('True: fewer records were looked at than were asked for, because of what they hold together.'),
    writers: z
      .array(z.object({ schemaId: z.int().nullable(), records: z.int() }))
      .describe('Samples by the schema that they name; null: JSON text.'),
    partitions: z
      .array(
        z.object({
          partition: z.int(),
          from: offset.describe('Every record from here on was looked at.'),
          to: offset.describe('The end when reading began.'),
          ...counts,
          trouble: z.string().nullable().describe('Why nothing below can be read.'),
        }),
      )
      .describe('Those of which something was looked at, or cannot be.'),
    failures: z
      .array(z.object({ partition: z.int(), offset, reason: z.string() }))
      .describe('Undecodable records by partition and offset, the first 20.'),
  }),
});
export type TopicProposalView = z.infer<typeof topicProposalView>;

export function proposalViewOf({ fields, conflicts, ...rest }: SchemaProposal): ProposalView {
  return { ...rest, fields: fields.map((field) => ({ ...field })), conflicts: [...conflicts] };
}

export function topicProposalViewOf(made: SchemaProposal, sampled: SampledTopic): TopicProposalView {
  const { partitions, failures, writers, ...rest } = sampled;
  return {
    ...proposalViewOf(made),
    sampled: {
      ...rest,
      writers: [...writers],
      partitions: partitions.map(({ from, to, trouble, ...one }) => {
        return { ...one, from: String(from), to: String(to), trouble: trouble?.message ?? null };
      }),
      failures: failures.map(({ offset: at, ...one }) => ({ ...one, offset: String(at) })),
    },
  };
}
