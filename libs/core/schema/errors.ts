import { AppError, nearest, type ErrorItem } from '#libs/core/kernel';
import { SCHEMA_TYPES, type SchemaType } from './format.js';
import type { SchemaLimits } from './limits.js';
import type { SourcePosition } from './lossless-json.js';

/** Every failure of schema handling, on one page. Codes are public. */

export const unknownSchemaType = (type: string, known: readonly string[] = SCHEMA_TYPES): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'schema-type-unknown',
    message: `Schemas of type '${type.slice(0, 100)}' are not supported.`,
    hint: `Use one of ${known.join(', ')}; leave schemaType out for Avro.`,
    details: { type: type.slice(0, 100), known },
  });

/** The text is no schema of its type. `reason` is one sentence part, without a full stop. */
export const schemaInvalid = (
  type: SchemaType,
  reason: string,
  where: { readonly position?: SourcePosition | null; readonly path?: string; readonly reference?: string } = {},
): AppError => {
  const from = where.reference === undefined ? '' : ` in reference '${where.reference}'`;
  const place = where.position ? ` (line ${where.position.line}, column ${where.position.column}${from})` : from;
  return new AppError({
    kind: 'unprocessable',
    code: 'schema-invalid',
    message: `${reason}${place}`,
    details: {
      schemaType: type,
      reason,
      ...(where.position ? { line: where.position.line, column: where.position.column } : {}),
      ...(where.path === undefined ? {} : { path: where.path }),
      ...(where.reference === undefined ? {} : { reference: where.reference }),
    },
  });
};

/** A limit of {@link SchemaLimits} is exceeded. */
export const schemaTooLarge = (limit: string, value: number, measured: number): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'schema-too-large',
    message: `The schema exceeds the limit '${limit}' of ${value}: ${measured}.`,
    hint: 'Split it into several schemas that refer to one another.',
    details: { limit, value, measured },
  });

/** @throws `schema-too-large` for a measure above its bound. */
export function requireWithin(limits: SchemaLimits, name: keyof SchemaLimits, measured: number): void {
  if (measured > limits[name]) throw schemaTooLarge(name, limits[name], measured);
}

/** Work on schemas took more steps than it may; how many it would take is not known. */
export const schemaTooComplex = (value: number): AppError =>
  tooComplex(`Comparing the schemas takes more than ${value} steps.`, 'comparisonSteps', value, value + 1);

/** Types refer to one another through more levels than are followed. */
export const schemaTooDeep = (value: number): AppError =>
  tooComplex(`Comparing the schemas leads more than ${value} types deep.`, 'comparisonDepth', value, value + 1);

/** Work on schemas was ended at its deadline. */
export const schemaTooSlow = (deadlineMs: number): AppError =>
  tooComplex(`Working on the schemas takes more than ${deadlineMs} ms.`, 'schemas.deadlineMs', deadlineMs, deadlineMs);

/** Work on schemas needed more memory than it may have. */
export const schemaTooHeavy = (heapBytes: number): AppError =>
  tooComplex(
    `Working on the schemas takes more than ${heapBytes} bytes of memory.`,
    'schemas.workerHeapBytes',
    heapBytes,
    heapBytes,
  );

/** @param measured how far it had come when it was given up. */
const tooComplex = (message: string, limit: string, value: number, measured: number): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'schema-too-complex',
    message,
    hint: 'Use fewer or smaller unions, combinations and references.',
    details: { limit, value, measured },
  });

export const unknownCompatibilityLevel = (level: string, known: readonly string[]): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'compatibility-level-unknown',
    message: `'${level.slice(0, 100)}' is not a compatibility level.`,
    hint: `Use one of ${known.join(', ')}.`,
    details: { level: level.slice(0, 100), known },
  });

/** A value does not fit the schema it is to be written with. Paths are JSON pointers; contents are never quoted. */
export const valuesInvalid = (items: readonly ErrorItem[]): AppError => {
  const [first] = items;
  const more = items.length > 1 ? ` (and ${items.length - 1} more)` : '';
  return new AppError({
    kind: 'unprocessable',
    code: 'value-does-not-fit-schema',
    message: `The value does not fit its schema: ${first?.path || 'the value'} ${first?.message ?? ''}${more}.`,
    details: { problems: items.length },
    items,
  });
};

export const valueInvalid = (path: string, message: string): AppError => valuesInvalid([{ path, message }]);

/** Bytes that are not a message in the registry's wire format. */
export const envelopeInvalid = (reason: string): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'envelope-invalid',
    message: `The bytes are not a message in the registry's wire format: ${reason}.`,
    details: { reason },
  });

/** The bytes of a message do not decode with the schema that their envelope names. */
export const payloadInvalid = (reason: string): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'payload-does-not-decode',
    message: `The bytes do not decode with the schema: ${reason}.`,
    details: { reason },
  });

/** Bytes that their own schema wrote, but that another schema cannot read. The path is a JSON pointer into the reader's value; contents are never quoted. */
export const valueUnreadable = (path: string, reason: string): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'value-not-readable',
    message: `The value cannot be read with the schema${path === '' ? '' : ` at ${path}`}: ${reason}.`,
    details: { path, reason },
    items: [{ path, message: reason }],
  });

/** A sample is no JSON text. `reason` is one sentence part and quotes nothing. */
export const sampleInvalid = (reason: string, position: SourcePosition): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'sample-not-json',
    message: `A sample is not JSON: ${reason} (line ${position.line}, column ${position.column}).`,
    details: { line: position.line, column: position.column },
  });

export const sampleTooLarge = (limit: number, measured: number): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'sample-too-large',
    message: `A sample of ${measured} characters is longer than the limit of ${limit}.`,
    details: { limit, measured },
  });

/** A sample nests deeper than inference follows. */
export const samplesTooDeep = (limit: number): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'samples-too-deep',
    message: `A sample nests lists and objects deeper than ${limit} levels.`,
    hint: 'Infer the parts one by one.',
    details: { limit },
  });

/** Samples have more different places than inference keeps. */
export const samplesTooVaried = (limit: number): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'samples-too-varied',
    message: `The samples have more than ${limit} different places.`,
    hint: 'Give samples of one kind, or fewer of them.',
    details: { limit },
  });

/** Protobuf has messages at the top only. */
export const samplesNoMessage = (): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'samples-no-message',
    message: 'Some sample is no JSON object, and a Protobuf schema can only describe objects.',
    hint: 'Infer an Avro or JSON schema instead.',
  });

/** The schema has no message of that name. @param name null: none was named, and there is none. */
export const messageUnknown = (name: string | null, known: readonly string[]): AppError => {
  const asked = name?.slice(0, 200) ?? null;
  const near = asked === null ? undefined : nearest(asked, known);
  return new AppError({
    kind: 'unprocessable',
    code: 'message-unknown',
    message: asked === null ? 'The schema has no message.' : `The schema has no message '${asked}'.`,
    hint:
      known.length === 0
        ? 'Only Protobuf schemas have messages to choose from; leave the name out.'
        : near === undefined
          ? `Messages: ${known.slice(0, 20).join(', ')}.`
          : `Did you mean '${near}'?`,
    details: { message: asked },
  });
};
