import { join, resolve } from 'node:path';
import { argument, given, text, type Handler } from '../command.js';
import { usage } from '../failure.js';
import type { Client } from '../http/client.js';
import { listed } from '../outcome.js';
import { writtenFile } from '../output/written-file.js';
import { statAt, textAt } from '../project/at-path.js';
import { globMatcher } from '../project/glob.js';
import { loadSchemas, PROJECT_FILE, schemaTypeOf } from '../project/project.js';
import { DiskTree } from '../project/source-tree.js';
import { readable, type RegisteredVersion } from './schema.js';

const ENDINGS: Readonly<Record<string, string>> = { AVRO: '.avsc', JSON: '.json', PROTOBUF: '.proto' };

interface PulledFile {
  readonly subject: string;
  readonly version: number;
  readonly id: number;
  readonly file: string;
  readonly status: 'written' | 'unchanged' | 'would-write';
}

/** A name for the file of a subject that is the same every time and on every disk. */
export function fileNameOf(subject: string, schemaType: string): string {
  const plain = subject.replace(/[^\w.-]/g, (char) => `_${char.codePointAt(0)!.toString(16)}_`).replace(/^\.+/, '_');
  return `${plain}${ENDINGS[schemaType] ?? '.txt'}`;
}

/** `weir pull`: registered schemas into files: those of the project where they are, others by their name. */
export const pull: Handler = async (invocation) => {
  const settings = await invocation.settings();
  const client = await settings.client();
  const root = settings.project?.root ?? invocation.io.cwd;
  const own = settings.project === undefined ? [] : await loadSchemas(new DiskTree(root), settings.project.file);
  const files = new Map(own.map(({ subject, file }) => [subject, file]));
  const pattern = text(invocation, 'subject');
  const subjects =
    pattern === undefined && own.length > 0
      ? own.map(({ subject }) => subject)
      : await subjectsLike(client, pattern ?? '*');
  const version = text(invocation, 'version') ?? 'latest';
  const into = text(invocation, 'into') ?? 'schemas';
  const versions = await fetchAll(client, subjects, version, given(invocation, 'withReferences'));
  const pulled: PulledFile[] = [];
  const asked = new Set(subjects);
  for (const one of versions) {
    // What is only referred to, by whatever version, is no reason to put an earlier one in the place of a file of the project.
    if (!asked.has(one.subject) && files.has(one.subject)) continue;
    const file = files.get(one.subject) ?? `${into}/${fileNameOf(one.subject, one.schemaType ?? 'AVRO')}`;
    pulled.push({
      subject: one.subject,
      version: one.version,
      id: one.id,
      file,
      status: await put(join(root, file), one, invocation.flags.dryRun),
    });
  }
  return listed(
    'PulledFiles',
    pulled,
    [
      { title: 'subject', of: ({ subject }) => subject },
      { title: 'version', right: true, of: (one) => one.version },
      { title: 'file', of: ({ file }) => file },
      { title: 'status', of: ({ status }) => status },
    ],
    ({ file }) => file,
    'No subject matches.',
  );
};

