import { z } from 'zod';
import { impossible, stableJson, type JsonObject, type JsonValue } from '#libs/core/kernel';
import type { ApiDoc } from './api-json.js';
import { CONFLUENT_TYPE } from './registry-dialect.js';
import { patternSegments, templateOf } from './route-pattern.js';
import type { RouteTable, TableRoute } from './route-table.js';
import { STATUS_OF_KIND } from './statuses.js';

/** What every route may answer beside its own refusals. */
const COMMON_ERRORS = [400, 401, 403, 429, 500, 503];

/**
 * What follows from its shape: something named in its path may not be there, and a body may be too large or of another type. The Confluent API answers 404 for numbers
 * out of range too, and 422 for what cannot be processed.
 */
function shapeErrors({ url, api, confluent }: TableRoute): readonly number[] {
  const names = patternSegments(url).some(({ parameter }) => parameter !== undefined);
  return [
    ...(names ? [404] : []),
    ...(api?.body === undefined ? [] : [413, 415]),
    ...(confluent ? [404, 406, 422] : []),
  ];
}

/**
 * The OpenAPI 3.1 document of the routes that document themselves. The same routes give the same text: paths and components are sorted, nothing depends on
 * the time or the machine.
 */
export function openApiDocument(routes: RouteTable, version: string): JsonObject {
  const components = new Components();
  const paths: Record<string, JsonObject> = {};
  components.share(routes.routes());
  const documented = new Map<string, ApiDoc>();
  for (const route of routes.routes()) {
    if (route.api === undefined) continue;
    const operation = operationOf(route, components);
    const id = String(operation['operationId']);
    const before = documented.get(id);
    // Another spelling of a path that is documented already: one handler, one declaration.
    if (before === route.api) continue;
    if (before !== undefined) impossible(`two routes have the operationId '${id}'`);
    documented.set(id, route.api);
    (paths[templateOf(route.url)] ??= {})[route.method.toLowerCase()] = operation;
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Weir',
      summary: 'A durable log, a schema registry and stream management in one service.',
      version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { basic: [] }],
    tags: tagsOf(routes).map((name) => ({ name })),
    paths: sorted(paths),
    components: {
      securitySchemes: {
        basic: {
          type: 'http',
          scheme: 'basic',
          description: 'The token is the password; the user name is not looked at.',
        },
        bearer: { type: 'http', scheme: 'bearer' },
      },
      responses: {
        Problem: {
          description: 'Refused, or failed.',
          content: { 'application/problem+json': { schema: ref('Problem') } },
        },
        RegistryError: {
          description: 'Refused, or failed.',
          content: { [CONFLUENT_TYPE]: { schema: ref('RegistryError') } },
        },
        RestProxyError: {
          description: 'Refused, or failed.',
          content: { 'application/json': { schema: ref('RestProxyError') } },
        },
      },
      schemas: sorted({
        ...components.schemas,
        Problem: PROBLEM,
        RegistryError: CONFLUENT_ERROR,
        RestProxyError: CONFLUENT_ERROR,
      }),
    },
  };
}

function operationOf(route: TableRoute, components: Components): JsonObject {
  const api = route.api!;
  const id = `${api.id}${route.url.startsWith('/v1/clusters/:cluster/') ? 'InCluster' : ''}`;
  const [answers] = route.confluent?.offers[0] ?? ['application/json'];
  const [takes = 'application/json'] = route.confluent?.takes ?? [];
  const status = String(api.status ?? 200);
  const content: JsonObject =
    api.response === undefined
      ? {}
      : { content: { [api.produces ?? answers]: { schema: components.schemaOf(api.response, 'output') } } };
  const accepted: JsonObject =
    api.accepted === undefined
      ? {}
      : {
          202: {
            description: describe('202'),
            content: { [answers]: { schema: components.schemaOf(api.accepted, 'output') } },
          },
        };
  return {
    operationId: id,
    summary: api.summary,
    ...(api.description === undefined ? {} : { description: api.description }),
    tags: [api.tag],
    ...('public' in route.access ? { security: [] } : {}),
    ...parametersOf(route, components),
    ...requestBodyOf(route, takes, components),
    responses: { [status]: { description: describe(status), ...content }, ...accepted, ...errorsOf(route) },
  };
}

/** What a route takes: JSON of its schema, and other media types as the text they are. */
function requestBodyOf({ api, consumes }: TableRoute, takes: string, components: Components): JsonObject {
  const { body, bodyExample } = api!;
  const content: Record<string, JsonObject> = {};
  if (body !== undefined) {
    const schema = components.schemaOf(body, 'input');
    content[takes] = bodyExample === undefined ? { schema } : { schema, example: bodyExample as JsonValue };
  }
  for (const type of consumes) content[type] = { schema: { type: 'string' } };
  return Object.keys(content).length === 0 ? {} : { requestBody: { required: true, content } };
}

