/** Bounds on what a schema may be; every refusal names the bound, its value and the measured value. */
export interface SchemaLimits {
  /** Characters of one schema text. */
  readonly textLength: number;
  /** Characters of a text with everything it refers to. */
  readonly resolvedTextLength: number;
  /** Nesting of brackets in the text, checked before anything is built. */
  readonly depth: number;
  /** Protobuf messages inside one another; the compilers of the language stop there too. */
  readonly messageNesting: number;
  /** Types in one schema, references included. */
  readonly nodes: number;
  /** Fields of one record or message, properties of one object. */
  readonly fieldsPerRecord: number;
  /** Symbols or values of one enum. */
  readonly enumSymbols: number;
  /** Branches of a union, members of `oneOf`, `anyOf`, `allOf`, types of a list of them. */
  readonly branches: number;
  /** Schemas reachable through references. */
  readonly references: number;
  /** Steps of one comparison of two schemas. */
  readonly comparisonSteps: number;
}

export const SCHEMA_LIMITS: SchemaLimits = {
  textLength: 1024 * 1024,
  resolvedTextLength: 4 * 1024 * 1024,
  depth: 128,
  messageNesting: 32,
  nodes: 20_000,
  fieldsPerRecord: 4_096,
  enumSymbols: 10_000,
  branches: 256,
  references: 1_024,
  comparisonSteps: 1_000_000,
};

/** The limits with the given ones replaced. */
export function schemaLimits(changes: Partial<SchemaLimits> | undefined): SchemaLimits {
  return changes === undefined ? SCHEMA_LIMITS : { ...SCHEMA_LIMITS, ...changes };
}

/** Lists, objects and unions that a value may nest. */
export const VALUE_DEPTH = 500;