/** `weir init`: a project file, with what is there or what another registry has. */
export const init: Handler = async (invocation) => {
  const folder = resolve(invocation.io.cwd, argument(invocation, 0) || '.');
  const path = join(folder, PROJECT_FILE);
  const force = given(invocation, 'force');
  if (!force && (await statAt(path)) !== undefined)
    throw usage('project-exists', `'${path}' is there already.`, 'Nothing was written. --force writes over it.');
  const from = text(invocation, 'from');
  const entries: { subject: string; file: string; references?: object[] }[] = [];
  const written: string[] = [PROJECT_FILE];
  if (from !== undefined) {
    const client = await (await invocation.settings()).clientOf(from);
    const versions = await fetchAll(client, await subjectsLike(client, '*'), 'latest', false);
    const fetched = versions.map((one) => {
      return { one, file: `schemas/${fileNameOf(one.subject, one.schemaType ?? 'AVRO')}` };
    });
    // All are looked for before the first is written.
    if (!force && !invocation.flags.dryRun)
      for (const { file } of fetched)
        if ((await statAt(join(folder, file))) !== undefined)
          throw usage('file-exists', `'${file}' is there already.`, 'Nothing was written. --force writes over all.');
    for (const { one, file } of fetched) {
      await put(join(folder, file), one, invocation.flags.dryRun);
      written.push(file);
      entries.push({
        subject: one.subject,
        file,
        ...(one.references?.length
          ? { references: one.references.map((reference) => givenReference(reference, versions)) }
          : {}),
      });
    }
  } else {
    const matches = globMatcher(text(invocation, 'scan') ?? '**/*.{avsc,proto}');
    const found =
      (await statAt(folder)) === undefined
        ? []
        : (await new DiskTree(folder).list()).filter((file) => matches(file) && schemaTypeOf(file) !== undefined);
    entries.push(
      ...found.map((file) => ({
        subject: `${file.replace(/^.*\//, '').replace(/(\.schema)?\.[^.]+$/, '')}${/-(value|key)\.[^.]+$/.test(file) ? '' : '-value'}`,
        file,
      })),
    );
  }
  const { stringify } = await import('yaml');
  const server = from ?? 'http://localhost:8081';
  const project = `apiVersion: v1\nserver: \${WEIR_URL:-${server}}\ndefaults: { normalize: false }\n${entries.length === 0 ? 'schemas: []\n' : stringify({ schemas: entries })}`;
  if (!invocation.flags.dryRun) {
    await writtenFile(path, project, { folders: true });
  }
  return {
    ...listed(
      'InitialisedProject',
      entries,
      [
        { title: 'subject', of: ({ subject }) => subject },
        { title: 'file', of: ({ file }) => file },
      ],
      ({ subject }) => subject,
      `${path} has no schemas yet.`,
    ),
    text: `${path}: ${entries.length} schema${entries.length === 1 ? '' : 's'}${invocation.flags.dryRun ? ', not written (--dry-run)' : ''}`,
    data: {
      folder,
      files: written,
      schemas: entries.map((one) => ({ references: [], ...one })),
      dryRun: invocation.flags.dryRun,
    },
  };
};

/** A reference as the project file has it: with its version where that is not the one that the project has. */
function givenReference(
  { name, subject, version }: NonNullable<RegisteredVersion['references']>[number],
  versions: readonly RegisteredVersion[],
): object {
  const isLatest = versions.some((one) => one.subject === subject && one.version === version);
  return isLatest ? { subject, name } : { subject, name, version };
}

async function subjectsLike(client: Client, pattern: string): Promise<readonly string[]> {
  const matches = globMatcher(pattern.replaceAll('*', '**'));
  return (await client.get<string[]>('/subjects')).filter(matches);
}

async function fetchAll(
  client: Client,
  subjects: readonly string[],
  version: string,
  withReferences: boolean,
): Promise<readonly RegisteredVersion[]> {
  const found = new Map<string, RegisteredVersion>();
  let asked = subjects.map((subject) => ({ subject, version }));
  while (asked.length > 0) {
    const some = asked.splice(0, 8);
    const versions = await Promise.all(
      some.map((one) =>
        client.find<RegisteredVersion>(`/subjects/${encodeURIComponent(one.subject)}/versions/${one.version}`),
      ),
    );
    for (const one of versions) {
      if (one === undefined || found.has(one.subject)) continue;
      found.set(one.subject, one);
      if (withReferences)
        asked = [
          ...asked,
          ...(one.references ?? [])
            .filter(({ subject }) => !found.has(subject))
            .map((reference) => ({ subject: reference.subject, version: String(reference.version) })),
        ];
    }
  }
  return [...found.values()].sort((a, b) => (a.subject < b.subject ? -1 : 1));
}

async function put(path: string, { schema }: RegisteredVersion, dryRun: boolean): Promise<PulledFile['status']> {
  const made = `${readable(schema).trimEnd()}\n`;
  const present = await textAt(path);
  if (present === made) return 'unchanged';
  if (dryRun) return 'would-write';
  await writtenFile(path, made, { folders: true });
  return 'written';
}
