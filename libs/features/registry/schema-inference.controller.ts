import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { z } from 'zod';
import { setImmediate } from 'node:timers/promises';
import type { JsonValue } from '#libs/core/kernel';
import { exactValue, jsonNode, SCHEMA_TYPES, SchemaEngine, SchemaInference } from '#libs/core/schema';
import { Access } from '#libs/platform/auth';
import { ApiJson, ZodPipe } from '#libs/platform/http';

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,100}$/;

const inferenceBody = z.strictObject({
  samples: z.array(z.json()).min(1).max(10_000),
  schemaType: z.enum(SCHEMA_TYPES).default('AVRO'),
  name: z.string().regex(NAME, 'must be a name').default('Record').describe('Name of the root type.'),
  namespace: z
    .string()
    .regex(/^([A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*)?$/, 'must be a namespace')
    .max(200)
    .default(''),
  enums: z.boolean().default(false).describe('Make enumerations of texts that look like one.'),
});
type InferenceBody = z.infer<typeof inferenceBody>;

const inferenceView = z.object({
  schemaType: z.enum(SCHEMA_TYPES),
  schema: z.string().describe('Text to register.'),
  samples: z.int(),
  accepted: z.int().nullable().describe('Samples that were encoded with it; null where that is not tried.'),
  fields: z.array(z.record(z.string(), z.unknown())).describe('What was seen at each place; at most 2,000.'),
  conflicts: z.array(z.object({ path: z.string(), message: z.string() })),
});

/** Longest that samples are looked at without letting others go on, ms. */
const STRETCH_MS = 15;

/** A schema proposed from samples. Nothing is stored. */
@Controller('v1')
export class SchemaInferenceController {
  constructor(private readonly engine: SchemaEngine) {}

  @Post('schemas::infer')
  @HttpCode(200)
  @Access('read', 'subject')
  @ApiJson({
    id: 'inferSchema',
    summary: 'Propose a schema from samples',
    tag: 'schemas',
    description: 'The proposal takes every sample, and the same samples give the same text.',
    body: inferenceBody,
    bodyExample: { samples: [{ id: 7, at: '2024-05-01T10:00:00Z' }, { id: 8 }], name: 'Order' },
    response: inferenceView,
    errors: { 422: ['samples-too-deep', 'samples-too-varied', 'samples-no-message'] },
    bodyLimit: 8 * 1024 * 1024,
  })
  async infer(@Body(new ZodPipe(inferenceBody)) body: InferenceBody) {
    const { samples, schemaType, name, namespace, enums } = body;
    const inference = new SchemaInference();
    await each(samples, (sample) => inference.add(jsonNode(sample)));
    const schema = inference.propose(schemaType, { name, namespace, enums });
    let accepted: number | null = null;
    if (schemaType === 'AVRO') {
      const codec = await this.engine.codec({ schemaType, text: schema, references: [], referencesKey: '' });
      const encoder = await codec.encoder();
      await each(samples, (sample) => encoder.encode(exactValue(jsonNode(sample))));
      accepted = samples.length;
    }
    const fields = inference.fields().map((field) => ({ ...field }));
    return { schemaType, schema, samples: samples.length, accepted, fields, conflicts: [...inference.conflicts()] };
  }
}

async function each(samples: readonly JsonValue[], look: (sample: JsonValue) => unknown): Promise<void> {
  let since = performance.now();
  for (const sample of samples) {
    await look(sample);
    if (performance.now() - since < STRETCH_MS) continue;
    await setImmediate();
    since = performance.now();
  }
}
