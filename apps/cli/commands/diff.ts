import { basename, dirname, resolve } from 'node:path';
import {
  COMPATIBILITY_LEVELS,
  judge,
  standardFormats,
  verdictFindings,
  type ParsedSchema,
  resolvedReferences,
  type ResolvedReference,
  type SchemaReference,
} from '#libs/core/schema';
import { isAppError } from '#libs/core/kernel';
import { argument, given, type Handler, type Invocation } from '../command.js';
import { pathInProject } from '../check/baseline.js';
import { usage } from '../failure.js';
import type { Client } from '../http/client.js';
import { statAt } from '../project/at-path.js';
import { loadSchemas, looseSchemas } from '../project/project.js';
import { ReferenceTrouble, SchemaSet } from '../project/schema-set.js';
import { DiskTree } from '../project/source-tree.js';
import { schemaRef } from '../reference.js';
import { readable, type RegisteredVersion } from './schema.js';

interface Side {
  readonly label: string;
  readonly text: string;
  readonly schemaType: string;
  readonly references: readonly ResolvedReference[];
}

/** `weir schema diff A B`: files or references; what differs by meaning, by line, or at every level. */
export const diff: Handler = async (invocation) => {
  const [a, b] = [await side(invocation, argument(invocation, 0)), await side(invocation, argument(invocation, 1))];
  const lines = () => lineDiff(readable(a.text).split('\n'), readable(b.text).split('\n'));
  const shownLines = (): string => `--- ${a.label}\n+++ ${b.label}\n${lines().join('\n')}`;
  if (given(invocation, 'text'))
    return { kind: 'SchemaTextDiff', data: { a: a.label, b: b.label, lines: lines() }, text: shownLines() };
  const formats = standardFormats();
  const [old, candidate] = [parsed(formats, a), parsed(formats, b)];
  const verdicts = COMPATIBILITY_LEVELS.map((level) =>
    judge(formats, { level, candidate, earlier: [{ version: null, schema: old }] }),
  );
  const full = verdicts.find(({ level }) => level === 'FULL')!;
  const differences = verdictFindings(formats, full);
  const same = old.equivalence === candidate.equivalence;
  const data = {
    a: a.label,
    b: b.label,
    same,
    differences,
    levels: verdicts.map(({ level, compatible }) => ({ level, compatible })),
  };
  const text = same
    ? 'The two are the same schema.'
    : differences.length === 0
      ? `They differ, and read each other’s data.\n${shownLines()}`
      : '';
  if (given(invocation, 'levels')) {
    return {
      kind: 'SchemaDiff',
      data,
      text,
      table: {
        columns: [{ title: 'level' }, { title: 'b may follow a' }],
        rows: data.levels.map(({ level, compatible }) => [level, compatible ? 'yes' : 'no']),
      },
      names: data.levels.filter(({ compatible }) => compatible).map(({ level }) => level),
    };
  }
  return {
    kind: 'SchemaDiff',
    data,
    text,
    table: {
      columns: [
        { title: 'rule' },
        { title: 'place' },
        { title: 'before' },
        { title: 'after' },
        { title: 'what' },
        { title: 'fix', wide: true },
      ],
      rows: differences.map(({ ruleId, place, before, after, what, fix }) => [ruleId, place, before, after, what, fix]),
    },
    names: [...new Set(differences.map(({ ruleId }) => ruleId))],
  };
};

async function side(invocation: Invocation, name: string): Promise<Side> {
  const path = resolve(invocation.io.cwd, name);
  const own = await ofProject(invocation, name);
  if (own !== undefined) return own;
  if ((await statAt(path))?.isFile() === true) {
    const [found] = await looseSchemas(new DiskTree(dirname(path)), [basename(path)]);
    if (found === undefined) throw usage('path-without-schemas', `'${name}' holds no schema.`);
    return { label: name, text: found.text, schemaType: found.schemaType, references: [] };
  }
  const client = await (await invocation.settings()).client();
  const ref = schemaRef(name);
  const found =
    ref.kind === 'id'
      ? await client.get<RegisteredVersion>(`/schemas/ids/${ref.id}`)
      : await client.get<RegisteredVersion>(
          `/subjects/${encodeURIComponent(ref.subject)}/versions/${ref.version ?? 'latest'}`,
        );
  const references = new Map<string, ResolvedReference>();
  await collect(client, found.references ?? [], references);
  return {
    label: name,
    text: found.schema,
    schemaType: found.schemaType ?? 'AVRO',
    references: resolvedReferences(references, found.references ?? []),
  };
}

/** A file of the project, with what it refers to there. */
async function ofProject(invocation: Invocation, name: string): Promise<Side | undefined> {
  const { project } = await invocation.settings();
  if (project === undefined) return undefined;
  const all = await loadSchemas(new DiskTree(project.root), project.file);
  const here = pathInProject(project.root, invocation.io.cwd, name);
  const schema = all.find(({ file }) => file === here);
  if (schema === undefined) return undefined;
  try {
    const { text, schemaType, references } = await new SchemaSet(all).source(schema);
    return { label: name, text, schemaType, references };
  } catch (error) {
    if (!(error instanceof ReferenceTrouble)) throw error;
    throw usage('schema-invalid', `${name}: ${error.message}`, error.help);
  }
}

async function collect(
  client: Client,
  references: readonly SchemaReference[],
  found: Map<string, ResolvedReference>,
): Promise<void> {
  for (const { name, subject, version } of references) {
    if (found.has(name)) continue;
    const target = await client.get<RegisteredVersion>(`/subjects/${encodeURIComponent(subject)}/versions/${version}`, {
      deleted: true,
    });
    await collect(client, target.references ?? [], found);
    found.set(name, {
      name,
      schemaType: (target.schemaType ?? 'AVRO') as ResolvedReference['schemaType'],
      text: target.schema,
      references: target.references ?? [],
    });
  }
}

function parsed(
  formats: ReturnType<typeof standardFormats>,
  { label, text, schemaType, references }: Side,
): ParsedSchema {
  try {
    return formats.get(schemaType).parse(text, { references, validate: false });
  } catch (error) {
    if (!isAppError(error)) throw error;
    throw usage('schema-invalid', `${label}: ${error.message}`, error.hint);
  }
}

/** Lines with ` `, `-` or `+` in front, by the longest common part; only the surroundings of changes. */
function lineDiff(a: readonly string[], b: readonly string[]): readonly string[] {
  // Beyond this the table would take too much room, and nobody reads such a difference.
  if (a.length * b.length > 4_000_000) return [...a.map((line) => `-${line}`), ...b.map((line) => `+${line}`)];
  const common = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      common[i]![j] = a[i] === b[j] ? common[i + 1]![j + 1]! + 1 : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
  const lines: string[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push(` ${a[i]}`);
      i++;
      j++;
    } else if (i < a.length && (j === b.length || common[i + 1]![j]! >= common[i]![j + 1]!)) lines.push(`-${a[i++]}`);
    else lines.push(`+${b[j++]}`);
  }
  return lines.filter(
    (line, at) =>
      !line.startsWith(' ') || lines.slice(Math.max(0, at - 3), at + 4).some((near) => !near.startsWith(' ')),
  );
}
