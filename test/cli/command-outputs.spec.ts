import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ValidateFunction } from 'ajv';
import { parse } from 'yaml';
import { serverForSuite } from '#libs/platform/testing';
import { COMMANDS } from '../../apps/cli/commands/table.js';
import type { CommandSpec } from '../../apps/cli/command.js';
import { avroRecord, runWeir, ScratchProject, type Ran } from '../../apps/cli/testing/index.js';

/** Folders that commands are run in: of a project that is as the registry is, of one with something pending, of one that breaks readers, and of none. */
type Folder = 'good' | 'pending' | 'bad' | 'none';

interface Case {
  readonly args: readonly string[];
  readonly at?: Folder;
  readonly code: number;
  /** The service is away. */
  readonly away?: boolean;
}

/** Stands for a request that was submitted. */
const REQUEST = '{request}';

/** Fingerprints of a finding that is waived, and of one that is not. */
const [WAIVED, FRESH] = ['0123456789abcdef', 'fedcba9876543210'];

/** A success first, then failures, of every command that pipelines use and of those about the command itself. */
const CASES: readonly (readonly Case[])[] = [
  [
    { args: ['check', '--against', 'registry'], code: 0 },
    { args: ['check', '--against', 'registry'], at: 'bad', code: 1 },
    { args: ['check', '--against', 'registry'], code: 7, away: true },
    { args: ['check'], at: 'none', code: 2 },
  ],
  [
    { args: ['lint'], code: 0 },
    { args: ['lint'], at: 'bad', code: 1 },
    { args: ['lint'], at: 'none', code: 2 },
  ],
  [
    { args: ['fmt', '--check'], code: 0 },
    { args: ['fmt', '--check'], at: 'bad', code: 1 },
    { args: ['fmt'], at: 'none', code: 2 },
  ],
  [
    { args: ['plan'], code: 0 },
    { args: ['plan', '--exit-code'], at: 'pending', code: 3 },
    { args: ['plan'], at: 'bad', code: 1 },
    { args: ['plan'], code: 7, away: true },
    { args: ['plan', '--out', '/dev/full'], code: 70 },
    { args: ['plan', '--submit', '--dry-run'], at: 'pending', code: 0 },
  ],
  [
    { args: ['request', 'list'], code: 0 },
    { args: ['request', 'list'], code: 7, away: true },
  ],
  ...['show', 'approve', 'reject', 'withdraw'].map((verb): readonly Case[] => [
    { args: ['request', verb, REQUEST, '--dry-run'], code: 0 },
    { args: ['request', verb, 'cr_nothing'], code: 5 },
  ]),
  [
    { args: ['apply'], code: 0 },
    { args: ['apply', '--dry-run'], at: 'pending', code: 0 },
    { args: ['apply'], at: 'pending', code: 2 },
    { args: ['apply', '--yes'], at: 'bad', code: 1 },
    { args: ['apply', '--plan', 'nowhere.json'], code: 2 },
    { args: ['apply', '--yes'], code: 7, away: true },
  ],
  [
    { args: ['drift'], code: 0 },
    { args: ['drift'], at: 'pending', code: 3 },
    { args: ['drift'], at: 'bad', code: 1 },
  ],
  [
    { args: ['policy', 'list'], code: 0 },
    { args: ['policy', 'list'], at: 'none', code: 2 },
  ],
  [
    { args: ['policy', 'test'], code: 0 },
    { args: ['policy', 'test'], at: 'bad', code: 1 },
  ],
  [
    { args: ['policy', 'explain', 'named'], code: 0 },
    { args: ['policy', 'explain', 'nmaed'], code: 5 },
  ],
  [
    { args: ['waiver', 'list'], code: 0 },
    { args: ['waiver', 'list'], at: 'none', code: 2 },
    { args: ['waiver', 'list'], at: 'pending', code: 2 },
  ],
  [
    { args: ['waiver', 'add', FRESH, '--owner', 'us', '--expires', '30d', '--reason', 'soon', '--dry-run'], code: 0 },
    { args: ['waiver', 'add', WAIVED, '--owner', 'us', '--expires', '30d', '--reason', 'soon'], code: 4 },
    { args: ['waiver', 'add', FRESH, '--owner', 'us', '--expires', '30d'], code: 2 },
    { args: ['waiver', 'add', FRESH, '--owner', 'us', '--expires', '2001-01-01', '--reason', 'late'], code: 2 },
    { args: ['waiver', 'add', 'all', '--owner', 'us', '--expires', '30d', '--reason', 'soon'], code: 2 },
  ],
  [
    { args: ['waiver', 'revoke', WAIVED, '--dry-run'], code: 0 },
    { args: ['waiver', 'revoke', FRESH], code: 5 },
  ],
  [
    { args: ['init', 'fresh', '--dry-run'], at: 'none', code: 0 },
    { args: ['init'], code: 2 },
    { args: ['init', 'fresh', '--from', 'http://127.0.0.1:1'], at: 'none', code: 7 },
  ],
  [
    { args: ['pull', '--dry-run'], code: 0 },
    { args: ['pull'], code: 7, away: true },
  ],
  [
    { args: ['schema', 'list'], code: 0 },
    { args: ['schema', 'list'], code: 7, away: true },
  ],
  [
    { args: ['schema', 'get', 'a-value'], code: 0 },
    { args: ['schema', 'get', 'id:1'], code: 0 },
    { args: ['schema', 'get', 'a-value@9'], code: 5 },
    { args: ['schema', 'get', 'a@x'], code: 2 },
  ],
  [
    { args: ['schema', 'versions', 'a-value'], code: 0 },
    { args: ['schema', 'versions', 'nothing'], code: 5 },
  ],
  [
    { args: ['schema', 'lookup', 'a-value', 'a.avsc'], code: 0 },
    { args: ['schema', 'lookup', 'a-value', 'a.avsc'], at: 'bad', code: 5 },
  ],
  [
    { args: ['schema', 'refs', 'a-value@1'], code: 0 },
    { args: ['schema', 'refs', 'a-value@1', '--referenced-by'], code: 0 },
    { args: ['schema', 'refs', 'a-value@9'], code: 5 },
  ],
  [
    { args: ['schema', 'diff', 'a-value@1', 'a.avsc'], code: 0 },
    { args: ['schema', 'diff', 'a-value@1', 'a.avsc', '--levels'], at: 'bad', code: 0 },
    { args: ['schema', 'diff', 'a-value@1', 'a.avsc', '--text'], at: 'bad', code: 0 },
    { args: ['schema', 'diff', 'a-value@9', 'a.avsc'], code: 5 },
  ],
  [
    { args: ['schema', 'register', 'a-value', 'a.avsc'], code: 0 },
    { args: ['schema', 'register', 'a-value', 'a.avsc', '--dry-run'], code: 0 },
    { args: ['schema', 'register', 'a-value', 'a.avsc', '--dry-run'], at: 'bad', code: 1 },
    { args: ['schema', 'register', 'a-value', 'a.avsc'], at: 'bad', code: 1 },
    { args: ['schema', 'register', 'a-value', 'nowhere.avsc'], code: 2 },
  ],
  [
    { args: ['schema', 'replay', 'a.avsc', '--topic', 'orders'], code: 0 },
    { args: ['schema', 'replay', 'a.avsc', '--topic', 'nothing'], code: 5 },
  ],
  [
    { args: ['schema', 'infer', '--from', 'samples.jsonl', '--type', 'avro', '--name', 'A'], code: 0 },
    { args: ['schema', 'infer', '--from', 'nowhere.jsonl'], code: 2 },
    { args: ['schema', 'infer', '--from', 'topic:nothing'], code: 5 },
  ],
  [
    { args: ['schema', 'usage', 'a-value@1'], code: 0 },
    { args: ['schema', 'usage', 'gone-value@1'], code: 0 },
    { args: ['schema', 'usage', 'a-value@9'], code: 5 },
  ],
  [
    { args: ['schema', 'delete', 'a-value@1', '--dry-run'], code: 0 },
    { args: ['schema', 'delete', 'a-value@1'], code: 2 },
    { args: ['schema', 'delete', 'nothing', '--yes'], code: 5 },
    { args: ['schema', 'delete', 'nothing', '--dry-run'], code: 5 },
    { args: ['schema', 'delete', 'a-value@9', '--dry-run'], code: 5 },
    { args: ['schema', 'delete', 'gone-value@1', '--permanent', '--dry-run'], code: 0 },
  ],
  [
    { args: ['schema', 'restore', 'gone-value', '--dry-run'], code: 0 },
    { args: ['schema', 'restore', 'nothing'], code: 5 },
  ],
  ...['compat', 'mode'].map((name): readonly Case[] => [
    { args: [name, 'get', 'a-value'], code: 0 },
    { args: [name, 'get', '--global'], code: 0 },
    { args: [name, 'set', name === 'compat' ? 'FULL' : 'READWRITE', 'b-value'], code: 0 },
    { args: [name, 'set', name === 'compat' ? 'FULL' : 'READONLY', 'b-value', '--dry-run'], code: 0 },
    { args: [name, 'unset', 'b-value', '--dry-run'], code: 0 },
    { args: [name, 'set', 'SIDEWAYS', 'a-value'], code: 2 },
    { args: [name, 'get'], code: 2 },
    { args: [name, 'unset', 'nothing'], code: 5 },
  ]),
  [
    { args: ['api', 'GET', '/subjects'], code: 0 },
    { args: ['api', 'GET', '/nothing'], code: 5 },
  ],
  [
    { args: ['doctor'], code: 0 },
    { args: ['doctor'], code: 7, away: true },
  ],
  [
    { args: ['explain', 'avro/type-mismatch'], code: 0 },
    { args: ['explain', '4'], code: 0 },
    { args: ['explain', 'plan-stale'], code: 0 },
    { args: ['explain', 'nothing'], code: 5 },
  ],
  [
    { args: ['context', 'set', 'one', '--url', 'http://one:1'], code: 0 },
    { args: ['context', 'set', 'two'], code: 2 },
  ],
  [{ args: ['context', 'list'], code: 0 }],
  [
    { args: ['context', 'show', 'one'], code: 0 },
    { args: ['context', 'show', 'three'], code: 2 },
  ],
  [
    { args: ['context', 'use', 'one', '--dry-run'], code: 0 },
    { args: ['context', 'use', 'three'], code: 2 },
  ],
  [{ args: ['config', 'print'], code: 0 }],
  [
    { args: ['version', '-v'], code: 0 },
    { args: ['version', '-v'], code: 7, away: true },
  ],
];

