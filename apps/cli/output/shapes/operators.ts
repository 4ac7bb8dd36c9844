import type { JsonSchema } from './json-schema.js';

/** By the kind of the document. */
export const OPERATOR_SHAPES: Readonly<Record<string, JsonSchema>> = {};
