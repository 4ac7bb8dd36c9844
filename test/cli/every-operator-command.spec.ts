import { mkdirSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ValidateFunction } from 'ajv';
import { parse } from 'yaml';
import { serverForSuite, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import type { CommandSpec } from '../../apps/cli/command.js';
import { OPERATOR_COMMANDS } from '../../apps/cli/commands/table-operators.js';
import { TOOL_COMMANDS } from '../../apps/cli/commands/table-tools.js';
import { shapeOf as shapeOfKind } from '../../apps/cli/output/shapes/envelope.js';
import { runWeir, type Ran } from '../../apps/cli/testing/index.js';

const FORMATS = ['json', 'yaml', 'jsonl', 'name'] as const;
type Format = (typeof FORMATS)[number];

/** One command in the story of an operator: once as it succeeds, once as it fails. */
interface Step {
  /** As the table names it. */
  readonly command: string;
  /** Arguments of the call that succeeds; undefined where this service cannot let it. */
  readonly does?: readonly string[];
  readonly stdin?: string;
  /** Exit code of the call that succeeds, unless 0. */
  readonly exit?: number;
  /** Nothing is printed for `-o name`, or for a list that is empty. */
  readonly silent?: boolean;
  /** What it prints is a file, whatever the format. */
  readonly raw?: boolean;
  readonly fails: { readonly args: readonly string[]; readonly exit: number; readonly code: string };
}

interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly data: unknown;
  readonly warnings: unknown[];
  readonly error: { readonly code: string; readonly message: string } | null;
}

const leaves = (commands: readonly CommandSpec[], path = ''): { path: string; kind: string }[] =>
  commands.flatMap(({ name, kind, load, commands: below = [] }) => [
    ...(load === undefined ? [] : [{ path: `${path}${name}`, kind: kind! }]),
    ...leaves(below, `${path}${name} `),
  ]);
/** Commands of the service beside those of operators; `dev` starts a process of its own and has a test of its own. */
const TOOLS = ['login', 'logout', 'whoami', 'context', 'api', 'doctor', 'config'];
const ALL = leaves([...OPERATOR_COMMANDS, ...TOOL_COMMANDS.filter(({ name }) => TOOLS.includes(name))]);

