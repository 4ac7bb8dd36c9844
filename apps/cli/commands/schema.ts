import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { argument, given, text, texts, type Handler, type Invocation } from '../command.js';
import { Failure, usage } from '../failure.js';
import type { Client } from '../http/client.js';
import { described, listed } from '../outcome.js';
import { schemaTypeOf } from '../project/project.js';
import { readYaml } from '../project/yaml-file.js';
import { schemaRef, versionRef } from '../reference.js';
import { confirm } from '../settings/confirm.js';
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

/** The version of a reference. @throws Failure for one that is not there. */
export async function fetchVersion(client: Client, reference: string): Promise<RegisteredVersion> {
  const { subject, version } = versionRef(reference);
  return client.get(`/subjects/${escaped(subject)}/versions/${version}`);
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
  if (given(invocation, 'raw')) return { kind: 'Schema', data: found, names: [name], raw: `${found.schema}\n` };
  return { kind: 'Schema', data: { schemaType: 'AVRO', ...found }, names: [name], text: readable(found.schema) };
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
  return described('Schema', { schemaType: 'AVRO', ...found }, `${found.subject}@${found.version}`, {
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
    const judged = await client.post<{
      compatible: boolean;
      level: string;
      findings: { ruleId: string; place: string; what: string; fix: string; levels: string[] }[];
    }>('/v1/schemas:check', { subject, ...body, ...(normalize === undefined ? {} : { normalize }) });
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

export const remove: Handler = async (invocation) => {
  const settings = await invocation.settings();
  const client = await settings.client();
  const ref = schemaRef(argument(invocation, 0));
  if (ref.kind === 'id')
    throw usage(
      'reference-invalid',
      'Versions of subjects are deleted, not ids.',
      'weir schema get id:42 tells which versions carry an id.',
    );
  const permanent = given(invocation, 'permanent');
  const path =
    ref.version === undefined
      ? `/subjects/${escaped(ref.subject)}`
      : `/subjects/${escaped(ref.subject)}/versions/${ref.version}`;
  const name = argument(invocation, 0);
  if (permanent && !given(invocation, 'force')) await requireUnused(client, ref.subject, ref.version);
  if (invocation.flags.dryRun)
    return described('DeletedSchema', { reference: name, permanent, deleted: [], dryRun: true }, name);
  await confirm(invocation, `${permanent ? 'Delete for good' : 'Delete'} ${name} at ${client.address}.`);
  const deleted = await client.json<number | number[]>('DELETE', path, {
    query: { permanent: permanent || undefined },
  });
  return described('DeletedSchema', { reference: name, permanent, deleted: [deleted].flat(), dryRun: false }, name);
};

export const restore: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const ref = schemaRef(argument(invocation, 0));
  if (ref.kind === 'id') throw usage('reference-invalid', 'Versions of subjects are restored, not ids.');
  const versionsAsked = typeof ref.version === 'number' ? { versions: [ref.version] } : {};
  const done = await client.post<{ subject: string; restored: number[]; dryRun: boolean }>(
    `/v1/subjects/${escaped(ref.subject)}:restore`,
    versionsAsked,
    { dryRun: invocation.flags.dryRun || undefined },
  );
  return described('RestoredSchema', done as unknown as Record<string, unknown>, argument(invocation, 0));
};

export const usageOf: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const { subject, version } = versionRef(argument(invocation, 0));
  const found = await fetchVersion(client, `${subject}@${version}`);
  const told = await client.get<{
    verdict: string;
    reasons: { code: string; message: string }[];
    records: { total: number; exact: boolean; topics: { topic: string; partitions: object[] }[] };
  }>(`/v1/subjects/${escaped(subject)}/versions/${found.version}/usage`, { scan: text(invocation, 'scan') });
  return {
    kind: 'SchemaUsage',
    data: told,
    names: [`${subject}@${found.version}`],
    text: `${subject}@${found.version}: ${told.verdict === 'safe' ? 'safe to delete' : told.verdict} · ${told.records.total}${told.records.exact ? '' : ' or more'} records`,
    table: {
      columns: [{ title: 'reason' }, { title: 'what' }],
      rows: told.reasons.map(({ code, message }) => [code, message]),
    },
  };
};

async function requireUnused(client: Client, subject: string, version: number | 'latest' | undefined): Promise<void> {
  const numbers =
    version === undefined
      ? ((await client.find<number[]>(`/subjects/${escaped(subject)}/versions`, { deleted: true })) ?? [])
      : [version];
  for (const number of numbers) {
    const found = await client.find<{ verdict: string; reasons: { message: string }[] }>(
      `/v1/subjects/${escaped(subject)}/versions/${number}/usage`,
    );
    if (found === undefined || found.verdict === 'safe') continue;
    throw new Failure({
      code: 'schema-in-use',
      exit: 'conflict',
      message: `${subject}@${number} may be in use: ${found.reasons[0]?.message ?? found.verdict}`,
      hint: 'weir schema usage looks closer; --force deletes it all the same.',
      findings: found.reasons,
    });
  }
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
  const metadata = await yamlOf(invocation, 'metadata');
  const ruleSet = await yamlOf(invocation, 'rules');
  return {
    schema,
    schemaType,
    ...(references.length === 0 ? {} : { references }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(ruleSet === undefined ? {} : { ruleSet }),
  };
}

async function yamlOf(invocation: Invocation, option: string): Promise<unknown> {
  const file = text(invocation, option);
  if (file === undefined) return undefined;
  return readYaml(z.record(z.string(), z.unknown()), {
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
  try {
    return JSON.stringify(JSON.parse(schema), null, 2);
  } catch {
    return schema;
  }
}
