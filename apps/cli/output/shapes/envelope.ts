import { anything, list, nullable, object, text, type JsonSchema } from './json-schema.js';
import { OPERATOR_SHAPES } from './operators.js';
import { PIPELINE_SHAPES } from './pipelines.js';
import { TOOL_SHAPES } from './tools.js';

const SHAPES: Readonly<Record<string, JsonSchema>> = { ...PIPELINE_SHAPES, ...OPERATOR_SHAPES, ...TOOL_SHAPES };

/** The shape of what is in a document of that kind; undefined where none is written down. */
export function shapeOf(kind: string): JsonSchema | undefined {
  return SHAPES[kind];
}

/** The JSON Schema of the document that `-o json` prints, in success and in failure; `data` is null where a command failed before it had any. */
export function envelopeSchema(kind: string): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: kind,
    ...object({
      apiVersion: { const: 'v1' },
      kind: { const: kind },
      data: nullable(shapeOf(kind) ?? anything),
      warnings: list(text),
      error: nullable(
        object({
          code: text,
          message: text,
          hint: nullable(text),
          request_id: nullable(text),
          findings: list(anything),
        }),
      ),
    }),
  };
}