describe('every command of operators, in every machine format, as it succeeds and as it fails', () => {
  let directory: TemporaryDirectory;
  let backups: TemporaryDirectory;
  const environment: Record<string, string> = {};
  beforeAll(async () => {
    [directory, backups] = [await temporaryDirectory(), await temporaryDirectory()];
    environment['WEIR_BACKUPS_DIRECTORY'] = backups.path;
    return async () => {
      await directory.remove();
      await backups.remove();
    };
  });
  const server = serverForSuite(environment);
  const covered = new Set<string>();

  const run = (args: readonly string[], stdin?: string): Promise<Ran> =>
    runWeir(args, {
      cwd: directory.path,
      env: { WEIR_URL: server().url, XDG_CONFIG_HOME: `${directory.path}/config` },
      ...(stdin === undefined ? {} : { stdin }),
    });
  const dataOf = async <T>(args: readonly string[]): Promise<T> => {
    const ran = await run([...args, '-o', 'json']);
    if (ran.code !== 0) throw new Error(`weir ${args.join(' ')}: ${ran.code} ${ran.out}${ran.err}`);
    return (JSON.parse(ran.out) as { data: T }).data;
  };
  /** Asks the service until the operation needs somebody or is over. */
  const atRest = async (id: string): Promise<void> => {
    const headers = { 'content-type': 'application/json', prefer: 'wait=25' };
    await fetch(`${server().url}/v1/operations/${id}:throttle`, { method: 'POST', headers, body: '{}' });
  };
  const write = (name: string, text: string): string => {
    writeFileSync(`${directory.path}/${name}`, text);
    return name;
  };

  /** The published shape of what a command prints. */
  const shapes = new Map<string, ValidateFunction>();
  const shapeOf = async (path: string): Promise<ValidateFunction> => {
    const known = shapes.get(path);
    if (known !== undefined) return known;
    const { default: Ajv } = await import('ajv/dist/2020.js');
    const { out } = await runWeir(['schema-of', ...path.split(' ')]);
    const shape = new Ajv.default({ strict: false }).compile(JSON.parse(out) as object);
    shapes.set(path, shape);
    return shape;
  };

  /** What is on stdout, read as a program would. @returns the code of its error, null for none. */
  const read = async (
    { path, kind }: { path: string; kind: string },
    format: Format,
    { out }: Ran,
    { raw = false }: Pick<Step, 'raw'>,
  ): Promise<string | null> => {
    if (raw && !out.includes('"error"')) return null;
    if (format === 'json' || format === 'yaml') {
      const document = (format === 'json' ? JSON.parse(out) : parse(out)) as Envelope;
      const isValid = await shapeOf(path);
      expect([path, isValid(document), isValid.errors], out).toEqual([path, true, null]);
      expect(Object.keys(document)).toEqual(['apiVersion', 'kind', 'data', 'warnings', 'error']);
      expect([document.apiVersion, document.kind]).toEqual(['v1', kind]);
      return document.error?.code ?? null;
    }
    const lines = out.split('\n').filter((line) => line !== '');
    if (format === 'name') {
      for (const line of lines) expect(line.trim()).toBe(line);
      return null;
    }
    const last = lines.map((line) => JSON.parse(line) as { error?: { code: string } }).at(-1);
    return last?.error?.code ?? null;
  };

  /** The story, in the order in which it can be told. Names carry the format, so that each is told on things of its own. */
  const story = async function* (format: Format): AsyncGenerator<Step> {
    const [t, u, none] = [`t-${format}`, `u-${format}`, { exit: 5, code: 'topic-not-found' }];
    yield {
      command: 'topic create',
      does: [t, '--partitions', '2'],
      fails: { args: [t, '--partitions', 'many'], exit: 2, code: 'number-invalid' },
    };
    yield {
      command: 'topic list',
      does: ['--search', t],
      fails: { args: ['--searhc', t], exit: 2, code: 'unknown-option' },
    };
    yield { command: 'topic describe', does: [t, '--storage'], fails: { args: ['none', '--groups'], ...none } };
    yield {
      command: 'topic config',
      does: [t, '--set', 'retention.ms=86400000'],
      fails: { args: [t, '--set', 'retention.ms=much'], exit: 2, code: 'invalid-topic-config' },
    };
    yield { command: 'topic protect', does: [t], fails: { args: ['none'], ...none } };
    yield { command: 'topic unprotect', does: [t], fails: { args: ['none'], ...none } };
    yield { command: 'topic freeze', does: [t], fails: { args: ['none'], ...none } };
    yield { command: 'topic unfreeze', does: [t], fails: { args: ['none'], ...none } };
    yield {
      command: 'topic produce',
      does: [t],
      stdin: Array.from({ length: 40 }, (_, n) => `{"key": "k${n % 7}", "value": {"n": ${n}}}\n`).join(''),
      fails: { args: ['none', '-f', write('one.jsonl', '{"value": 1}\n')], ...none },
    };
    yield { command: 'topic consume', does: [t, '--decode', 'hex', '-n', '5'], fails: { args: ['none'], ...none } };
    yield {
      command: 'topic trim',
      does: [`${t}/0`, '--to', '+1', '--yes'],
      fails: { args: ['none', '--to', 'end'], ...none },
    };

    const positions = { positions: [0, 1].map((partition) => ({ topic: t, partition, offset: '2' })) };
    const group = `g-${format}`;
    await fetch(`${server().url}/v1/groups/${group}/positions`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(positions),
    });
    const noGroup = { exit: 5, code: 'group-not-found' };
    yield { command: 'group list', does: [], fails: { args: ['--state', 'asleep'], exit: 2, code: 'invalid-request' } };
    yield { command: 'group describe', does: [group], fails: { args: ['none'], ...noGroup } };
    yield {
      command: 'group seek',
      does: [group, '--to', 'start', '--apply', '--yes'],
      fails: { args: ['none', '--to', 'start'], ...noGroup },
    };
    yield { command: 'group delete', does: [group, '--yes'], fails: { args: ['none', '--yes'], ...noGroup } };

    const noOperation = { exit: 5, code: 'operation-not-found' };
    yield {
      command: 'topic repartition',
      does: [t, '--partitions', '3', '--no-cutover', '--rollback-window', '1h', '--reason', 'a test', '--yes'],
      fails: { args: ['none', '--partitions', '3'], ...none },
    };
    const [first] = await dataOf<{ id: string; startReason: string }[]>(['op', 'list', '--topic', t]);
    expect(first!.startReason).toBe('a test');
    const { id } = first!;
    await atRest(id);
    yield {
      command: 'op list',
      does: ['--mine', '--topic', t],
      fails: { args: ['--state', 'asleep'], exit: 2, code: 'invalid-request' },
    };
    yield { command: 'op get', does: [id], fails: { args: ['op_none'], ...noOperation } };
    yield { command: 'op logs', does: [id], fails: { args: ['op_none'], ...noOperation } };
    // No plan of this service needs approval.
    yield { command: 'op approve', fails: { args: [id], exit: 4, code: 'wrong-state' } };
    yield { command: 'op pause', does: [id], fails: { args: ['op_none'], ...noOperation } };
    yield { command: 'op resume', does: [id], fails: { args: ['op_none'], ...noOperation } };
    await atRest(id);
    yield {
      command: 'op throttle',
      does: [id, '--rate', '20MB/s'],
      fails: { args: [id, '--rate', 'fast'], exit: 2, code: 'size-invalid' },
    };
    yield { command: 'op verify', does: [id], fails: { args: ['op_none'], ...noOperation } };
    await atRest(id);
    yield { command: 'op cancel-cutover', does: [id], fails: { args: ['op_none'], ...noOperation } };
    yield {
      command: 'op cutover',
      does: [id, '--yes', '--wait', '--timeout', '60s'],
      fails: { args: [id], exit: 2, code: 'not-confirmed' },
    };
    yield { command: 'op watch', does: [id], fails: { args: ['op_none'], ...noOperation } };
    yield {
      command: 'op rollback',
      does: [id, '--yes'],
      fails: { args: ['op_none', '--yes'], ...noOperation },
    };
    await atRest(id);
    yield {
      command: 'topic migrate',
      does: [
        t,
        '-f',
        write(
          'migration.yaml',
          'transform:\n  up: [{ set: value.twice, cel: double(value.n) * 2.0 }]\n  down: [{ remove: value.twice }]\n',
        ),
        '--yes',
        '--wait',
        '--timeout',
        '60s',
      ],
      fails: { args: [t], exit: 2, code: 'file-missing' },
    };
    const [migrated] = await dataOf<{ id: string }[]>(['op', 'list', '--topic', t, '--kind', 'migration']);
    yield {
      command: 'op finish',
      does: [migrated!.id, '--yes', '--wait', '--timeout', '60s'],
      fails: { args: [id, '--yes'], exit: 4, code: 'wrong-state' },
    };
    expect(
      (
        await dataOf<{ state: string }>([
          'topic',
          'migrate',
          t,
          '--to',
          `${t}-n`,
          '--yes',
          '--wait',
          '--timeout',
          '60s',
        ])
      ).state,
    ).toBe('SWITCHED');
    const [renamed] = await dataOf<{ id: string }[]>(['op', 'list', '--kind', 'move', '--mine']);
    expect((await dataOf<{ name: string }>(['topic', 'describe', t])).name).toBe(`${t}-n`);
    await run(['op', 'rollback', renamed!.id, '--yes', '--wait', '--timeout', '60s']);
    expect(await dataOf<{ oldNameOf: string }>(['topic', 'delete', `${t}-n`, '--yes'])).toMatchObject({ oldNameOf: t });
    // There is one cluster here.
    yield { command: 'topic move', fails: { args: [t, '--to', 'none'], exit: 5, code: 'cluster-not-found' } };

    await run(['topic', 'create', u]);
    await run(['topic', 'produce', u], '{"key": "a", "value": {"n": 1}}\n{"key": "b", "value": {"n": 2}}\n');
    const [latest, versioned] = [`${u}-latest`, `${u}-versioned`];
    const noDerivation = { exit: 5, code: 'derivation-not-found' };
    for (const [kind, name] of [
      ['latest', latest],
      ['versioned', versioned],
    ] as const)
      yield {
        command: `derive ${kind}`,
        does: [u, '--into', name, '--yes'],
        fails: { args: ['none', '--into', 'x', '--yes'], ...none },
      };
    await Promise.all((await dataOf<{ id: string; kind: string }[]>(['op', 'list'])).map((one) => atRest(one.id)));
    for (const way of ['show', 'impact'])
      yield { command: `lineage ${way}`, does: [u], fails: { args: ['none'], ...none } };
    yield { command: 'catalog search', does: [u], fails: { args: [], exit: 2, code: 'search-missing' } };
    yield { command: 'derive list', does: [], fails: { args: ['one'], exit: 2, code: 'excess-arguments' } };
    yield { command: 'derive describe', does: [latest], fails: { args: ['none'], ...noDerivation } };
    yield { command: 'derive pause', does: [latest], fails: { args: ['none'], ...noDerivation } };
    yield { command: 'derive resume', does: [latest], fails: { args: ['none'], ...noDerivation } };
    yield {
      command: 'derive rebuild',
      does: [latest, '--yes', '--wait', '--timeout', '60s'],
      fails: { args: ['none', '--yes'], ...noDerivation },
    };
    const [rebuilt] = await dataOf<{ id: string }[]>(['op', 'list', '--kind', 'rebuild', '--mine']);
    await run(['op', 'finish', rebuilt!.id, '--yes', '--wait', '--timeout', '60s']);
    yield {
      command: 'derive erase',
      does: [latest, '--key', 'a', '--yes', '--wait', '--timeout', '60s'],
      fails: { args: ['none', '--key', 'a', '--yes'], ...noDerivation },
    };
    yield { command: 'derive delete', does: [versioned, '--yes'], fails: { args: ['none', '--yes'], ...noDerivation } };

    const declaration = {
      source: { topic: u, mode: 'latest' },
      key: { id: { from: 'key', type: 'text' } },
      columns: { n: { from: 'value.n', type: 'integer' } },
    };
    const [view, noView] = [`v_${format}`, { exit: 5, code: 'view-not-found' }];
    yield {
      command: 'view create',
      does: [view, '-f', write('view.json', JSON.stringify(declaration))],
      fails: { args: [view], exit: 2, code: 'file-missing' },
    };
    yield { command: 'view list', does: [], fails: { args: ['one'], exit: 2, code: 'excess-arguments' } };
    yield { command: 'view describe', does: [view], fails: { args: ['none'], ...noView } };
    yield {
      command: 'view query',
      does: [view, '--where', 'n=gte.0'],
      silent: true,
      fails: { args: [view, '--where', 'n'], exit: 2, code: 'filter-invalid' },
    };
    yield {
      command: 'view rebuild',
      does: [view, '--yes', '--wait', '--timeout', '60s'],
      fails: { args: ['none', '--yes'], ...noView },
    };
    const [built] = await dataOf<{ id: string }[]>(['op', 'list', '--kind', 'view-version', '--mine']);
    await run(['op', 'finish', built!.id, '--yes', '--wait', '--timeout', '60s']);
    expect((await dataOf<{ state: string }>(['view', 'rebuild', view, '--key', 'a', '--yes', '--wait'])).state).toBe(
      'FINISHED',
    );
    // Another declaration makes a draft.
    const wider = { ...declaration, columns: { ...declaration.columns, key: { from: 'key', type: 'text' } } };
    await run(['view', 'create', view, '-f', write('wider.json', JSON.stringify(wider))]);
    yield { command: 'view versions', does: [view], fails: { args: ['none'], ...noView } };
    yield {
      command: 'view activate',
      does: [view, '--patience', '30s'],
      fails: { args: [view, 'latest'], exit: 2, code: 'number-invalid' },
    };
    yield { command: 'view verify', does: [view, '2'], fails: { args: [view], exit: 5, code: 'view-version-missing' } };
    yield { command: 'view rollback', does: [view], fails: { args: ['none'], ...noView } };
    yield {
      command: 'view retire',
      does: [view, '3', '--yes'],
      fails: { args: [view, '2', '--yes'], exit: 4, code: 'view-version-active' },
    };
    yield { command: 'view pause', does: [view], fails: { args: ['none'], ...noView } };
    yield { command: 'view resume', does: [view], fails: { args: ['none'], ...noView } };
    yield { command: 'view delete', does: [view, '--yes'], fails: { args: ['none', '--yes'], ...noView } };

    await run(['topic', 'repartition', u, '--partitions', '2', '--no-cutover', '--yes']);
    const [last] = await dataOf<{ id: string }[]>(['op', 'list', '--topic', u, '--kind', 'repartition']);
    yield {
      command: 'op cancel',
      does: [last!.id, '--yes'],
      fails: { args: [migrated!.id, '--yes'], exit: 4, code: 'wrong-state' },
    };
    await atRest(last!.id);
    yield { command: 'topic delete', does: [t, '--yes'], fails: { args: ['none', '--yes'], ...none } };
    yield { command: 'topic restore', does: [t], fails: { args: ['none'], ...none } };

    const noBackup = { exit: 5, code: 'backup-not-found' };
    yield {
      command: 'admin status',
      does: [],
      fails: { args: ['-s', 'http://127.0.0.1:1'], exit: 7, code: 'unreachable' },
    };
    yield {
      command: 'admin backup',
      does: ['--wait', '--timeout', '60s'],
      fails: { args: ['-s', 'none'], exit: 2, code: 'server-address-invalid' },
    };
    const taken = await dataOf<{ id: string }[]>(['admin', 'backups']);
    yield { command: 'admin backups', does: [], fails: { args: ['one'], exit: 2, code: 'excess-arguments' } };
    yield {
      command: 'admin verify',
      does: [taken[0]!.id, '--wait', '--timeout', '60s'],
      fails: { args: ['20260102030405-00000000'], ...noBackup },
    };
    // A service that holds something is not written over, and `--dry-run` says so; that it can be done is seen with a service of its own.
    for (const how of ['--yes', '--dry-run'])
      yield {
        command: 'admin restore',
        fails: { args: [taken[0]!.id, how], exit: 4, code: 'service-not-empty' },
      };
    yield {
      command: 'admin export',
      does: [],
      raw: true,
      fails: { args: ['--as', 'xml'], exit: 2, code: 'invalid-argument' },
    };
    const exported = write('registry.jsonl', (await run(['admin', 'export'])).out);
    yield {
      command: 'admin import',
      does: ['-f', exported, '--yes', '--wait', '--timeout', '60s'],
      fails: { args: [], exit: 2, code: 'source-missing' },
    };
    const tokens = `tokens-${format}.yaml`;
    yield {
      command: 'admin token create',
      does: [
        'ci',
        '--role',
        'registrar',
        '--role',
        'viewer',
        '--scope',
        'subject=orders*',
        '--expires',
        '90d',
        '--file',
        tokens,
      ],
      fails: { args: ['ci', '--role', 'king'], exit: 2, code: 'invalid-argument' },
    };
    yield {
      command: 'admin token list',
      does: ['--file', tokens],
      fails: { args: ['--file', write('no-tokens.yaml', 'tokens: 3\n')], exit: 2, code: 'tokens-file-unusable' },
    };
    yield {
      command: 'admin token revoke',
      does: ['ci', '--file', tokens, '--yes'],
      fails: { args: ['none', '--file', tokens, '--yes'], exit: 5, code: 'token-not-found' },
    };

    mkdirSync(`${directory.path}/config`, { recursive: true });
    yield {
      command: 'context set',
      does: [`c-${format}`, '--url', server().url],
      fails: { args: ['new'], exit: 2, code: 'server-missing' },
    };
    yield {
      command: 'context use',
      does: [`c-${format}`],
      fails: { args: ['none'], exit: 2, code: 'context-unknown' },
    };
    yield { command: 'context show', does: [], fails: { args: ['none'], exit: 2, code: 'context-unknown' } };
    yield { command: 'context list', does: [], fails: { args: ['one'], exit: 2, code: 'excess-arguments' } };
    yield { command: 'config print', does: [], fails: { args: ['-c', 'none'], exit: 2, code: 'context-unknown' } };
    yield {
      command: 'login',
      does: [],
      stdin: 'a-token\n',
      fails: { args: ['-c', 'none'], exit: 2, code: 'context-unknown' },
    };
    yield { command: 'whoami', does: [], fails: { args: ['-s', 'http://127.0.0.1:1'], exit: 7, code: 'unreachable' } };
    yield { command: 'logout', does: [], fails: { args: ['-c', 'none'], exit: 2, code: 'context-unknown' } };
    yield { command: 'doctor', does: [], fails: { args: ['one'], exit: 2, code: 'excess-arguments' } };
    yield { command: 'api', does: ['GET', '/v1/topics'], fails: { args: ['GET', '/v1/topics/none'], ...none } };
  };

  for (const format of FORMATS)
    it(`as ${format}`, async () => {
      for await (const { command, does, stdin, exit = 0, silent = false, fails, ...step } of story(format)) {
        const spec = ALL.find(({ path }) => path === command)!;
        covered.add(command);
        const words = command.split(' ');
        const call = async (args: readonly string[], code: number, input?: string): Promise<Ran> => {
          const ran = await run([...words, ...args, '-o', format], input);
          expect([command, args, ran.code], `${ran.out}\n${ran.err}`).toEqual([command, args, code]);
          return ran;
        };
        // First what fails: nothing of it may stand in the way of what succeeds.
        const failed = await call(fails.args, fails.exit);
        const told = await read(spec, format, failed, {});
        if (format === 'name')
          expect([command, failed.out, failed.err.includes(fails.code)], failed.err).toEqual([command, '', true]);
        else expect([command, told]).toEqual([command, fails.code]);
        if (does === undefined) continue;
        const done = await call(does, exit, stdin);
        expect([command, await read(spec, format, done, step)]).toEqual([command, null]);
        if (format === 'name' && !silent) expect([command, done.out.trim() !== ''], done.err).toEqual([command, true]);
      }
    }, 280_000);

  it('has a shape written down for what each of them prints', () => {
    expect(ALL.filter(({ kind }) => shapeOfKind(kind) === undefined)).toEqual([]);
  });

  it('leaves none out', () => {
    expect(ALL.map(({ path }) => path).filter((path) => !covered.has(path))).toEqual([]);
  });
});
