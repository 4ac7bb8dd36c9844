import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Client } from '../http/client.js';
import { Failure, usage } from '../failure.js';
import { PROJECT_FILE, readProjectFile } from '../project/project.js';
import type { ProjectFile } from '../project/project-file.js';
import { DiskTree } from '../project/source-tree.js';
import { contextNamed, readToken, readUserConfig, type Context } from './user-config.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** A value and where it came from. */
export interface Setting<T> {
  readonly value: T;
  readonly origin: string;
}

/** What is given on the command line. */
export interface GivenSettings {
  readonly server?: string | undefined;
  readonly context?: string | undefined;
  readonly config?: string | undefined;
  readonly idempotencyKey: string;
  /** Why something is changed, for the history. */
  readonly reason?: string | undefined;
  /** How long is waited; null where nothing is said. */
  readonly timeoutMs: number | null;
  /** Told of each request. */
  readonly onRequest?: ((line: string) => void) | undefined;
}

export interface FoundProject {
  /** The folder of the project file. */
  readonly root: string;
  readonly fileName: string;
  readonly file: ProjectFile;
}

/** Effective values: flag, then variable, then project file, then context, then what is built in (2.7). */
export class Settings {
  #client: Client | undefined;

  private constructor(
    readonly project: FoundProject | undefined,
    readonly context: Setting<string> | undefined,
    readonly target: Context | undefined,
    readonly servers: Setting<readonly string[]>,
    readonly caFile: Setting<string> | undefined,
    private readonly env: Environment,
    private readonly given: GivenSettings,
  ) {}

  /** @param cwd where the project is searched from; undefined: none is looked for. @throws Failure for files that are not in order. */
  static async read(given: GivenSettings, cwd: string | undefined, env: Environment): Promise<Settings> {
    const named = given.config ?? (env['WEIR_CONFIG'] || undefined);
    const project = cwd === undefined ? undefined : await findProject(named, cwd, env);
    const { context, target } = await chosenContext(given, env);
    return new Settings(
      project,
      context,
      target,
      serversOf(given, env, project, context, target),
      env['WEIR_CA_FILE']
        ? { value: env['WEIR_CA_FILE'], origin: 'WEIR_CA_FILE' }
        : target?.caFile === undefined
          ? undefined
          : { value: target.caFile, origin: `context ${context?.value}` },
      env,
      given,
    );
  }

  /** The service. With a context that names a cluster id, nothing is sent to another one. */
  async client(): Promise<Client> {
    return (this.#client ??= await this.#made(await this.token()));
  }

  /** What is sent as `authorization`: the token of a context to the service of that context alone. @throws Failure for a file that cannot be read, or that others may read. */
  token(): Promise<Setting<string> | undefined> {
    return tokenOf(this.env, this.context, this.target, this.servers.value);
  }

  /** Another service, which is shown nothing but the password that is meant for registries. */
  async clientOf(server: string): Promise<Client> {
    return this.#to([server], passwordOf(this.env));
  }

  /** As {@link client}, by another token than the one in force. */
  clientWith(token: string): Promise<Client> {
    return this.#made({ value: `Bearer ${token}`, origin: 'standard input' });
  }

  async #made(authorization: Setting<string> | undefined): Promise<Client> {
    const client = this.#to(this.servers.value, authorization);
    const expected = this.target?.clusterId;
    if (expected !== undefined) {
      const { scope } = await client.get<{ scope?: { clusters?: Record<string, string> } }>('/v1/metadata/id');
      const id = scope?.clusters?.['kafka-cluster'];
      if (id !== expected) {
        throw new Failure({
          code: 'cluster-mismatch',
          exit: 'conflict',
          message: `The context '${this.context!.value}' is of cluster ${expected}, and ${client.address} is ${id ?? 'one without an id'}.`,
          hint: 'Nothing was done. Correct the context: weir context set.',
        });
      }
    }
    return client;
  }

  #to(servers: readonly string[], authorization: Setting<string> | undefined): Client {
    return new Client({
      servers,
      authorization,
      caFile: this.caFile?.value,
      timeoutMs: this.given.timeoutMs,
      idempotencyKey: this.given.idempotencyKey,
      reason: this.reason?.value,
      env: this.env,
      onRequest: this.given.onRequest,
    });
  }

  /** Why something is changed, as far as it was said. */
  get reason(): Setting<string> | undefined {
    if (this.given.reason !== undefined) return { value: this.given.reason, origin: '--reason' };
    return this.env['WEIR_REASON'] ? { value: this.env['WEIR_REASON'], origin: 'WEIR_REASON' } : undefined;
  }

  /** The project. @throws Failure where there is none. */
  requireProject(): FoundProject {
    if (this.project !== undefined) return this.project;
    throw usage(
      'no-project',
      `There is no ${PROJECT_FILE} here or above, up to the root of the repository.`,
      'Make one: weir init. Or name it: --config FILE.',
    );
  }
}

