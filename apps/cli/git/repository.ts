import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { SourceTree } from '../project/source-tree.js';
import { Failure, usage } from '../failure.js';

/** A git repository, read only: nothing here touches the work tree or the index. */
export class Repository {
  private constructor(
    readonly root: string,
    private readonly env: Readonly<Record<string, string | undefined>>,
  ) {}

  /** The repository that holds a folder; undefined when there is none. @throws Failure when git is not installed, or refuses to look into it. */
  static async at(folder: string, env: Readonly<Record<string, string | undefined>>): Promise<Repository | undefined> {
    const { code, stdout, stderr } = await git(folder, ['rev-parse', '--show-toplevel'], env);
    if (code === 0) return new Repository(stdout.toString('utf8').trimEnd(), env);
    const owned = /dubious ownership in repository at '(.*)'/.exec(stderr)?.[1];
    if (owned === undefined) return undefined;
    // As in a container whose user is another than that of the files.
    throw usage(
      'repository-of-another',
      `git does not look into ${owned}, which belongs to another user.`,
      `git config --global --add safe.directory ${owned}`,
    );
  }

  /**
   * Where a folder lies in the repository around it, by the first `.git` on the way up: for paths in a report, which are the same whether git is installed and willing or not.
   * @returns an empty text for its root, and where there is none.
   */
  static placeOf(folder: string): string {
    const real = realPath(resolve(folder));
    for (let at = real; ; at = dirname(at)) {
      if (existsSync(join(at, '.git'))) return relative(at, real).split(sep).join('/');
      if (at === dirname(at)) return '';
    }
  }

  /** Where a path of the disk is in the tree of a commit. @throws Failure for one that is not in the repository. */
  within(path: string): string {
    // git tells where the repository really is, whatever links lead there.
    const found = [path, realPath(path)].map((one) => relative(this.root, resolve(one))).find(isBelow);
    if (found === undefined) throw usage('path-outside', `'${path}' is not in the repository ${this.root}.`);
    return found.split(sep).join('/');
  }

  /** The commit of a name; undefined for an unknown one. */
  async commit(name: string): Promise<string | undefined> {
    const { code, stdout } = await this.#git([
      'rev-parse',
      '--verify',
      '--quiet',
      '--end-of-options',
      `${name}^{commit}`,
    ]);
    return code === 0 ? stdout.toString('utf8').trim() : undefined;
  }

  /** Whether older commits were left out when it was cloned. */
  async isShallow(): Promise<boolean> {
    const { stdout } = await this.#git(['rev-parse', '--is-shallow-repository']);
    return stdout.toString('utf8').trim() === 'true';
  }

  /** The commit at which two went apart; undefined where none is known here. */
  async mergeBase(a: string, b: string): Promise<string | undefined> {
    const { code, stdout } = await this.#git(['merge-base', a, b]);
    return code === 0 ? stdout.toString('utf8').trim() : undefined;
  }

  /** The branch that changes are made for: as CI says, otherwise the default branch. Undefined where none is found here. */
  async targetBranch(): Promise<{ readonly wanted: string; readonly found: string | undefined }> {
    const said = this.env['GITHUB_BASE_REF'] || this.env['CI_MERGE_REQUEST_TARGET_BRANCH_NAME'];
    const head = (await this.#git(['symbolic-ref', '--quiet', '--short', 'refs/remotes/origin/HEAD'])).stdout
      .toString('utf8')
      .trim();
    const names = said
      ? [`origin/${said}`, said]
      : [...(head === '' ? [] : [head]), 'origin/main', 'origin/master', 'main', 'master'];
    for (const name of names) if ((await this.commit(name)) !== undefined) return { wanted: name, found: name };
    return { wanted: said || 'main', found: undefined };
  }

  /** Fetches a branch with all its history. The work tree stays as it is. */
  async fetch(branch: string): Promise<void> {
    const plain = branch.replace(/^origin\//, '');
    const shallow = (await this.isShallow()) ? ['--unshallow'] : [];
    const { code, stderr } = await this.#git([
      'fetch',
      '--quiet',
      '--no-tags',
      ...shallow,
      'origin',
      `+refs/heads/${plain}:refs/remotes/origin/${plain}`,
    ]);
    if (code !== 0) {
      throw new Failure({
        code: 'git-fetch-failed',
        exit: 'unreachable',
        message: `git fetch of '${plain}' failed: ${causeIn(stderr)}`,
        hint: 'Check the remote `origin` and its credentials.',
      });
    }
  }

  /** The files of a commit below a folder. */
  tree(commit: string, folder: string, label: string): SourceTree {
    return new CommitTree(this.root, commit, folder, label, this.env);
  }

  /** What a path of a commit is; undefined when nothing is there. */
  async kindAt(commit: string, path: string): Promise<'file' | 'folder' | undefined> {
    if (path === '' || path === '.') return 'folder';
    const { code, stdout } = await this.#git(['cat-file', '-t', `${commit}:${path}`]);
    if (code !== 0) return undefined;
    return stdout.toString('utf8').trim() === 'tree' ? 'folder' : 'file';
  }

  #git(args: readonly string[]) {
    return git(this.root, args, this.env);
  }
}

