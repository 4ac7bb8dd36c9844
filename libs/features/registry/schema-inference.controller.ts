import { Readable } from 'node:stream';
import { Body, Controller, HttpCode, Post, Query } from '@nestjs/common';
import { z } from 'zod';
import { setImmediate } from 'node:timers/promises';
import type { JsonValue } from '#libs/core/kernel';
import { exactValue, jsonNode, SCHEMA_TYPES, SchemaEngine, SchemaInference } from '#libs/core/schema';
import { Access, declareRoute } from '#libs/platform/auth';
import { ApiJson, STREAMED_TYPE, ZodPipe } from '#libs/platform/http';
import { SampleLines } from './sample-lines.js';

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,100}$/;

const proposal = {
  schemaType: z.enum(SCHEMA_TYPES).default('AVRO'),
  name: z.string().regex(NAME, 'must be a name').default('Record').describe('Name of the root type.'),
  namespace: z
    .string()
    .regex(/^([A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*)?$/, 'must be a namespace')
    .max(200)
    .default(''),
};
const ENUMS = 'Make enumerations of texts that look like one.';

const inferenceBody = z.strictObject({
  samples: z.array(z.json()).min(1).max(10_000),
  ...proposal,
  enums: z.boolean().default(false).describe(ENUMS),
});
const bodyPipe = new ZodPipe(inferenceBody);

/** What the body leaves out; lines leave out all of it. */
const inferenceQuery = z.strictObject({
  schemaType: proposal.schemaType.optional(),
  name: proposal.name.optional(),
  namespace: proposal.namespace.optional(),
  enums: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional()
    .describe(ENUMS),
});
type InferenceQuery = z.infer<typeof inferenceQuery>;

const inferenceView = z.object({
  schemaType: z.enum(SCHEMA_TYPES),
  schema: z.string().describe('Text to register.'),
  samples: z.int().describe('Those that were looked at.'),
  accepted: z.int().nullable().describe('Samples that were encoded with it; null where that is not tried.'),
  fields: z.array(z.record(z.string(), z.unknown())).describe('What was seen at each place; at most 2,000.'),
  conflicts: z.array(z.object({ path: z.string(), message: z.string() })),
});

type Proposal = Omit<z.output<typeof inferenceBody>, 'samples'>;

/** Longest that samples are looked at without letting others go on, ms. */
const STRETCH_MS = 15;

/** A schema proposed from samples. Nothing is stored. */
@Controller('v1')
export class SchemaInferenceController {
  constructor(private readonly engine: SchemaEngine) {}

  @Post('schemas::infer')
  @HttpCode(200)
  @Access('read', 'subject')
  @declareRoute({ consumes: [STREAMED_TYPE] })
  @ApiJson({
    id: 'inferSchema',
    summary: 'Propose a schema from samples',
    tag: 'schemas',
    description:
      'The proposal takes every sample, and the same samples give the same text. Many samples are sent as `application/x-ndjson`, one in each line, up to 100,000 in 16 MiB; what else there is to say may be in the query.',
    body: inferenceBody,
    query: inferenceQuery,
    bodyExample: { samples: [{ id: 7, at: '2024-05-01T10:00:00Z' }, { id: 8 }], name: 'Order' },
    response: inferenceView,
    errors: {
      400: ['sample-invalid', 'samples-missing'],
      413: ['samples-too-large'],
      422: ['samples-too-deep', 'samples-too-varied', 'samples-no-message'],
    },
    bodyLimit: 8 * 1024 * 1024,
  })
  async infer(@Body() body: unknown, @Query(new ZodPipe(inferenceQuery)) query: InferenceQuery) {
    const lines = body instanceof Readable ? await SampleLines.read(body) : undefined;
    // A placeholder for the samples, so that one schema says what is taken for granted.
    const { samples, schemaType, name, namespace, enums } = bodyPipe.transform(
      lines === undefined ? withOptions(body, query) : { ...query, samples: [null] },
    );
    return this.propose(lines ?? samples, { schemaType, name, namespace, enums });
  }

  private async propose(samples: Iterable<JsonValue>, { schemaType, ...options }: Proposal) {
    const inference = new SchemaInference();
    const count = await each(samples, (sample) => inference.add(jsonNode(sample)));
    const schema = inference.propose(schemaType, options);
    let accepted: number | null = null;
    if (schemaType === 'AVRO') {
      const codec = await this.engine.codec({ schemaType, text: schema, references: [], referencesKey: '' });
      const encoder = await codec.encoder();
      accepted = await each(samples, (sample) => encoder.encode(exactValue(jsonNode(sample))));
    }
    const fields = inference.fields().map((field) => ({ ...field }));
    return { schemaType, schema, samples: count, accepted, fields, conflicts: [...inference.conflicts()] };
  }
}

function withOptions(body: unknown, query: InferenceQuery): unknown {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? { ...query, ...body } : body;
}

/** @returns how many there were. */
async function each(samples: Iterable<JsonValue>, look: (sample: JsonValue) => unknown): Promise<number> {
  let since = performance.now();
  let count = 0;
  for (const sample of samples) {
    await look(sample);
    count++;
    if (performance.now() - since < STRETCH_MS) continue;
    await setImmediate();
    since = performance.now();
  }
  return count;
}
