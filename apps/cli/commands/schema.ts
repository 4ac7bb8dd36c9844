import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { argument, given, text, texts, type Handler, type Invocation } from '../command.js';
import { Failure, usage } from '../failure.js';
import type { Client } from '../http/client.js';
import { watchOperation } from '../operations/watch.js';
import { described, listed } from '../outcome.js';
import { laidOutJson } from '../output/json-layout.js';
import { schemaTypeOf } from '../project/project.js';
import { readYaml } from '../project/yaml-file.js';
import { schemaRef, versionRef } from '../reference.js';
import { z } from 'zod';

/** A version as the registry has it. */
export interface RegisteredVersion {
  readonly subject: string;
  readonly version: number;
  readonly id: number;
  readonly schema: string;
  readonly schemaType?: string;
  readonly references?: readonly { readonly name: string; readonly subject: string; readonly version: number }[];
}

const escaped = encodeURIComponent;

/** A schema with every member that it may have: a registry leaves out what is empty, and documents never do. */
function wholeSchema<T extends object>(found: T) {
  return { schemaType: 'AVRO', references: [], metadata: null, ruleSet: null, ...found };
}

/** The version of a reference. @param options `deleted`: also one that was deleted softly. @throws Failure for one that is not there. */
export async function fetchVersion(
  client: Client,
  reference: string,
  { deleted = false }: { readonly deleted?: boolean } = {},
): Promise<RegisteredVersion> {
  const { subject, version } = versionRef(reference);
  return client.get(`/subjects/${escaped(subject)}/versions/${version}`, { deleted: deleted || undefined });
}

export const list: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const query = {
    prefix: text(invocation, 'prefix'),
    field: text(invocation, 'field'),
    tag: text(invocation, 'tag'),
    owner: text(invocation, 'owner'),
    schemaType: text(invocation, 'type')?.toUpperCase(),
  };
  const items = [];
  for await (const item of client.pages<{
    subject: string;
    version: number;
    id: number;
    schemaType: string;
    registeredAt: string;
  }>('/v1/schemas', query))
    items.push(item);
  return listed(
    'SchemaList',
    items,
    [
      { title: 'subject', of: ({ subject }) => subject },
      { title: 'version', right: true, of: ({ version }) => version },
      { title: 'id', right: true, of: ({ id }) => id },
      { title: 'type', of: ({ schemaType }) => schemaType },
      { title: 'registered', wide: true, of: ({ registeredAt }) => registeredAt },
    ],
    ({ subject, version }) => `${subject}@${version}`,
    'There are no schemas. Register some: weir apply, or weir schema register SUBJECT FILE',
  );
};

export const get: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const ref = schemaRef(argument(invocation, 0));
  const format = given(invocation, 'resolved') ? 'resolved' : undefined;
  const found =
    ref.kind === 'id'
      ? {
          id: ref.id,
          ...(await client.get<{ schema: string; schemaType?: string }>(`/schemas/ids/${ref.id}`, { format })),
          versions: await client.get<object[]>(`/schemas/ids/${ref.id}/versions`),
        }
      : await client.get<RegisteredVersion>(`/subjects/${escaped(ref.subject)}/versions/${ref.version ?? 'latest'}`, {
          format,
        });
  const name =
    ref.kind === 'id'
      ? `id:${ref.id}`
      : `${(found as RegisteredVersion).subject}@${(found as RegisteredVersion).version}`;
  const data = wholeSchema(found);
  if (given(invocation, 'raw')) return { kind: 'Schema', data, names: [name], raw: `${found.schema}\n` };
  return { kind: 'Schema', data, names: [name], text: readable(found.schema) };
};

export const versions: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const subject = argument(invocation, 0);
  const numbers = await client.get<number[]>(`/subjects/${escaped(subject)}/versions`, {
    deleted: given(invocation, 'deleted') || undefined,
  });
  return listed(
    'SchemaVersions',
    numbers.map((version) => ({ subject, version })),
    [{ title: 'version', right: true, of: ({ version }) => version }],
    (one) => `${subject}@${one.version}`,
  );
};

export const lookup: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const body = await sentSchema(invocation, argument(invocation, 1));
  const found = await client.post<RegisteredVersion>(`/subjects/${escaped(argument(invocation, 0))}`, body, {
    normalize: given(invocation, 'normalize') || undefined,
  });
  return described('Schema', { ...wholeSchema(found) }, `${found.subject}@${found.version}`, {
    subject: found.subject,
    version: found.version,
    id: found.id,
  });
};

export const refs: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const found = await fetchVersion(client, argument(invocation, 0));
  if (!given(invocation, 'referencedBy')) {
    return listed(
      'SchemaReferences',
      found.references ?? [],
      [
        { title: 'name', of: ({ name }) => name },
        { title: 'subject', of: ({ subject }) => subject },
        { title: 'version', right: true, of: ({ version }) => version },
      ],
      ({ subject, version }) => `${subject}@${version}`,
      'It refers to nothing.',
    );
  }
  const ids = await client.get<number[]>(`/subjects/${escaped(found.subject)}/versions/${found.version}/referencedby`);
  const referrers = (
    await Promise.all(
      ids.map((id) =>
        client
          .get<{ subject: string; version: number }[]>(`/schemas/ids/${id}/versions`)
          .then((all) => all.map((one) => ({ ...one, id }))),
      ),
    )
  ).flat();
  return listed(
    'SchemaReferrers',
    referrers,
    [
      { title: 'subject', of: ({ subject }) => subject },
      { title: 'version', right: true, of: ({ version }) => version },
      { title: 'id', right: true, of: ({ id }) => id },
    ],
    ({ subject, version }) => `${subject}@${version}`,
    'Nothing refers to it.',
  );
};

