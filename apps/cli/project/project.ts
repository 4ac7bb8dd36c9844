import { posix } from 'node:path';
import type { CompatibilityLevel, SchemaMetadata, SchemaType } from '#libs/core/schema';
import { Failure, usage } from '../failure.js';
import { globMatcher } from './glob.js';
import { projectShape, type ProjectEntry, type ProjectFile } from './project-file.js';
import type { SourceTree } from './source-tree.js';
import { firstTypeOf } from './type-names.js';
import { pathText, readYaml, type FileProblem, type YamlReading } from './yaml-file.js';

export const PROJECT_FILE = 'weir.yaml';

/** A reference as the project file has it. */
export interface GivenReference {
  readonly subject: string;
  readonly name: string | undefined;
  readonly version: number | undefined;
}

/** A schema of a project, with its text. */
export interface ProjectSchema {
  readonly subject: string;
  /** Relative to the project file. */
  readonly file: string;
  readonly schemaType: SchemaType;
  readonly text: string;
  readonly references: readonly GivenReference[];
  /** Level with where it was set; undefined where the project says nothing. */
  readonly level: { readonly value: CompatibilityLevel; readonly origin: string } | undefined;
  readonly normalize: boolean;
  readonly metadata: SchemaMetadata | null;
}

export interface Project {
  readonly file: ProjectFile | undefined;
  readonly schemas: readonly ProjectSchema[];
}

/** The language by the file's name. */
export function schemaTypeOf(file: string): SchemaType | undefined {
  if (/\.(avsc|avro)$/i.test(file)) return 'AVRO';
  if (/\.proto$/i.test(file)) return 'PROTOBUF';
  return /\.json$/i.test(file) ? 'JSON' : undefined;
}