/** The files of a commit, read by one process however many they are. */
class CommitTree implements SourceTree {
  constructor(
    private readonly root: string,
    private readonly commit: string,
    private readonly folder: string,
    readonly label: string,
    private readonly env: Readonly<Record<string, string | undefined>>,
  ) {}

  async read(paths: readonly string[]): Promise<ReadonlyMap<string, string | undefined>> {
    const prefix = this.folder === '' ? '' : `${this.folder}/`;
    // A name with a line end cannot be asked for in this way, and is no file of a project.
    const asked = paths.filter((path) => !path.includes('\n'));
    const input = asked.map((path) => `${this.commit}:${prefix}${path}\n`).join('');
    const { stdout } = await git(this.root, ['cat-file', '--batch'], this.env, input);
    const texts = new Map<string, string | undefined>();
    let at = 0;
    for (const path of asked) {
      const end = stdout.indexOf(10, at);
      const head = stdout.subarray(at, end).toString('utf8');
      const size = / blob (\d+)$/.exec(head)?.[1];
      const other = / (?:tree|commit|tag) (\d+)$/.exec(head)?.[1];
      at = end + 1;
      if (size !== undefined) texts.set(path, stdout.subarray(at, at + Number(size)).toString('utf8'));
      else texts.set(path, undefined);
      if (size !== undefined || other !== undefined) at += Number(size ?? other) + 1;
    }
    return texts;
  }

  async list(): Promise<readonly string[]> {
    const where = this.folder === '' ? this.commit : `${this.commit}:${this.folder}`;
    const { stdout } = await git(this.root, ['ls-tree', '-r', '-z', '--name-only', where], this.env);
    return stdout
      .toString('utf8')
      .split('\0')
      .filter((path) => path !== '');
  }
}

const isBelow = (path: string): boolean => !(path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path));

/** Where a path leads through links; the path itself where nothing lies there. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

interface GitAnswer {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

function git(
  cwd: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  input?: string,
): Promise<GitAnswer> {
  return new Promise((resolved, reject) => {
    // Optional locks would let a mere look refresh the index.
    const child = spawn('git', args, {
      cwd,
      env: { ...env, GIT_OPTIONAL_LOCKS: '0', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const out: Buffer[] = [];
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('utf8')));
    child.stdin.on('error', () => undefined);
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') return reject(error);
      reject(
        new Failure({
          code: 'git-missing',
          exit: 'usage',
          message: 'git is not installed, and the comparison is with a commit.',
          hint: 'Install git, or compare with a folder: --against DIR.',
        }),
      );
    });
    child.on('close', (code) => resolved({ code: code ?? 1, stdout: Buffer.concat(out), stderr: err }));
    child.stdin.end(input ?? '');
  });
}

/** What git says went wrong, without the advice that it gives after it. */
function causeIn(text: string): string {
  const lines = text.trimEnd().split('\n');
  const fatal = lines.find((line) => line.startsWith('fatal: ')) ?? lines.at(-1) ?? '';
  return fatal.replace(/^fatal: /, '');
}
