import { basename, dirname, relative, resolve, sep } from 'node:path';
import type { CompatibilityLevel } from '#libs/core/schema';
import { Failure, usage } from '../failure.js';
import { Repository } from '../git/repository.js';
import { statAt } from '../project/at-path.js';
import type { ProjectFile } from '../project/project-file.js';
import { loadSchemas, looseSchemas, readProjectFile, schemaTypeOf, type ProjectSchema } from '../project/project.js';
import { ReferenceTrouble, SchemaSet } from '../project/schema-set.js';
import { DiskTree, type SourceTree } from '../project/source-tree.js';
import type { EarlierSchema } from './judge.js';

/** What schemas are held against. */
export interface Baseline {
  /** For people: a commit, a folder, a registry. */
  readonly label: string;
  /** Whether texts are as somebody wrote them. */
  readonly laidOut: boolean;
  /** Earlier forms, newest first. */
  earlier(schema: ProjectSchema): Promise<readonly EarlierSchema[]>;
  /** The level in force there; undefined where nothing is said. */
  level(subject: string): Promise<{ readonly value: CompatibilityLevel; readonly origin: string } | undefined>;
  /** Subjects that were there; empty where that is not asked. */
  readonly subjects: ReadonlyMap<string, string>;
}

export interface BaselineRequest {
  readonly against: string;
  /** The folder of the project. */
  readonly root: string;
  /** The folder the command runs in, which paths are relative to. */
  readonly cwd: string;
  readonly file: ProjectFile | undefined;
  readonly fileName: string;
  /** Those that are compared. */
  readonly schemas: readonly ProjectSchema[];
  /** All of the project: what a single file refers to is found among them. */
  readonly all: readonly ProjectSchema[];
  readonly fetch: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * The baseline that `--against` names, registries left out: the merge base with the target branch, a commit, a folder or file of one, a folder, a file.
 * @throws Failure for what is not there, with what to do about it.
 */
export async function baselineOf(request: BaselineRequest): Promise<Baseline> {
  const { against, cwd } = request;
  if (against === 'merge-base') return commitBaseline(request, await mergeBase(request), '');
  const path = resolve(cwd, against);
  const found = await statAt(path);
  if (found?.isDirectory() === true) return treeBaseline(request, new DiskTree(path, against));
  if (found?.isFile() === true) return fileBaseline(request, new DiskTree(dirname(path), against), basename(path));
  const colon = against.indexOf(':');
  const [ref, inside] = colon < 0 ? [against, ''] : [against.slice(0, colon), against.slice(colon + 1)];
  const repository = await Repository.at(request.root, request.env);
  if (repository === undefined)
    throw usage(
      'no-repository',
      `'${against}' is no folder or file, and no commit or branch: ${request.root} is in no git repository.`,
      'Compare with a folder (--against DIR), a file, or the registry (--against registry).',
    );
  return commitBaseline(request, await commitNamed(repository, ref, request), inside);
}

/** The commit of a name; a branch that only the remote has is found there, and fetched where that is asked for. */
async function commitNamed(repository: Repository, ref: string, { against, fetch }: BaselineRequest) {
  const plain = ref.replace(/^origin\//, '');
  const found = async (): Promise<CommitPlace | undefined> => {
    for (const label of [ref, `origin/${plain}`]) {
      const commit = await repository.commit(label);
      if (commit !== undefined) return { repository, commit, label };
    }
    return undefined;
  };
  let place = await found();
  if (place === undefined && fetch) {
    await repository.fetch(plain);
    place = await found();
  }
  if (place !== undefined) return place;
  throw usage(
    'baseline-unknown',
    `'${against}' is no commit, branch, folder or file.`,
    `Where only the remote has it: weir check --fetch, or git fetch origin ${plain}:refs/remotes/origin/${plain}. Otherwise say merge-base, REF, REF:PATH, a folder, a file, or registry.`,
  );
}

interface CommitPlace {
  readonly repository: Repository;
  readonly commit: string;
  readonly label: string;
}

async function requireRepository({ root, env }: BaselineRequest): Promise<Repository> {
  const repository = await Repository.at(root, env);
  if (repository !== undefined) return repository;
  throw usage(
    'no-repository',
    `${root} is in no git repository.`,
    'Compare with a folder (--against DIR), a file, or the registry (--against registry).',
  );
}

async function mergeBase(request: BaselineRequest): Promise<CommitPlace> {
  const repository = await requireRepository(request);
  let { wanted, found } = await repository.targetBranch();
  let base = found === undefined ? undefined : await repository.mergeBase('HEAD', found);
  if (base === undefined && request.fetch) {
    await repository.fetch(wanted);
    ({ wanted, found } = await repository.targetBranch());
    base = found === undefined ? undefined : await repository.mergeBase('HEAD', found);
  }
  if (base !== undefined) return { repository, commit: base, label: `merge base with ${found} (${base.slice(0, 10)})` };
  const plain = wanted.replace(/^origin\//, '');
  if ((await repository.commit('HEAD')) === undefined)
    throw usage(
      'no-commits',
      'The repository has no commit yet.',
      'Commit the schemas first, or compare with a folder or the registry.',
    );
  const shallow = await repository.isShallow();
  throw new Failure({
    code: shallow ? 'clone-shallow' : 'no-merge-base',
    exit: 'usage',
    message: shallow
      ? `This clone is shallow: the commit at which HEAD and '${plain}' went apart is not in it.`
      : found === undefined
        ? `There is no branch '${plain}' to compare with.`
        : `HEAD and '${found}' have no commit in common.`,
    hint: `Run weir check --fetch, or: git fetch ${shallow ? '--unshallow ' : ''}origin ${plain}:refs/remotes/origin/${plain}`,
  });
}

async function commitBaseline(
  request: BaselineRequest,
  { repository, commit, label }: CommitPlace,
  inside: string,
): Promise<Baseline> {
  const folder = inside === '' ? repository.within(request.root) : pathInCommit(repository, request.cwd, inside);
  const kind = await repository.kindAt(commit, folder);
  if (kind === 'file') {
    const parent = dirname(folder);
    return fileBaseline(
      request,
      repository.tree(commit, parent === '.' ? '' : parent, `${label}:${folder}`),
      basename(folder),
    );
  }
  if (kind === undefined) {
    if (inside !== '') throw usage('baseline-unknown', `There is no '${inside}' in ${label}.`);
    // The project is younger than the commit: everything in it is new.
    return new SetBaseline(label, new SchemaSet([]));
  }
  return treeBaseline(request, repository.tree(commit, folder, inside === '' ? label : `${label}:${inside}`));
}

/** `PATH` of `REF:PATH`: as git has it from the root of the repository, with `./` or `../` in front from where the command runs; also as Windows writes paths. */
function pathInCommit(repository: Repository, cwd: string, path: string): string {
  const plain = path.replaceAll('\\', '/');
  if (/^\.\.?(\/|$)/.test(plain)) return repository.within(resolve(cwd, plain));
  return plain.replace(/\/$/, '');
}

/** The project as it is in another tree. Where that has no project file, the present one says which files are meant. */
async function treeBaseline(request: BaselineRequest, tree: SourceTree): Promise<Baseline> {
  const { file, fileName, schemas, env } = request;
  if (file === undefined) {
    const texts = await tree.read(schemas.map((schema) => schema.file));
    const earlier = schemas.flatMap((schema) => {
      const text = texts.get(schema.file);
      return text === undefined ? [] : [{ ...schema, text }];
    });
    return new SetBaseline(tree.label, new SchemaSet(earlier));
  }
  const then = await readProjectFile(tree, fileName, env).catch((error: unknown) => {
    // A project file that this version does not read says nothing of the schemas beside it.
    if (error instanceof Failure) return undefined;
    throw error;
  });
  return new SetBaseline(tree.label, new SchemaSet(await loadSchemas(tree, then ?? file)));
}

async function fileBaseline(request: BaselineRequest, tree: SourceTree, name: string): Promise<Baseline> {
  const { schemas, all } = request;
  if (schemas.length !== 1)
    throw usage(
      'one-file-one-schema',
      `'${tree.label}' is one file, and ${schemas.length} schemas would be compared with it.`,
      'Name the one: weir check PATH --against FILE.',
    );
  const [only] = schemas;
  const found = await looseSchemas(tree, [name]);
  const [text] = found.map((one) => one.text);
  const type = schemaTypeOf(name) ?? only!.schemaType;
  if (text === undefined)
    throw usage(
      'baseline-unknown',
      `'${tree.label}' holds no schema.`,
      'Schemas are files that end with .avsc, .json or .proto.',
    );
  return new SetBaseline(
    tree.label,
    new SchemaSet([{ ...only!, schemaType: type, text }, ...all.filter((one) => one !== only)]),
  );
}

/** Schemas of another tree, by subject. */
class SetBaseline implements Baseline {
  readonly laidOut = true;
  readonly subjects: ReadonlyMap<string, string>;

  constructor(
    readonly label: string,
    private readonly set: SchemaSet,
  ) {
    this.subjects = new Map(set.schemas.map(({ subject, file }) => [subject, file]));
  }

  async earlier({ subject }: ProjectSchema): Promise<readonly EarlierSchema[]> {
    const schema = this.set.get(subject);
    if (schema === undefined) return [];
    try {
      return [{ version: null, source: await this.set.source(schema) }];
    } catch (error) {
      if (!(error instanceof ReferenceTrouble)) throw error;
      throw usage(
        'baseline-incomplete',
        `'${schema.file}' of ${this.label} cannot be read: ${error.message}`,
        error.help,
      );
    }
  }

  async level(): Promise<undefined> {
    return undefined;
  }
}

/** A path of the command line as the project knows it: relative to its folder. */
export function pathInProject(root: string, cwd: string, path: string): string {
  return relative(root, resolve(cwd, path)).split(sep).join('/') || '.';
}