async function findProject(
  named: string | undefined,
  cwd: string,
  env: Environment,
): Promise<FoundProject | undefined> {
  if (named !== undefined) {
    const path = resolve(cwd, named);
    const [root, fileName] = [dirname(path), path.slice(dirname(path).length + 1)];
    const file = await readProjectFile(new DiskTree(root), fileName, env);
    if (file === undefined) throw usage('no-project', `The project file '${named}' is not there.`);
    return { root, fileName, file };
  }
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const file = await readProjectFile(new DiskTree(folder), PROJECT_FILE, env);
    if (file !== undefined) return { root: folder, fileName: PROJECT_FILE, file };
    const isRepository = await stat(join(folder, '.git')).then(
      () => true,
      () => false,
    );
    if (isRepository || dirname(folder) === folder) return undefined;
  }
}

async function chosenContext(given: GivenSettings, env: Environment) {
  const asked: Setting<string> | undefined =
    given.context !== undefined
      ? { value: given.context, origin: '--context' }
      : env['WEIR_CONTEXT']
        ? { value: env['WEIR_CONTEXT'], origin: 'WEIR_CONTEXT' }
        : undefined;
  const config = await readUserConfig(env);
  if (asked !== undefined) return { context: asked, target: contextNamed(config, asked.value) };
  const { current } = config;
  return current === undefined || current === null
    ? { context: undefined, target: undefined }
    : { context: { value: current, origin: 'user config' }, target: contextNamed(config, current) };
}

function serversOf(
  given: GivenSettings,
  env: Environment,
  project: FoundProject | undefined,
  context: Setting<string> | undefined,
  target: Context | undefined,
): Setting<readonly string[]> {
  const one = (value: string, origin: string) => ({ value: [value], origin });
  if (given.server !== undefined) return one(given.server, '--server');
  // A context that was named says which service is meant, more plainly than a file does.
  if (target !== undefined && context?.origin === '--context') return one(target.server, `context ${context.value}`);
  if (env['WEIR_URL']) return one(env['WEIR_URL'], 'WEIR_URL');
  const stock = (env['SCHEMA_REGISTRY_URL'] ?? '')
    .split(',')
    .map((url) => url.trim())
    .filter((url) => url !== '');
  if (stock.length > 0) return { value: stock, origin: 'SCHEMA_REGISTRY_URL' };
  if (project?.file.server !== undefined) return one(project.file.server, PROJECT_FILE);
  if (target !== undefined) return one(target.server, `context ${context!.value}`);
  return one('http://localhost:8081', 'built in');
}

async function tokenOf(
  env: Environment,
  context: Setting<string> | undefined,
  target: Context | undefined,
  servers: readonly string[],
): Promise<Setting<string> | undefined> {
  const bearer = (token: string, origin: string) => ({ value: `Bearer ${token}`, origin });
  if (env['WEIR_TOKEN']) return bearer(env['WEIR_TOKEN'], 'WEIR_TOKEN');
  if (env['WEIR_TOKEN_FILE']) return bearer(await readToken(env['WEIR_TOKEN_FILE']), 'WEIR_TOKEN_FILE');
  if (target?.tokenFile !== undefined && servers.every((one) => isSame(one, target.server)))
    return bearer(await readToken(target.tokenFile), `context ${context!.value}`);
  return passwordOf(env);
}

/** Whether two addresses are of one service, however they are written. */
function isSame(one: string, other: string): boolean {
  const plain = (address: string): string => {
    try {
      return new URL(address).href.replace(/\/$/, '');
    } catch {
      return address;
    }
  };
  return plain(one) === plain(other);
}

function passwordOf(env: Environment): Setting<string> | undefined {
  for (const name of ['SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO', 'SCHEMA_REGISTRY_USER_INFO']) {
    const pair = env[name];
    if (pair) return { value: `Basic ${Buffer.from(pair).toString('base64')}`, origin: name };
  }
  return undefined;
}
