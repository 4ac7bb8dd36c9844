import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { serverForSuite } from '#libs/platform/testing';

/** Longer than any request takes that does not hang. */
const HANGS_MS = 30_000;

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

interface SchemaObject {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly Json[];
  readonly const?: Json;
  readonly anyOf?: readonly SchemaObject[];
  readonly oneOf?: readonly SchemaObject[];
  readonly items?: SchemaObject;
  readonly properties?: Readonly<Record<string, SchemaObject>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | SchemaObject;
}

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: SchemaObject }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: SchemaObject; readonly example?: Json }>>;
  };
  readonly responses: Readonly<Record<string, unknown>>;
}

interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, SchemaObject>> };
}

const DOCUMENT = JSON.parse(readFileSync(new URL('../openapi/openapi.json', import.meta.url), 'utf8')) as ApiDocument;
const TAGS = ['schema registry', 'schemas'];

/** A request of one operation. */
interface GeneratedRequest {
  readonly operation: Operation;
  readonly method: string;
  readonly path: string;
  readonly body: string | undefined;
  readonly type: string;
}

/** Words that mean something somewhere, so that generated requests meet one another's subjects, ids and versions. */
const WORDS: readonly string[] = [
  's',
  't',
  'latest',
  '1',
  '2',
  '-1',
  '0',
  'true',
  'false',
  'BACKWARD',
  'FULL_TRANSITIVE',
  'NONE',
  'READWRITE',
  'IMPORT',
  'AVRO',
  'JSON',
  'PROTOBUF',
  ':.c:s',
  '',
  '__proto__',
];
const SCHEMA_TEXTS = [
  '"int"',
  '"long"',
  '{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}',
  '{"type":"object"}',
  'syntax = "proto3"; message M { int32 a = 1; }',
  '{',
  '',
];

const word = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...WORDS) },
  { weight: 1, arbitrary: fc.constantFrom(...SCHEMA_TEXTS) },
  { weight: 1, arbitrary: fc.string({ maxLength: 20, unit: 'binary' }) },
);

/** Anything at all, in the place of what a schema asks for. */
const anything = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>;

/** Values of a schema of the document, and now and then others. */
function valueOf(schema: SchemaObject, name = '', depth = 0): fc.Arbitrary<Json> {
  return fc.oneof({ weight: 12, arbitrary: fitting(schema, name, depth) }, { weight: 1, arbitrary: anything });
}

function fitting(schema: SchemaObject, name: string, depth: number): fc.Arbitrary<Json> {
  if (schema.$ref !== undefined)
    return fitting(DOCUMENT.components.schemas[schema.$ref.split('/').at(-1)!]!, name, depth);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return fc.oneof(...choices.map((one) => fitting(one, name, depth)));
  if (depth > 4) return fc.constant(null);
  switch (schema.type) {
    case 'string':
      return name === 'schema' ? fc.constantFrom(...SCHEMA_TEXTS) : word;
    case 'integer':
    case 'number':
      return fc.constantFrom(0, 1, 2, -1, 3, 100, 2 ** 31, 2 ** 53, -(2 ** 63), 1.5);
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(valueOf(schema.items ?? {}, name, depth + 1), { maxLength: 3 });
    case 'object':
      return objectOf(schema, depth);
    default:
      return anything;
  }
}

function objectOf(
  { properties = {}, required = [], additionalProperties }: SchemaObject,
  depth: number,
): fc.Arbitrary<Json> {
  const members = Object.fromEntries(
    Object.entries(properties).map(([name, one]) => [name, valueOf(one, name, depth + 1)]),
  );
  const known = fc.record(members, { requiredKeys: [...required].filter((name) => name in members) });
  if (typeof additionalProperties !== 'object') return known as fc.Arbitrary<Json>;
  return fc.dictionary(word, valueOf(additionalProperties, '', depth + 1), { maxKeys: 3 }) as fc.Arbitrary<Json>;
}

function requestOf(path: string, method: string, operation: Operation): fc.Arbitrary<GeneratedRequest> {
  const parameters = operation.parameters ?? [];
  const inPath = parameters.filter((one) => one.in === 'path');
  const inQuery = parameters.filter((one) => one.in === 'query');
  const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? ['application/json', undefined];
  return fc
    .record({
      places: fc.tuple(...inPath.map(() => word)),
      query: fc
        .subarray(
          inQuery.map(({ name }) => name),
          { maxLength: Math.min(3, inQuery.length) },
        )
        .chain((names) => fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), word)))),
      body:
        content === undefined
          ? fc.constant(undefined)
          : fc.oneof(
              { weight: 8, arbitrary: valueOf(content.schema) },
              { weight: 2, arbitrary: fc.constant(content.example) },
            ),
    })
    .map(({ places, query, body }) => {
      const filled = inPath.reduce(
        (at, { name }, i) => at.replace(`{${name}}`, encodeURIComponent(places[i] || 's')),
        path,
      );
      const asked = new URLSearchParams(query as [string, string][]).toString();
      return {
        operation,
        method: method.toUpperCase(),
        path: asked === '' ? filled : `${filled}?${asked}`,
        body: body === undefined ? undefined : JSON.stringify(body),
        type,
      };
    });
}

const REQUESTS = Object.entries(DOCUMENT.paths).flatMap(([path, operations]) =>
  Object.entries(operations)
    .filter(([, operation]) => operation.tags?.some((tag) => TAGS.includes(tag)))
    .map(([method, operation]) => requestOf(path, method, operation)),
);

/** What the document does not say of an answer; undefined where it says all. */
function unspoken(
  { operation, method, path }: GeneratedRequest,
  status: number,
  allowed: readonly string[],
): string | undefined {
  if (status >= 500) return `${method} ${path} failed: ${status}`;
  return allowed.includes(String(status))
    ? undefined
    : `${operation.operationId} is not documented to answer ${status} (${method} ${path})`;
}

describe('requests made from the OpenAPI document', () => {
  const server = serverForSuite();

  const send = async ({ method, path, body, type }: GeneratedRequest): Promise<number> => {
    const headers: Record<string, string> = body === undefined ? {} : { 'content-type': type };
    const response = await fetch(server().url + path, { method, body, headers, signal: AbortSignal.timeout(HANGS_MS) });
    await response.arrayBuffer();
    return response.status;
  };

  it('are made for every route of the registry', () => {
    expect(REQUESTS.length).toBeGreaterThan(50);
  });

  it('get answers that the document knows, none of them a failure, in any order', async () => {
    const chains = fc.array(fc.oneof(...REQUESTS), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(chains, async (chain) => {
        for (const request of chain) {
          expect(unspoken(request, await send(request), Object.keys(request.operation.responses))).toBeUndefined();
        }
      }),
      { numRuns: 250 },
    );
    expect(process.kill(server().pid, 0)).toBe(true);
  });

  it('negative control: a failure and an undocumented answer are seen', async () => {
    const [request] = fc.sample(REQUESTS[0]!, 1);
    expect(unspoken(request!, 500, ['200', '500'])).toContain('failed');
    expect(unspoken(request!, await send(request!), [])).toContain('is not documented');
  });
});