function errorsOf(route: TableRoute): JsonObject {
  const { api, confluent, access } = route;
  const own = Object.entries(api?.errors ?? {});
  const common = COMMON_ERRORS.filter((status) => !('public' in access) || (status !== 401 && status !== 403));
  const statuses = [...new Set([...common, ...shapeErrors(route), ...own.map(([status]) => Number(status))])].sort(
    (a, b) => a - b,
  );
  const name = confluent?.errorName ?? 'Problem';
  return Object.fromEntries(
    statuses.map((status) => {
      const codes = own.find(([one]) => Number(one) === status)?.[1];
      if (codes === undefined) return [String(status), { $ref: `#/components/responses/${name}` }];
      const type = confluent?.offers[0]?.[0] ?? 'application/problem+json';
      const description = `${describe(String(status))}: ${codes.map((code) => `\`${code}\``).join(', ')}.`;
      return [String(status), { description, content: { [type]: { schema: ref(name) } } }];
    }),
  );
}

function parametersOf({ url, api }: TableRoute, components: Components): JsonObject {
  const path = patternSegments(url).flatMap(({ parameter }): JsonObject[] =>
    parameter === undefined
      ? []
      : [{ name: parameter, in: 'path', required: true, schema: { type: 'string', minLength: 1, maxLength: 1_024 } }],
  );
  const query = api?.query === undefined ? {} : components.schemaOf(api.query, 'input');
  const required = new Set((query['required'] as string[] | undefined) ?? []);
  const more = Object.entries((query['properties'] as Record<string, JsonObject> | undefined) ?? {}).map(
    ([name, { description, ...schema }]): JsonObject => ({
      name,
      in: 'query',
      required: required.has(name),
      ...(description === undefined ? {} : { description }),
      schema,
    }),
  );
  const parameters = [...path, ...more];
  return parameters.length === 0 ? {} : { parameters };
}

/** Schemas the document names: what several operations share, and what refers to itself. */
class Components {
  readonly schemas: Record<string, JsonObject> = {};
  readonly #names = new Map<z.ZodType, string>();

  /** Gives a name to each schema that is body or answer of more than one operation: that of the first, with its role. */
  share(routes: readonly TableRoute[]): void {
    const first = new Map<z.ZodType, string>();
    for (const { api } of routes) {
      if (api === undefined) continue;
      const { id, body, response } = api;
      const name = id.charAt(0).toUpperCase() + id.slice(1);
      for (const [schema, role] of [[body, 'Body'] as const, [response, 'Answer'] as const]) {
        if (schema === undefined) continue;
        const known = first.get(schema);
        if (known === undefined) first.set(schema, `${name}${role}`);
        else this.#names.set(schema, known);
      }
    }
  }

  /** The JSON Schema of a zod schema, or a reference to it where it is shared. */
  schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
    const name = this.#names.get(schema);
    if (name === undefined) return this.convert(schema, io);
    // A schema that is both sent and answered differs in what may be left out.
    const full = name.endsWith('Body') && io === 'output' ? `${name}AsAnswer` : name;
    this.schemas[full] ??= this.convert(schema, io);
    return ref(full);
  }

  /** Definitions of the schema's own are moved to the components. */
  private convert(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
    const made = z.toJSONSchema(schema, {
      io,
      unrepresentable: 'any',
      target: 'draft-2020-12',
      override: plainIntegers,
    }) as JsonObject;
    const { $defs: definitions = {}, ...rest } = made;
    delete rest['$schema'];
    const names = new Map(
      Object.entries(definitions as Record<string, JsonObject>).map(([key, definition]) => [
        key,
        this.add(key, definition),
      ]),
    );
    return renamed(rest, names) as JsonObject;
  }

  /** Keeps a definition once, however many schemas bring it along. */
  private add(key: string, definition: JsonObject): string {
    const self = new Map([[key, 'self']]);
    const text = stableJson(renamed(definition, self));
    for (let number = 1; ; number++) {
      const name = number === 1 ? 'JsonValue' : `Schema${number}`;
      const known = this.schemas[name];
      if (
        known !== undefined &&
        stableJson(renamed(known, new Map([[name, 'self']]), '#/components/schemas/')) !== text
      )
        continue;
      this.schemas[name] ??= renamed(definition, new Map([[key, name]])) as JsonObject;
      return name;
    }
  }
}

/** Leaves out the bounds of safe integers: they say nothing about the member. */
function plainIntegers({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}

/** A schema whose references to definitions point to components. */
function renamed(value: JsonValue, names: ReadonlyMap<string, string>, prefix = '#/$defs/'): JsonValue {
  if (Array.isArray(value)) return value.map((item) => renamed(item, names, prefix));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      const name =
        key === '$ref' && typeof member === 'string' && member.startsWith(prefix)
          ? names.get(member.slice(prefix.length))
          : undefined;
      return [key, name === undefined ? renamed(member, names, prefix) : `#/components/schemas/${name}`];
    }),
  );
}

const PROBLEM: JsonObject = {
  type: 'object',
  description: 'RFC 9457, with members of our own.',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'request_id'],
  properties: {
    type: { type: 'string', description: '`urn:weir:problem:` and the code.' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What happened, naming the object.' },
    instance: { type: 'string', description: 'Path of the request.' },
    code: { type: 'string', description: 'Stable; branch on it, never on texts.' },
    request_id: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'string' }, message: { type: 'string' }, code: { type: 'string' } },
      },
    },
    hint: { type: 'string', description: 'What to do next.' },
    details: { type: 'object', description: 'Facts as data: names, limits, measured values.' },
  },
};

const CONFLUENT_ERROR: JsonObject = {
  type: 'object',
  required: ['error_code', 'message'],
  additionalProperties: false,
  properties: { error_code: { type: 'integer' }, message: { type: 'string' } },
};

const TITLES: ReadonlyMap<string, string> = new Map([
  ['200', 'Done'],
  ['201', 'Created'],
  ['202', 'Accepted; the work goes on'],
  ['204', 'Done, nothing to say'],
  ...Object.values(STATUS_OF_KIND).map(({ status, title }) => [String(status), title] as const),
]);

function describe(status: string): string {
  return TITLES.get(status) ?? 'Refused';
}

function ref(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}

function tagsOf(routes: RouteTable): string[] {
  return [...new Set(routes.routes().flatMap(({ api }) => (api === undefined ? [] : [api.tag])))].sort();
}

function sorted(map: Readonly<Record<string, JsonObject>>): JsonObject {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}