/** Reads the project file of a tree; undefined when there is none. @throws Failure for one that is not in order. */
export async function readProjectFile(
  tree: SourceTree,
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ProjectFile | undefined> {
  const text = (await tree.read([name])).get(name);
  return text === undefined ? undefined : readYaml(projectShape, { text, file: name, env }).value;
}

/** Where things are in the project file, which is there and in order. */
export async function projectPlaces(
  tree: SourceTree,
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Pick<YamlReading<ProjectFile>, 'placeOf'> & { readonly text: string }> {
  const text = (await tree.read([name])).get(name) ?? '';
  return { text, placeOf: readYaml(projectShape, { text, file: name, env }).placeOf };
}

/** A project file by name, for the places of what is wrong with it. */
interface NamedFile {
  readonly name: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What is wrong with an entry, before its place is looked for. */
interface EntryProblem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly hint: string | null;
}

/**
 * Everything the project file names, read.
 * @param whole the file, where everything must be there; an older project may name files that it never had, which are passed over.
 * @throws Failure for a file that is not there or has no language, and for a subject that occurs twice, each at its line of the project file.
 */
export async function loadSchemas(
  tree: SourceTree,
  file: ProjectFile,
  whole?: NamedFile,
): Promise<readonly ProjectSchema[]> {
  const listing = file.schemas.some((entry) => 'glob' in entry) ? await tree.list() : [];
  const wanted = file.schemas.flatMap((entry, index) =>
    filesOf(entry, listing).map((path) => ({ entry, index, path })),
  );
  const texts = await tree.read([...new Set(wanted.map(({ path }) => path))]);
  const problems: EntryProblem[] = [];
  const bySubject = new Map<string, ProjectSchema>();
  for (const { entry, index, path } of wanted) {
    const text = texts.get(path);
    const place = ['schemas', index, 'file' in entry ? 'file' : 'glob'];
    if (text === undefined) {
      const hint = 'Paths are relative to the project file.';
      problems.push({ path: place, message: `The file '${path}' is not there.`, hint });
      continue;
    }
    const made = projectSchema(entry, path, text, file);
    if (typeof made === 'string') {
      problems.push({ path: place, message: made, hint: null });
      continue;
    }
    const other = bySubject.get(made.subject);
    if (other !== undefined && other.file !== made.file)
      problems.push({
        path: ['schemas', index],
        message: `The subject '${made.subject}' is both ${other.file} and ${made.file}.`,
        hint: 'Give each file a subject of its own.',
      });
    if (other === undefined) bySubject.set(made.subject, made);
  }
  if (whole !== undefined && problems.length > 0) throw await incomplete(tree, whole, problems);
  return [...bySubject.values()];
}

async function incomplete(
  tree: SourceTree,
  { name, env }: NamedFile,
  problems: readonly EntryProblem[],
): Promise<Failure> {
  const { placeOf } = await projectPlaces(tree, name, env);
  const placed = problems.map(({ path, message, hint }): FileProblem => ({
    file: name,
    ...placeOf(path),
    path: pathText(path),
    message,
    hint,
  }));
  const [first] = placed;
  return new Failure({
    code: 'project-incomplete',
    exit: 'usage',
    message: `${name}:${first!.line}:${first!.column}: ${first!.message}${placed.length > 1 ? ` (and ${placed.length - 1} more)` : ''}`,
    hint: first!.hint,
    findings: placed,
  });
}

/** Files without a project: each is a subject of its file's name. */
export async function looseSchemas(tree: SourceTree, paths: readonly string[]): Promise<readonly ProjectSchema[]> {
  const listing = (await tree.list()).filter((path) => schemaTypeOf(path) !== undefined);
  const chosen = paths.flatMap((path) => {
    const plain = path.replace(/\/$/, '');
    const below =
      plain === '.' || plain === '' ? listing : listing.filter((one) => one === plain || one.startsWith(`${plain}/`));
    if (below.length === 0)
      throw usage(
        'path-without-schemas',
        `There is no schema at '${path}'.`,
        'Schemas are files that end with .avsc, .json or .proto.',
      );
    return below;
  });
  const texts = await tree.read([...new Set(chosen)]);
  return [...texts].flatMap(([path, text]) => {
    const entry: ProjectEntry = { subject: '{file}', glob: path };
    const made = text === undefined ? 'gone' : projectSchema(entry, path, text, { apiVersion: 'v1', schemas: [] });
    return typeof made === 'string' ? [] : [made];
  });
}

function filesOf(entry: ProjectEntry, listing: readonly string[]): readonly string[] {
  if ('file' in entry) return [posix.normalize(entry.file)];
  return listing.filter(globMatcher(entry.glob));
}

/** The schema, or why there is none. */
function projectSchema(entry: ProjectEntry, path: string, text: string, file: ProjectFile): ProjectSchema | string {
  const schemaType = entry.type ?? schemaTypeOf(path);
  if (schemaType === undefined) return `The language of '${path}' is not told by its name; say \`type\`.`;
  const subject = subjectOf(entry.subject, path, text, schemaType);
  if (subject === undefined) return `'${path}' declares no type to name its subject by ('${entry.subject}').`;
  const own = entry.compatibility;
  const general = file.defaults?.compatibility;
  return {
    subject,
    file: path,
    schemaType,
    text,
    references: (entry.references ?? []).map((one) =>
      typeof one === 'string'
        ? { subject: one, name: undefined, version: undefined }
        : { subject: one.subject, name: one.name, version: one.version },
    ),
    level:
      own !== undefined
        ? { value: own, origin: `${PROJECT_FILE} (the schema)` }
        : general !== undefined
          ? { value: general, origin: `${PROJECT_FILE} (defaults.compatibility)` }
          : undefined,
    normalize: entry.normalize ?? file.defaults?.normalize ?? false,
    metadata: entry.metadata ?? null,
  };
}

function subjectOf(pattern: string, path: string, text: string, schemaType: SchemaType): string | undefined {
  if (!pattern.includes('{')) return pattern;
  const type = /\{(message|name|fullname)\}/.test(pattern) ? firstTypeOf(text, schemaType) : undefined;
  if (type === undefined && /\{(message|name|fullname)\}/.test(pattern)) return undefined;
  const values: Record<string, string> = {
    message: type?.name ?? '',
    name: type?.name ?? '',
    fullname: type?.fullName ?? '',
    file: posix.basename(path).replace(/(\.schema)?\.[^.]+$/, ''),
    dir: posix.dirname(path),
  };
  return pattern.replace(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole);
}