const GOOD = avroRecord('A', '{"name": "id", "type": "long"}');

describe('what commands print', () => {
  const server = serverForSuite();
  const folders = new Map<Folder, ScratchProject>();
  let request: string;
  const shapes = new Map<string, ValidateFunction>();

  const run = ({ args, at = 'good', away = false }: Case, output: string): Promise<Ran> =>
    runWeir([...args.map((word) => (word === REQUEST ? request : word)), '-o', output], {
      cwd: folders.get(at)!.path,
      env: { WEIR_URL: away ? 'http://127.0.0.1:1' : server().url, XDG_CONFIG_HOME: folders.get('none')!.path },
    });
  const shapeOf = async ({ args }: Case): Promise<ValidateFunction> => {
    const path = args.filter((word, at) => at < depthOf(args) && word !== '').join(' ');
    const known = shapes.get(path);
    if (known !== undefined) return known;
    const { default: Ajv } = await import('ajv/dist/2020.js');
    const printed = await runWeir(['schema-of', ...path.split(' ')]);
    const shape = new Ajv.default({ strict: false }).compile(JSON.parse(printed.out) as object);
    shapes.set(path, shape);
    return shape;
  };

  beforeAll(async () => {
    const project = (schemas: string, more = ''): string =>
      `apiVersion: v1\nserver: \${WEIR_URL}\nlint: { use: [strict] }\nschemas:\n${schemas}policies: [policies.yaml]\n${more}`;
    const policies =
      'apiVersion: v1\npolicies:\n  - { id: named, title: names are short, on: schema, require: size(schema.name) < 5 }\n';
    const a = '  - { subject: a-value, file: a.avsc }\n';
    const waivers = `- { fingerprint: '${WAIVED}', owner: us, reason: known, expires: 2099-12-31 }\n`;
    const files = { 'waivers.yaml': waivers, 'policies.yaml': policies, 'samples.jsonl': '{"id": 1}\n{"id": 2}\n' };
    folders.set('none', new ScratchProject());
    folders.set(
      'good',
      new ScratchProject({ ...files, 'weir.yaml': project(a, 'check: { waivers: waivers.yaml }\n'), 'a.avsc': GOOD }),
    );
    folders.set(
      'pending',
      new ScratchProject({
        ...files,
        'weir.yaml': project(`${a}  - { subject: fresh-value, file: b.avsc }\n`, 'topics: [{ name: fresh }]\n'),
        'a.avsc': GOOD,
        'b.avsc': avroRecord('B', '{"name": "id", "type": "long"}'),
      }),
    );
    folders.set(
      'bad',
      new ScratchProject({
        ...files,
        'weir.yaml': project(a),
        'a.avsc': avroRecord('bad_name', '{"name": "id", "type": "string"}'),
      }),
    );
    const good = folders.get('good')!;
    const env = { WEIR_URL: server().url };
    await runWeir(['fmt', '--write'], { cwd: good.path, env });
    for (const args of [
      ['apply', '--yes'],
      ['schema', 'register', 'gone-value', 'a.avsc'],
      ['schema', 'delete', 'gone-value', '--yes'],
      ['compat', 'set', 'FULL', 'b-value'],
      ['mode', 'set', 'READWRITE', 'b-value'],
      ['topic', 'create', 'orders'],
    ])
      expect([args, (await runWeir(args, { cwd: good.path, env })).code]).toEqual([args, 0]);
  });
  beforeAll(async () => {
    const submitted = await run({ args: ['plan', '--submit'], at: 'pending', code: 0 }, 'name');
    request = submitted.out.trim();
  });
  afterAll(() => {
    for (const folder of folders.values()) folder.remove();
  });

  for (const cases of CASES) {
    const [first] = cases;
    it(`weir ${first!.args.slice(0, depthOf(first!.args)).join(' ')}: every format and exit code, in success and failure`, async () => {
      for (const one of cases) {
        const told = `${one.args.join(' ')} at ${one.at ?? 'good'}`;
        const isShaped = await shapeOf(one);
        const json = await run(one, 'json');
        expect([told, json.code, json.out === '']).toEqual([told, one.code, false]);
        const document = JSON.parse(json.out) as { data: unknown; error: { code: string } | null };
        expect([told, isShaped(document), isShaped.errors]).toEqual([told, true, null]);
        // Findings and pending changes are answers; everything else that is not done says why.
        const failed = one.code !== 0 && document.data === null;
        expect([told, document.error !== null || !failed]).toEqual([told, true]);
        const yaml = await run(one, 'yaml');
        expect([told, yaml.code, isShaped(parse(yaml.out))]).toEqual([told, one.code, true]);
        const jsonl = await run(one, 'jsonl');
        expect([told, jsonl.code]).toEqual([told, one.code]);
        const lines = jsonl.out.split('\n').slice(0, -1);
        for (const line of lines) JSON.parse(line);
        if (failed) expect([told, lines.length, lines[0]!.startsWith('{"error":')]).toEqual([told, 1, true]);
        const name = await run(one, 'name');
        expect([told, name.code, name.out]).toEqual([told, one.code, expect.stringMatching(/^([^\n]+\n)*$/)]);
        if (failed) expect([told, name.out, name.err]).toEqual([told, '', expect.stringContaining('error: ')]);
        for (const output of ['table', 'wide']) {
          const text = await run(one, output);
          expect([told, text.code, failed ? text.out : '']).toEqual([told, one.code, '']);
          if (failed) expect([told, text.err]).toEqual([told, expect.stringMatching(/^error: .*\[[a-z0-9-]+\]/m)]);
        }
      }
    });
  }

  it('is known of every command of pipelines and every tool', () => {
    const covered = new Set(CASES.map(([first]) => first!.args.slice(0, depthOf(first!.args)).join(' ')));
    const subsumed = ['compat set', 'compat unset', 'mode set', 'mode unset'];
    const raw = ['completion', 'schema-of'];
    const operators = new Set([
      'topic',
      'derive',
      'view',
      'group',
      'lineage',
      'catalog',
      'op',
      'admin',
      'dev',
      'login',
      'logout',
      'whoami',
    ]);
    const missing = leaves(COMMANDS)
      .filter((path) => !operators.has(path.split(' ')[0]!))
      .filter((path) => !covered.has(path) && !subsumed.includes(path) && !raw.includes(path));
    expect(missing).toEqual([]);
  });
});

function leaves(commands: readonly CommandSpec[], above = ''): readonly string[] {
  return commands.flatMap(({ name, load, commands: below = [] }) => {
    const path = above === '' ? name : `${above} ${name}`;
    return [...(load === undefined ? [] : [path]), ...leaves(below, path)];
  });
}

/** How many words name the command. */
function depthOf(args: readonly string[]): number {
  return COMMANDS.find(({ name }) => name === args[0])?.commands === undefined ? 1 : 2;
}
