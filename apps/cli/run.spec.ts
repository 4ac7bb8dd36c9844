import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from './commands/table.js';
import type { CommandSpec } from './command.js';
import { GLOBAL_OPTIONS } from './global-options.js';
import { runWeir, ScratchProject } from './testing/index.js';
import { VERSION } from './version.js';

const leaves = (
  commands: readonly CommandSpec[],
  path: readonly string[] = [],
): (CommandSpec & { path: readonly string[] })[] =>
  commands.flatMap((spec) => [
    ...(spec.load === undefined ? [] : [{ ...spec, path: [...path, spec.name] }]),
    ...leaves(spec.commands ?? [], [...path, spec.name]),
  ]);

describe('the command line', () => {
  it('has the version of the package', () => {
    expect(VERSION).toBe(
      (JSON.parse(readFileSync(`${import.meta.dirname}/../../package.json`, 'utf8')) as { version: string }).version,
    );
  });

  it('leads the help of every command with examples that name it, and its own', async () => {
    for (const argv of [['--help'], ['help']]) {
      const { code, out } = await runWeir(argv);
      expect([code, out.startsWith('Examples:\n  weir init ')]).toEqual([0, true]);
    }
    for (const flag of ['-V', '--version'])
      expect(await runWeir([flag])).toMatchObject({ code: 0, out: `${VERSION}\n` });
    for (const { path, examples = [], about } of leaves(COMMANDS)) {
      expect([path.join(' '), examples.length > 0, about.endsWith('.')]).toEqual([path.join(' '), true, true]);
      expect(examples[0]![0]).toContain(`weir ${path.join(' ')}`);
      const { code, out } = await runWeir([...path, '--help']);
      expect([code, out.startsWith('Examples:\n')]).toEqual([0, true]);
    }
  });

  it('gives no command a flag that means something else for all of them', async () => {
    const names = (flags: string): string[] => flags.match(/(?<![\w-])--?[\w-]+/g) ?? [];
    const taken = new Set(GLOBAL_OPTIONS.flatMap(({ flags }) => names(flags)));
    for (const { path, options = [] } of leaves(COMMANDS))
      for (const { flags } of options)
        expect([path.join(' '), names(flags).filter((name) => taken.has(name))]).toEqual([path.join(' '), []]);
    // The version of a schema is no question for that of the command.
    const pulled = await runWeir(['pull', '--version', '1', '-s', 'http://127.0.0.1:1']);
    expect([pulled.code, pulled.out]).toEqual([7, '']);
  });

  it('suggests the nearest command, option and sub-command, and says what is missing', async () => {
    const cases: [string[], string][] = [
      [['chek'], 'Did you mean check?'],
      [['check', '--aganist', 'main'], 'Did you mean --against?'],
      [['schema', 'lits'], 'Did you mean list?'],
      [['schema'], "'weir schema' needs one of: list"],
      [['schema', 'get'], "Missing required argument 'ref'"],
      [[], 'No command was given'],
      [['check', '-o', 'xml'], 'Allowed choices are table'],
      [['check', '-o', 'jsn'], 'Did you mean json?'],
      [['check', '--fail-on', 'warnin'], 'Did you mean warning?'],
    ];
    for (const [argv, said] of cases) {
      const { code, out, err } = await runWeir(argv);
      expect([argv, code, out]).toEqual([argv, 2, '']);
      expect(err).toContain(said);
    }
  });

  it('answers in every machine format, on failure too, with nothing else on stdout', async () => {
    const { parse } = await import('yaml');
    for (const output of ['json', 'yaml', 'jsonl', 'name']) {
      const good = await runWeir(['explain', '--list', '-o', output]);
      const bad = await runWeir(['explain', 'no/such-rule', '-o', output]);
      expect([output, good.code, bad.code]).toEqual([output, 0, 5]);
      if (output === 'json') {
        expect(JSON.parse(good.out)).toMatchObject({ apiVersion: 'v1', kind: 'Rule', warnings: [], error: null });
        expect(JSON.parse(bad.out)).toMatchObject({
          apiVersion: 'v1',
          kind: 'Rule',
          data: null,
          error: { code: 'rule-unknown', request_id: null, findings: [] },
        });
      } else if (output === 'yaml') expect(parse(bad.out)).toMatchObject({ error: { code: 'rule-unknown' } });
      else if (output === 'jsonl') {
        expect(
          good.out
            .trimEnd()
            .split('\n')
            .map((line) => (JSON.parse(line) as { id: string }).id),
        ).toContain('avro/type-mismatch');
        expect(JSON.parse(bad.out)).toMatchObject({ error: { code: 'rule-unknown' } });
      } else {
        expect(good.out.split('\n')).toContain('avro/type-mismatch');
        expect([bad.out, bad.err.includes('rule-unknown')]).toEqual(['', true]);
      }
    }
  });

  it('prints, for every command and in every machine format, what a program can read when the service is away', async () => {
    const { parse } = await import('yaml');
    const project = new ScratchProject();
    try {
      for (const { path, args = [], options = [], kind } of leaves(COMMANDS)) {
        const words = args
          .filter(([syntax]) => syntax.startsWith('<'))
          .map(([syntax]) => (syntax === '<file>' ? '/nowhere.avsc' : 'x'));
        const needed = options
          .filter(({ required }) => required === true)
          .flatMap(({ flags }) => [/--[\w-]+/.exec(flags)![0], flags.includes('position') ? 'start' : 'x']);
        for (const output of ['json', 'yaml', 'jsonl', 'name']) {
          const ran = await runWeir(
            [...path, ...words, ...needed, '-s', 'http://127.0.0.1:1', '--dry-run', '-o', output],
            { cwd: project.path },
          );
          const told = [path.join(' '), output, ran.code, ran.err];
          expect([0, 2, 5, 7], told.join(' ')).toContain(ran.code);
          if (path[0] === 'completion' || path[0] === 'schema-of' || ran.code === 0) continue;
          if (output === 'json' || output === 'yaml') {
            const document = (output === 'json' ? JSON.parse(ran.out) : parse(ran.out)) as {
              kind: string;
              error: { code: string } | null;
            };
            expect([document.kind, document.error === null], told.join(' ')).toEqual([kind, path[0] === 'doctor']);
          } else if (output === 'jsonl') for (const line of ran.out.trimEnd().split('\n')) JSON.parse(line);
          else expect(ran.out === '' || path[0] === 'doctor', told.join(' ')).toBe(true);
        }
      }
    } finally {
      project.remove();
    }
  });

  it('writes the result where it is told, and says when it cannot', async () => {
    const project = new ScratchProject();
    try {
      const ran = await runWeir(['version', '-o', 'json', '-O', `${project.path}/v.json`]);
      expect([ran.code, ran.out]).toEqual([0, '']);
      expect(JSON.parse(readFileSync(`${project.path}/v.json`, 'utf8'))).toMatchObject({ data: { version: VERSION } });
      // A failure is told there, too, and to whoever looks on.
      const failing = await runWeir(['topic', 'list', '-s', 'none', '-o', 'json', '-O', `${project.path}/v.json`]);
      expect([failing.code, failing.out, failing.err]).toEqual([2, '', expect.stringContaining('is no address')]);
      expect(JSON.parse(readFileSync(`${project.path}/v.json`, 'utf8'))).toMatchObject({
        data: null,
        error: { code: 'server-address-invalid' },
      });
      expect(await runWeir(['version', '-O', '/nowhere/v'])).toMatchObject({
        code: 2,
        err: expect.stringContaining('output-file-not-written'),
      });
      expect(await runWeir(['version', '-O', '/dev/full'])).toMatchObject({
        code: 70,
        err: expect.stringContaining('There is no room'),
      });
    } finally {
      project.remove();
    }
  });

  it('cuts and colours what a terminal shows, and nothing that goes into a file', async () => {
    const project = new ScratchProject({ 'a.avsc': '{"type": "record", "name": "a", "fields": []}' });
    const env = { WEIR_TOKEN: 'x' };
    try {
      const shown = await runWeir(['config', 'print'], { cwd: project.path, env, terminal: 20 });
      expect(shown.out).toContain('…');
      await runWeir(['config', 'print', '-O', `${project.path}/c`], { cwd: project.path, env, terminal: 20 });
      expect(readFileSync(`${project.path}/c`, 'utf8')).not.toContain('…');
      const coloured = await runWeir(['lint', 'a.avsc'], { cwd: project.path, terminal: 80 });
      expect(coloured.out).toContain('\u001b[');
      await runWeir(['lint', 'a.avsc', '-O', `${project.path}/l`], { cwd: project.path, terminal: 80 });
      expect(readFileSync(`${project.path}/l`, 'utf8')).toMatch(/^(?!.*\u001b).*lint\//s);
      const plain = await runWeir(['lint', 'a.avsc'], { cwd: project.path, terminal: 80, env: { NO_COLOR: '1' } });
      expect(plain.out).not.toContain('\u001b[');
      const always = ['lint', 'a.avsc', '--color', 'always', '-O', `${project.path}/m`];
      await runWeir(always, { cwd: project.path, env: { NO_COLOR: '1' } });
      expect(readFileSync(`${project.path}/m`, 'utf8')).toContain('\u001b[');
    } finally {
      project.remove();
    }
  });

  it('says where a service cannot be reached, whose name is unknown, and what is no address', async () => {
    expect(await runWeir(['schema', 'list', '-s', 'http://127.0.0.1:1'])).toMatchObject({
      code: 7,
      err: expect.stringContaining('nothing listens there'),
    });
    expect(await runWeir(['schema', 'list', '-s', 'localhost'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('http://'),
    });
    expect(
      await runWeir(['schema', 'list'], { env: { WEIR_URL: 'http://127.0.0.1:1', HTTP_PROXY: 'http://127.0.0.1:2' } }),
    ).toMatchObject({ code: 7 });
  });

  it('reads contexts, tells where settings come from, and never shows a token', async () => {
    const project = new ScratchProject();
    const env = { XDG_CONFIG_HOME: project.path, WEIR_TOKEN: 'very-secret' };
    try {
      expect((await runWeir(['context', 'set', 'staging', '--url', 'http://staging:1'], { env })).code).toBe(0);
      expect((await runWeir(['context', 'set', 'prod', '--url', 'http://prod:1', '--production'], { env })).code).toBe(
        0,
      );
      expect((await runWeir(['context', 'list', '-o', 'name'], { env })).out).toBe('staging\nprod\n');
      expect(await runWeir(['context', 'use', 'stagin'], { env })).toMatchObject({
        code: 2,
        err: expect.stringContaining("Did you mean 'staging'?"),
      });
      const printed = await runWeir(['config', 'print', '-c', 'prod', '-o', 'json'], { env });
      const { data } = JSON.parse(printed.out) as { data: { setting: string; value: unknown; origin: string }[] };
      expect(data.slice(0, 2)).toEqual([
        { setting: 'server', value: 'http://prod:1', origin: 'context prod' },
        { setting: 'context', value: 'prod', origin: '--context' },
      ]);
      expect(printed.out).not.toContain('very-secret');
      const stock = await runWeir(['config', 'print', '-o', 'json'], {
        env: { SCHEMA_REGISTRY_URL: 'http://a:1, http://b:1' },
      });
      expect((JSON.parse(stock.out) as { data: object[] }).data[0]).toEqual({
        setting: 'server',
        value: 'http://a:1, http://b:1',
        origin: 'SCHEMA_REGISTRY_URL',
      });
    } finally {
      project.remove();
    }
  });

  it('completes in four shells and prints the shape of what commands print', async () => {
    for (const shell of ['bash', 'zsh', 'fish', 'powershell'])
      expect((await runWeir(['completion', shell])).out).toContain('against');
    expect((await runWeir(['completion', 'tcsh'])).code).toBe(2);
    const { default: Ajv } = await import('ajv/dist/2020.js');
    const shape = JSON.parse((await runWeir(['schema-of', 'check'])).out) as object;
    const validate = new Ajv.default({ strict: false }).compile(shape);
    const failed = await runWeir(['check', '-o', 'json']);
    expect([failed.code, validate(JSON.parse(failed.out))]).toEqual([2, true]);
    expect(validate({ apiVersion: 'v1' })).toBe(false);
    expect((await runWeir(['schema-of', 'chek'])).code).toBe(2);
    // Words below one another, however they are quoted.
    const listed = await runWeir(['schema-of', 'schema list']);
    expect([listed.code, listed.out]).toEqual([0, (await runWeir(['schema-of', 'schema', 'list'])).out]);
  });
});