export const register: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const subject = argument(invocation, 0);
  const body = await sentSchema(invocation, argument(invocation, 1));
  const query = { normalize: given(invocation, 'normalize') || undefined };
  if (invocation.flags.dryRun) {
    const { normalize } = query;
    const judged = await judgedBy(invocation, client, {
      subject,
      ...body,
      ...(normalize === undefined ? {} : { normalize }),
    });
    return {
      ...listed(
        'SchemaCheck',
        // The service tells what stands against every level; the one in force decides.
        judged.findings.filter(({ levels }) => levels.includes(judged.level)),
        [
          { title: 'rule', of: ({ ruleId }) => ruleId },
          { title: 'place', of: ({ place }) => place },
          { title: 'what', of: ({ what }) => what },
          { title: 'what to do', wide: true, of: ({ fix }) => fix },
        ],
        ({ ruleId }) => ruleId,
        `It may be registered, by level ${judged.level}.`,
      ),
      data: judged,
      exit: judged.compatible ? 'done' : 'no',
    };
  }
  const { id } = await client.post<{ id: number }>(`/subjects/${escaped(subject)}/versions`, body, query);
  const found = await client.post<RegisteredVersion>(`/subjects/${escaped(subject)}`, body, query);
  return described('RegisteredSchema', { subject, version: found.version, id }, `${subject}@${found.version}`);
};

interface Judged {
  readonly compatible: boolean;
  readonly level: string;
  readonly findings: readonly { ruleId: string; place: string; what: string; fix: string; levels: string[] }[];
}

/** Where an answer is told that takes longer than a request. */
interface StartedCheck {
  readonly operation: string;
  readonly result: string;
}

/** What the service says of a schema. Where that compares with more versions than one request may, it is an operation, which is waited for. */
async function judgedBy(invocation: Invocation, client: Client, body: object): Promise<Judged> {
  const answer = await client.json<Judged | StartedCheck>('POST', '/v1/schemas:check', {
    body,
    headers: { prefer: 'respond-async, wait=10' },
  });
  if (!('operation' in answer)) return answer;
  await watchOperation(invocation, client, answer.operation);
  const { check, failure } = await client.get<{
    readonly check: Judged | null;
    readonly failure: { readonly code: string; readonly message: string } | null;
  }>(answer.result);
  if (check !== null) return check;
  throw new Failure({
    code: failure?.code ?? 'check-under-way',
    exit: 'operation-failed',
    message: failure?.message ?? `The check has not come to its end: it is operation ${answer.operation}.`,
    hint:
      failure === null ? `Follow it: weir op watch ${answer.operation}` : 'The service cannot compare these schemas.',
  });
}

async function sentSchema(invocation: Invocation, file: string): Promise<Record<string, unknown>> {
  const schema =
    file === '-' ? (await invocation.io.stdin()).toString('utf8') : await readText(resolve(invocation.io.cwd, file));
  const schemaType = text(invocation, 'type')?.toUpperCase() ?? schemaTypeOf(file) ?? 'AVRO';
  const references = texts(invocation, 'ref').map((one) => {
    const equals = one.indexOf('=');
    const { subject, version } = versionRef(one.slice(equals + 1));
    if (equals < 1) throw usage('reference-invalid', `'${one}' is no reference.`, 'Write NAME=SUBJECT@VERSION.');
    return { name: one.slice(0, equals), subject, version: version === 'latest' ? -1 : version };
  });
  const metadata = await yamlOf(invocation, 'metadata', METADATA);
  const ruleSet = await yamlOf(invocation, 'rules', RULE_SET);
  return {
    schema,
    schemaType,
    ...(references.length === 0 ? {} : { references }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(ruleSet === undefined ? {} : { ruleSet }),
  };
}

/** Members by their names; what is in them the service judges. The registry takes no notice of others, so that a file in the wrong place would be nothing. */
const METADATA = z.strictObject({
  tags: z.unknown().optional(),
  properties: z.unknown().optional(),
  sensitive: z.unknown().optional(),
});
const RULE_SET = z.strictObject({
  migrationRules: z.unknown().optional(),
  domainRules: z.unknown().optional(),
  encodingRules: z.unknown().optional(),
  enableAt: z.unknown().optional(),
});

async function yamlOf(invocation: Invocation, option: string, shape: z.ZodType): Promise<unknown> {
  const file = text(invocation, option);
  if (file === undefined) return undefined;
  return readYaml(shape, {
    text: await readText(resolve(invocation.io.cwd, file)),
    file,
    env: invocation.io.env,
  }).value;
}

/** @throws Failure for a file that cannot be read. */
export async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: Error) => {
    throw new Failure({
      code: 'file-unreadable',
      exit: 'usage',
      message: `'${path}' cannot be read: ${cause.message}`,
      cause,
    });
  });
}

/** JSON laid out for reading; other texts as they are. */
export function readable(schema: string): string {
  return laidOutJson(schema) ?? schema;
}
