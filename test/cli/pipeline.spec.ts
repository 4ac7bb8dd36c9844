import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { serverForSuite } from '#libs/platform/testing';
import { avroRecord, ScratchProject } from '../../apps/cli/testing/index.js';
import { dataOf, weir } from './weir-process.js';

const field = (name: string, type: string, more = ''): string => `{"name": "${name}", "type": "${type}"${more}}`;

interface Plan {
  hash: string;
  verdict: string;
  pending: number;
  changes: { subject: string; outcome: string; version: number | null; id: number | null }[];
  findings: { ruleId: string; direction: string; location: { file: string; startLine: number } }[];
}

describe('a pipeline', () => {
  const server = serverForSuite();
  const projects: ScratchProject[] = [];
  afterEach(() => {
    for (const project of projects.splice(0)) project.remove();
  });
  let run = 0;
  const scratch = (
    schemas: Record<string, string>,
    more = '',
  ): { project: ScratchProject; subjects: string[]; in: (...args: string[]) => ReturnType<typeof weir> } => {
    const prefix = `p${++run}`;
    const subjects = Object.keys(schemas).map((name) => `${prefix}-${name}-value`);
    const entries = Object.keys(schemas).map(
      (name) => `  - { subject: ${prefix}-${name}-value, file: ${name}.avsc }\n`,
    );
    const project = new ScratchProject({
      'weir.yaml': `apiVersion: v1\nserver: \${WEIR_URL}\n${more}schemas:\n${entries.join('')}`,
      ...Object.fromEntries(Object.entries(schemas).map(([name, text]) => [`${name}.avsc`, text])),
    });
    projects.push(project);
    return { project, subjects, in: (...args) => weir(args, { cwd: project.path, env: { WEIR_URL: server().url } }) };
  };
  const versionsOf = async (subject: string): Promise<unknown> =>
    (await fetch(`${server().url}/subjects/${subject}/versions`)).json();
  const registers = (subject: string, schema: string): Promise<Response> =>
    fetch(`${server().url}/subjects/${subject}/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ schema }),
    });

  it('is stopped by an incompatible change, offline and against the registry, with file, line, rule, direction and fix', async () => {
    const { project, subjects, in: weirIn } = scratch({ order: avroRecord('Order', field('id', 'long')) });
    expect((await weirIn('apply', '--yes')).code).toBe(0);
    project.git('checkout', '-q', '-b', 'change');
    project.write({ 'order.avsc': avroRecord('Order', field('id', 'string')) });
    for (const against of ['merge-base', 'registry']) {
      for (const format of ['text', 'json', 'sarif', 'junit', 'github', 'gitlab', 'markdown']) {
        const { code, out, err } = await weirIn('check', '--against', against, '--format', format);
        expect([against, format, code, err]).toEqual([against, format, 1, '']);
        for (const part of ['order.avsc', '4', 'avro/type-mismatch', 'backward', 'Keep the type'])
          expect([format, part, out.includes(part)]).toEqual([format, part, true]);
      }
    }
    // The same verdict, place and rule by the service.
    const text = readFileSync(`${project.path}/order.avsc`, 'utf8');
    const answer = await fetch(`${server().url}/v1/schemas:check`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ subject: subjects[0], schema: text }),
    });
    const judged = (await answer.json()) as {
      compatible: boolean;
      findings: { ruleId: string; levels: string[]; position: { line: number; column: number } }[];
    };
    const { findings } = dataOf<Plan>(await weirIn('check', '--against', 'registry', '-o', 'json'));
    expect(judged.compatible).toBe(false);
    expect(findings.map(({ ruleId, location }) => [ruleId, location.startLine])).toEqual(
      judged.findings
        .filter(({ levels }) => levels.includes('BACKWARD'))
        .map(({ ruleId, position }) => [ruleId, position.line]),
    );
    // A plan tells the finding once, and neither table nor error quote whole schemas.
    const plan = await weirIn('plan');
    expect([plan.code, plan.out.match(/avro\/type-mismatch/g)?.length]).toEqual([1, 1]);
    expect(plan.out).toMatch(/^refused .* one finding, above$/m);
    expect(plan.out + plan.err).not.toContain('errorType');
  });

  it('registers ten schemas together or none: none when the ninth is invalid', async () => {
    const schemas = Object.fromEntries(
      Array.from({ length: 10 }, (_, n) => [
        `s${n}`,
        n === 8 ? '{\n  "type": "recrod"\n}' : avroRecord(`S${n}`, field('a', 'int')),
      ]),
    );
    const { project, subjects, in: weirIn } = scratch(schemas);
    const refused = await weirIn('apply', '--yes', '-o', 'json');
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.out)).toMatchObject({
      error: { code: 'plan-blocked' },
      data: { verdict: 'blocked', findings: [{ ruleId: 'schema/invalid', location: { file: 's8.avsc' } }] },
    });
    for (const subject of subjects) expect(await versionsOf(subject)).toMatchObject({ error_code: 40401 });
    project.write({ 's8.avsc': avroRecord('S8', field('a', 'int')) });
    const done = await weirIn('apply', '--yes', '-o', 'json');
    expect([done.code, dataOf<Plan>(done).changes.map(({ outcome, version }) => [outcome, version])]).toEqual([
      0,
      Array(10).fill(['new', 1]),
    ]);
    expect((await weirIn('drift')).code).toBe(0);
  });

  it('applies what was planned, and refuses with 4 what somebody has overtaken, naming what moved', async () => {
    const { project, subjects, in: weirIn } = scratch({ a: avroRecord('A', field('a', 'int')) });
    expect((await weirIn('apply', '--yes')).code).toBe(0);
    project.write({ 'a.avsc': avroRecord('A', field('a', 'int'), field('b', 'int', ', "default": 0')) });
    const planned = await weirIn('plan', '--out', 'plan.json', '--exit-code', '-o', 'json');
    expect([planned.code, dataOf<Plan>(planned).pending]).toEqual([3, 1]);
    expect(
      (await registers(subjects[0]!, avroRecord('A', field('a', 'int'), field('c', 'int', ', "default": 0')))).status,
    ).toBe(200);
    const stale = await weirIn('apply', '--plan', 'plan.json');
    expect([stale.code, stale.out]).toEqual([4, '']);
    expect(stale.err).toContain(`the latest version of '${subjects[0]}' was 1 and is 2`);
    expect(await versionsOf(subjects[0]!)).toEqual([1, 2]);
    expect((await weirIn('plan', '--out', 'plan.json')).code).toBe(0);
    const outputs = `${project.path}/outputs`;
    const applied = await weir(['apply', '--plan', 'plan.json', '-o', 'json'], {
      cwd: project.path,
      env: { WEIR_URL: server().url, GITHUB_OUTPUT: outputs },
    });
    expect([applied.code, dataOf<Plan>(applied).changes[0]]).toMatchObject([0, { outcome: 'new', version: 3 }]);
    expect(readFileSync(outputs, 'utf8')).toContain(`"subject":"${subjects[0]}","version":3`);
    expect(await weirIn('apply', '--plan', 'plan.json')).toMatchObject({
      code: 0,
      err: expect.stringContaining('had been applied before'),
    });
    expect(await weirIn('apply', '--plan', 'nowhere.json')).toMatchObject({ code: 2 });
  });

  it('needs a yes where nobody can be asked, shows with --dry-run, and tells drift with 3', async () => {
    const { subjects, in: weirIn } = scratch({ a: avroRecord('A', field('a', 'int')) });
    expect(await weirIn('apply')).toMatchObject({ code: 2, err: expect.stringContaining('--yes') });
    expect((await weirIn('apply', '--dry-run')).code).toBe(0);
    expect((await weirIn('drift', '-o', 'name')).code).toBe(3);
    expect(await versionsOf(subjects[0]!)).toMatchObject({ error_code: 40401 });
  });

  it('sets the levels a project states where they differ, and prunes what is its own', async () => {
    const owned = '    metadata: { properties: { owner: team-a } }\n';
    const {
      project,
      subjects,
      in: weirIn,
    } = scratch({ a: avroRecord('A', field('a', 'int')), b: avroRecord('B', field('a', 'int')) });
    const file = (names: readonly number[]): string =>
      `apiVersion: v1\nserver: \${WEIR_URL}\nowner: team-a\nschemas:\n${names.map((n) => `  - subject: ${subjects[n]}\n    file: ${'ab'[n]}.avsc\n    compatibility: FULL\n${owned}`).join('')}`;
    project.write({ 'weir.yaml': file([0, 1]) });
    expect((await weirIn('apply', '--yes')).code).toBe(0);
    expect(dataOf<object>(await weirIn('compat', 'get', subjects[0]!, '-o', 'json'))).toEqual({
      target: subjects[0],
      value: 'FULL',
      origin: 'subject',
      wouldBe: null,
    });
    expect(dataOf<Plan>(await weirIn('plan', '-o', 'json')).pending).toBe(0);
    project.write({ 'weir.yaml': file([0]) });
    expect((await weirIn('drift')).code).toBe(0);
    expect((await weirIn('drift', '--prune')).code).toBe(3);
    expect((await weirIn('apply', '--prune', '--yes')).code).toBe(0);
    expect(await versionsOf(subjects[1]!)).toMatchObject({ error_code: 40401 });
    expect(await versionsOf(subjects[0]!)).toEqual([1]);
  });

  it('moves a registry into a project and back: init, check, pull', async () => {
    const { subjects, in: weirIn } = scratch({
      m: avroRecord('Money', field('cents', 'long')),
      n: avroRecord('Note', field('text', 'string')),
    });
    await weirIn('apply', '--yes');
    const project = new ScratchProject();
    projects.push(project);
    mkdirSync(`${project.path}/taken`);
    const env = { WEIR_URL: server().url };
    expect((await weir(['init', 'taken', '--from', server().url], { cwd: project.path, env })).code).toBe(0);
    expect((await weir(['init', 'taken', '--from', server().url], { cwd: project.path, env })).code).toBe(2);
    const [first] = readdirSync(`${project.path}/taken/schemas`).sort();
    const kept = ['weir.yaml', `schemas/${first}`].map((file) => `${project.path}/taken/${file}`);
    for (const file of kept) renameSync(file, `${file}.away`);
    // The others are in the way, and nothing is written before that is known.
    expect((await weir(['init', 'taken', '--from', server().url], { cwd: project.path, env })).code).toBe(2);
    expect(kept.filter((file) => existsSync(file))).toEqual([]);
    for (const file of kept) renameSync(`${file}.away`, file);
    const taken = { cwd: `${project.path}/taken`, env };
    expect((await weir(['check', '--against', 'registry'], taken)).code).toBe(0);
    expect((await weir(['drift'], taken)).code).toBe(0);
    const pulled = dataOf<{ subject: string; status: string }[]>(await weir(['pull', '-o', 'json'], taken));
    expect(pulled.find(({ subject }) => subject === subjects[0])).toMatchObject({ status: 'unchanged' });
    expect(new Set(pulled.map(({ status }) => status))).toEqual(new Set(['unchanged']));
  });
});

describe('schemas of the registry', () => {
  const server = serverForSuite();
  const project = new ScratchProject({
    'a.avsc': avroRecord('A', field('a', 'int')),
    'b.avsc': avroRecord('A', field('a', 'string')),
  });
  const run = (...args: string[]): ReturnType<typeof weir> =>
    weir(args, { cwd: project.path, env: { WEIR_URL: server().url } });

  it('are registered, looked up, listed, shown, compared, deleted and restored', async () => {
    expect(dataOf<object>(await run('schema', 'register', 'a-value', 'a.avsc', '-o', 'json'))).toEqual({
      subject: 'a-value',
      version: 1,
      id: 1,
    });
    expect((await run('schema', 'register', 'a-value', 'b.avsc', '--dry-run')).code).toBe(1);
    expect(await run('schema', 'register', 'a-value', 'b.avsc', '-o', 'json')).toMatchObject({ code: 1 });
    expect((await run('schema', 'lookup', 'a-value', 'a.avsc')).code).toBe(0);
    expect((await run('schema', 'lookup', 'a-value', 'b.avsc')).code).toBe(5);
    expect((await run('schema', 'list', '-o', 'name')).out).toBe('a-value@1\n');
    expect((await run('schema', 'versions', 'a-value', '-o', 'name')).out).toBe('a-value@1\n');
    expect((await run('schema', 'get', 'id:1', '--raw')).out).toContain('"name":"A"');
    expect((await run('schema', 'get', 'a-value@9')).code).toBe(5);
    expect((await run('schema', 'refs', 'a-value@1', '--referenced-by', '-o', 'jsonl')).out).toBe('');
    const { levels, same } = dataOf<{ same: boolean; levels: { level: string; compatible: boolean }[] }>(
      await run('schema', 'diff', 'a-value@1', 'b.avsc', '--levels', '-o', 'json'),
    );
    expect([
      same,
      levels.find(({ level }) => level === 'FULL')!.compatible,
      levels.find(({ level }) => level === 'NONE')!.compatible,
    ]).toEqual([false, false, true]);
    expect((await run('schema', 'diff', 'a-value@1', 'b.avsc', '--text')).out).toMatch(/^-.*int[^]*^\+.*string/m);
    expect((await run('schema', 'usage', 'a-value@1', '-o', 'json')).code).toBe(0);
    expect((await run('schema', 'delete', 'a-value@1')).code).toBe(2);
    expect((await run('schema', 'delete', 'a-value@1', '--yes')).code).toBe(0);
    expect((await run('schema', 'list', '-o', 'name')).out).toBe('');
    expect((await run('schema', 'restore', 'a-value@1')).code).toBe(0);
    expect((await run('mode', 'set', 'READONLY', 'a-value')).code).toBe(0);
    expect(dataOf<object>(await run('mode', 'get', 'a-value', '-o', 'json'))).toEqual({
      target: 'a-value',
      value: 'READONLY',
      origin: 'subject',
      wouldBe: null,
    });
    expect((await run('mode', 'unset', 'a-value')).code).toBe(0);
    expect((await run('compat', 'set', 'SIDEWAYS', 'a-value')).code).not.toBe(0);
    expect((await run('compat', 'set', 'FULL', '--global')).code).toBe(2);
    expect((await run('compat', 'set', 'FULL', '--global', '--yes')).code).toBe(0);
    expect((await run('compat', 'get', 'a-value')).out).toMatch(/value +FULL\norigin +global/);
  });

  it('are reached by api and doctor, too', async () => {
    expect((await run('api', 'GET', '/subjects', '-o', 'json')).code).toBe(0);
    expect((await run('api', 'GET', '/nothing')).code).toBe(5);
    expect((await run('api', 'POST', '/v1/topics', '-d', '{"name": "t1"}')).code).toBe(0);
    const doctor = await run('doctor', '-o', 'json');
    expect([doctor.code, dataOf<{ check: string; ok: boolean }[]>(doctor).every(({ ok }) => ok)]).toEqual([0, true]);
    expect((await weir(['doctor'], { cwd: project.path, env: { WEIR_URL: 'http://127.0.0.1:1' } })).code).toBe(7);
    project.remove();
  });
});
