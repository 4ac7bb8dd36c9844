import { afterEach, describe, expect, it } from 'vitest';
import { XMLish } from './testing/xml.js';
import { avroRecord, runWeir, ScratchProject } from './testing/index.js';

const PROJECT = `apiVersion: v1
defaults: { compatibility: BACKWARD_TRANSITIVE }
schemas:
  - { subject: money-value, file: schemas/money.avsc }
  - { subject: orders-value, file: schemas/order.avsc, references: [money-value] }
  - { glob: "proto/**/*.proto", subject: "{message}-value" }
  - { subject: customer-value, file: schemas/customer.json }
`;
const ID = '{"name": "id", "type": "long"}';
const TOTAL = '{"name": "total", "type": "shop.Money"}';
const FILES = {
  'weir.yaml': PROJECT,
  'schemas/money.avsc': avroRecord('Money', '{"name": "cents", "type": "long"}'),
  'schemas/order.avsc': avroRecord('Order', ID, TOTAL),
  'schemas/customer.json': '{\n  "type": "object",\n  "properties": {\n    "name": { "type": "string" }\n  }\n}\n',
  'proto/shop/coin.proto': 'syntax = "proto3";\npackage shop;\nmessage Coin {\n  int64 cents = 1;\n}\n',
  'proto/shop/purse.proto':
    'syntax = "proto3";\npackage shop;\nimport "shop/coin.proto";\nmessage Purse {\n  repeated Coin coins = 1;\n  string owner = 2;\n}\n',
};

interface Report {
  passed: boolean;
  against: string;
  schemas: { subject: string; status: string; level: string; levelOrigin: string }[];
  findings: {
    ruleId: string;
    level: string;
    direction: string;
    subject: string;
    fingerprint: string;
    location: { file: string; startLine: number | null; startColumn: number | null };
    before: string;
    after: string;
    help: string;
    waiver: object | null;
  }[];
}

describe('weir check', () => {
  const projects: ScratchProject[] = [];
  afterEach(() => {
    for (const project of projects.splice(0)) project.remove();
  });
  const scratch = (files: Record<string, string> = FILES): ScratchProject => {
    const project = new ScratchProject(files);
    project.git('checkout', '-q', '-b', 'change');
    projects.push(project);
    return project;
  };
  const checkIn = async (project: ScratchProject, ...args: string[]) => {
    const ran = await runWeir(['check', '-o', 'json', ...args], { cwd: project.path });
    return {
      ...ran,
      report: (JSON.parse(ran.out) as { data: Report }).data,
      error: (JSON.parse(ran.out) as { error: { code: string; message: string; hint: string } | null }).error,
    };
  };

  it('says yes to a project that is as it was, references of all three languages included', async () => {
    const { code, report } = await checkIn(scratch());
    expect([code, report.passed, report.findings]).toEqual([0, true, []]);
    expect(report.schemas.map(({ subject, status }) => [subject, status])).toEqual([
      ['money-value', 'unchanged'],
      ['orders-value', 'unchanged'],
      ['Coin-value', 'unchanged'],
      ['Purse-value', 'unchanged'],
      ['customer-value', 'unchanged'],
    ]);
    expect(report.schemas[0]).toMatchObject({
      level: 'BACKWARD_TRANSITIVE',
      levelOrigin: 'weir.yaml (defaults.compatibility)',
    });
  });

  it('names file, line, column, rule, direction, before, after and fix, in all three languages', async () => {
    const project = scratch();
    project.write({
      'schemas/order.avsc': avroRecord('Order', '{"name": "id", "type": "string"}', TOTAL),
      'schemas/customer.json': '{\n  "type": "object",\n  "properties": {\n    "name": { "type": "number" }\n  }\n}\n',
      'proto/shop/purse.proto': FILES['proto/shop/purse.proto'].replace('string owner', 'int32 owner'),
    });
    const { code, report } = await checkIn(project);
    expect([code, report.passed]).toEqual([1, false]);
    expect(
      report.findings.map(({ ruleId, direction, location: { file, startLine, startColumn } }) => [
        ruleId,
        direction,
        file,
        startLine,
        startColumn,
      ]),
    ).toEqual([
      ['protobuf/field-scalar-kind-changed', 'backward', 'proto/shop/purse.proto', 6, 3],
      ['json/type-changed', 'backward', 'schemas/customer.json', 4, 13],
      ['avro/type-mismatch', 'backward', 'schemas/order.avsc', 4, 28],
    ]);
    for (const { before, after, help } of report.findings)
      expect([before, after, help].every((one) => typeof one === 'string' && one !== '')).toBe(true);
  });

  it('leaves the work tree, the index and the branch as they are', async () => {
    const project = scratch();
    project.write({ 'schemas/order.avsc': avroRecord('Order', ID) });
    const before = project.git('status', '--porcelain', '--branch');
    await checkIn(project);
    await checkIn(project, '--against', 'main');
    expect(project.git('status', '--porcelain', '--branch')).toBe(before);
  });

  it('calls a new subject information, a lost one too, and formatting by its name', async () => {
    const project = scratch();
    project.write({
      'weir.yaml': PROJECT.replace(
        '  - { subject: customer-value, file: schemas/customer.json }\n',
        '  - { subject: gift-value, file: schemas/gift.avsc }\n',
      ),
      'schemas/gift.avsc': avroRecord('Gift', ID),
      'schemas/money.avsc': FILES['schemas/money.avsc'].replace(/\s+/g, ' '),
    });
    const { code, report } = await checkIn(project);
    expect(code).toBe(0);
    expect(report.findings.map(({ ruleId, level, subject }) => [ruleId, level, subject])).toEqual([
      ['schema/removed', 'info', 'customer-value'],
      ['schema/new-subject', 'info', 'gift-value'],
      ['schema/formatting-only', 'info', 'money-value'],
    ]);
    expect((await checkIn(project, '--fail-on', 'info')).code).toBe(1);
  });

  it('judges what refers to a changed schema, too', async () => {
    const project = scratch();
    project.write({ 'schemas/money.avsc': avroRecord('Money', '{"name": "cents", "type": "string"}') });
    const { report } = await checkIn(project);
    expect(
      report.findings
        .filter(({ level }) => level === 'error')
        .map(({ subject, location }) => [subject, location.startLine]),
    ).toEqual([
      ['money-value', 4],
      ['orders-value', null],
    ]);
  });

  it('compares with a branch, a tag, a folder of a commit, a folder, a file', async () => {
    const project = scratch();
    project.git('tag', 'v1');
    project.write({ 'schemas/order.avsc': avroRecord('Order', '{"name": "id", "type": "string"}', TOTAL) });
    project.commit('second');
    const other = new ScratchProject(FILES);
    projects.push(other);
    for (const against of ['main', 'v1', 'HEAD~1', 'v1:.', other.path]) {
      expect([against, (await checkIn(project, '--against', against)).code]).toEqual([against, 1]);
    }
    expect((await checkIn(project, '--against', 'HEAD')).code).toBe(0);
    expect((await checkIn(project, 'schemas/order.avsc', '--against', `${other.path}/schemas/order.avsc`)).code).toBe(
      1,
    );
    expect((await checkIn(project, 'schemas/order.avsc', '--against', 'v1:schemas/order.avsc')).code).toBe(1);
    expect(await checkIn(project, '--against', 'no-such-thing')).toMatchObject({
      code: 2,
      error: { code: 'baseline-unknown' },
    });
  });

  it('checks files without a project', async () => {
    const project = scratch({ 'a.avsc': FILES['schemas/money.avsc'] });
    project.write({ 'a.avsc': avroRecord('Money', '{"name": "cents", "type": "string"}') });
    expect((await checkIn(project, 'a.avsc')).report.findings[0]).toMatchObject({
      subject: 'a',
      ruleId: 'avro/type-mismatch',
    });
    expect(await checkIn(project)).toMatchObject({ code: 2, error: { code: 'no-project' } });
  });

  it('says what a shallow clone lacks, and fetches it when asked', async () => {
    const project = scratch();
    project.git('checkout', '-q', 'main');
    for (const n of [1, 2, 3]) {
      project.write({ note: String(n) });
      project.commit(`main ${n}`);
    }
    project.git('checkout', '-q', 'change');
    project.write({ 'schemas/order.avsc': avroRecord('Order', '{"name": "id", "type": "string"}', TOTAL) });
    project.commit('breaks');
    const clone = new ScratchProject();
    projects.push(clone);
    clone.git('remote', 'add', 'origin', `file://${project.path}`);
    clone.git('fetch', '-q', '--depth', '1', 'origin', 'change');
    clone.git('checkout', '-q', '-b', 'change', 'FETCH_HEAD');
    const refused = await checkIn(clone);
    expect(refused).toMatchObject({ code: 2, error: { code: 'clone-shallow' } });
    expect(refused.error!.hint).toContain('git fetch --unshallow origin main');
    expect((await checkIn(clone, '--fetch')).report.findings[0]).toMatchObject({ ruleId: 'avro/type-mismatch' });
    expect(clone.git('status', '--porcelain')).toBe('');
  });

  it('finds the types of Avro that files of the project declare for one another, listed as references or not', async () => {
    const unlisted = {
      ...FILES,
      'weir.yaml': PROJECT.replace(', references: [money-value]', ''),
      'schemas/order.avsc': avroRecord(
        'Order',
        ID,
        '{"name": "total", "type": ["null", {"type": "array", "items": "Money"}]}',
      ),
    };
    const project = scratch(unlisted);
    expect(await checkIn(project)).toMatchObject({ code: 0, report: { passed: true, findings: [] } });
    project.write({ 'schemas/order.avsc': avroRecord('Order', ID, '{"name": "total", "type": "Coin"}') });
    expect((await checkIn(project)).report.findings).toMatchObject([{ ruleId: 'schema/invalid' }]);
  });

  it('writes several formats that are named together, and takes a comma in the name of a file for what it is', async () => {
    const project = scratch();
    const { code } = await runWeir(['check', '--format', 'sarif=a,b.sarif,junit=c.xml,markdown'], {
      cwd: project.path,
    });
    expect(code).toBe(0);
    expect(JSON.parse(project.read('a,b.sarif'))).toMatchObject({ version: '2.1.0' });
    expect(project.read('c.xml')).toContain('<testsuites');
  });

  it('tells texts that are no schemas and references that lead nowhere, at their place', async () => {
    const project = scratch();
    project.write({
      'schemas/money.avsc': '{\n  "type": "record",\n  oops\n}\n',
      'weir.yaml': PROJECT.replace('[money-value]', '[{subject: gone-value, name: shop.Gone}]'),
    });
    const { code, report } = await checkIn(project);
    expect(code).toBe(1);
    expect(
      report.findings
        .filter(({ level }) => level === 'error')
        .map(({ ruleId, location }) => [ruleId, location.file, location.startLine]),
    ).toEqual([
      ['schema/invalid', 'schemas/money.avsc', 3],
      ['project/reference-not-found', 'schemas/order.avsc', null],
    ]);
  });

  it('counts no finding that a waiver or an ignore covers, until its end', async () => {
    const project = scratch();
    project.write({ 'schemas/order.avsc': avroRecord('Order', '{"name": "id", "type": "string"}', TOTAL) });
    const { fingerprint } = (await checkIn(project)).report.findings[0]!;
    project.write({ 'schemas/order.avsc': `\n\n${avroRecord('Order', '{"name": "id", "type": "string"}', TOTAL)}` });
    const waiver = (expires: string): Record<string, string> => ({
      'weir.yaml': `${PROJECT}check: { waivers: waivers.yaml }\n`,
      'waivers.yaml': `- { fingerprint: ${fingerprint}, owner: team-orders, reason: nobody reads it, expires: ${expires} }\n`,
    });
    project.write(waiver('2999-12-31'));
    const covered = await checkIn(project);
    expect([covered.code, covered.report.findings[0]!.waiver]).toEqual([
      0,
      { owner: 'team-orders', reason: 'nobody reads it', expires: '2999-12-31' },
    ]);
    project.write(waiver('2020-01-01'));
    const over = await checkIn(project);
    expect([over.code, over.report.findings.map(({ ruleId }) => ruleId)]).toEqual([
      1,
      ['avro/type-mismatch', 'project/waiver-expired'],
    ]);
    project.write({
      'weir.yaml': `${PROJECT}check: { ignore: [{ path: "schemas/*.avsc", rules: [avro/*], reason: moving house }] }\n`,
    });
    expect((await checkIn(project)).code).toBe(0);
  });

  it('takes level, limits and report-only from the command line, and suggests what was meant', async () => {
    const project = scratch();
    project.write({
      'schemas/order.avsc': avroRecord(
        'Order',
        ID,
        TOTAL,
        '{"name": "a", "type": "int"}',
        '{"name": "b", "type": "int"}',
      ),
    });
    expect((await checkIn(project, '--level', 'NONE')).code).toBe(0);
    const some = await checkIn(project, '--max', '1');
    expect([some.code, some.report.findings.length]).toEqual([1, 1]);
    expect((await checkIn(project, '--no-fail')).code).toBe(0);
    expect((await checkIn(project, '--only-changed')).report.schemas.map(({ subject }) => subject)).toEqual([
      'orders-value',
    ]);
    expect(await checkIn(project, '--level', 'BAKWARD')).toMatchObject({
      code: 2,
      error: { hint: "Did you mean 'BACKWARD'?" },
    });
    expect(await checkIn(project, 'schemas/ordr.avsc')).toMatchObject({
      code: 2,
      error: { hint: "Did you mean 'schemas/order.avsc'?" },
    });
  });

  it('writes every format on success and on failure, each as its readers take it', async () => {
    const project = scratch();
    const formats = async (): Promise<Record<string, { code: number; out: string }>> =>
      Object.fromEntries(
        await Promise.all(
          ['text', 'json', 'sarif', 'junit', 'github', 'gitlab', 'markdown'].map(async (format) => [
            format,
            await runWeir(['check', '--format', format], { cwd: project.path }),
          ]),
        ),
      );
    const good = await formats();
    project.write({
      'schemas/order.avsc': avroRecord('Order', '{"name": "id", "type": "string", "doc": "<&\\"]]>"}', TOTAL),
    });
    const bad = await formats();
    expect(Object.values(good).map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(Object.values(bad).map(({ code }) => code)).toEqual([1, 1, 1, 1, 1, 1, 1]);
    for (const [format, { out }] of Object.entries(bad)) {
      for (const part of ['avro/type-mismatch', 'backward', 'order.avsc'])
        expect([format, out.includes(part)]).toEqual([format, true]);
    }
    const sarif = JSON.parse(bad['sarif']!.out) as {
      version: string;
      runs: {
        tool: { driver: { rules: { id: string }[] } };
        results: {
          ruleId: string;
          ruleIndex: number;
          level: string;
          partialFingerprints: object;
          locations: { physicalLocation: { artifactLocation: { uri: string }; region: { startLine: number } } }[];
        }[];
      }[];
    };
    const [run] = sarif.runs;
    expect([sarif.version, run!.results[0]!.level, run!.tool.driver.rules[run!.results[0]!.ruleIndex]!.id]).toEqual([
      '2.1.0',
      'error',
      'avro/type-mismatch',
    ]);
    expect(run!.results[0]!.locations[0]!.physicalLocation).toMatchObject({
      artifactLocation: { uri: 'schemas/order.avsc' },
      region: { startLine: 4 },
    });
    expect(Object.values(run!.results[0]!.partialFingerprints)[0]).toMatch(/^[0-9a-f]{16}$/);
    for (const { out } of [good['junit']!, bad['junit']!]) {
      const suite = XMLish.parse(out).only('testsuites').only('testsuite');
      const cases = suite.children.filter(({ name }) => name === 'testcase');
      expect(suite.attributes['tests']).toBe(String(cases.length));
      expect(suite.attributes['failures']).toBe(
        String(cases.filter((one) => one.children.some(({ name }) => name === 'failure')).length),
      );
    }
    const gitlab = JSON.parse(bad['gitlab']!.out) as {
      description: string;
      check_name: string;
      fingerprint: string;
      severity: string;
      location: { path: string; lines: { begin: number } };
    }[];
    expect(gitlab[0]).toMatchObject({
      check_name: 'avro/type-mismatch',
      severity: 'major',
      location: { path: 'schemas/order.avsc', lines: { begin: 4 } },
    });
    expect(bad['github']!.out).toMatch(
      /^::error file=schemas\/order\.avsc,line=4,col=28,endLine=4,endColumn=36,title=avro\/type-mismatch \(backward\)::/,
    );
    expect(bad['github']!.out.trimEnd().split('\n')).toHaveLength(1);
  });

  it('adds annotations and a step summary on GitHub, a report on GitLab, and files where they are named', async () => {
    const project = scratch();
    project.write({ 'schemas/order.avsc': avroRecord('Order', '{"name": "id", "type": "string"}', TOTAL) });
    const { readFileSync } = await import('node:fs');
    const summary = `${project.path}/summary.md`;
    const github = await runWeir(['check'], {
      cwd: project.path,
      env: { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary, GITHUB_BASE_REF: 'main' },
    });
    expect([github.code, github.out.includes('::error file=')]).toEqual([1, true]);
    expect(readFileSync(summary, 'utf8')).toContain('### ❌ weir check');
    await runWeir(['check'], {
      cwd: project.path,
      env: { GITLAB_CI: 'true', CI_MERGE_REQUEST_TARGET_BRANCH_NAME: 'main' },
    });
    expect(JSON.parse(readFileSync(`${project.path}/gl-code-quality-report.json`, 'utf8'))).toHaveLength(1);
    const named = await runWeir(['check', '--format', 'sarif=weir.sarif', '--format', 'text'], { cwd: project.path });
    expect([named.code, named.out.startsWith('schemas/order.avsc:4:28')]).toEqual([1, true]);
    expect(JSON.parse(readFileSync(`${project.path}/weir.sarif`, 'utf8'))).toHaveProperty('version', '2.1.0');
    expect(await runWeir(['check', '--format', 'sarfi'], { cwd: project.path })).toMatchObject({
      code: 2,
      err: expect.stringContaining("Did you mean 'sarif'?"),
    });
    expect(await runWeir(['check', '--format', 'sarif=/nowhere/x'], { cwd: project.path })).toMatchObject({ code: 2 });
  });

  it('states the level that was used and where it was set, for all of them and for what breaks', async () => {
    const project = scratch();
    const levelled = async (format: string) =>
      (await runWeir(['check', '--format', format], { cwd: project.path })).out;
    expect(await levelled('text')).toContain('at BACKWARD_TRANSITIVE (weir.yaml (defaults.compatibility))');
    project.write({
      'weir.yaml': PROJECT.replace('references: [money-value] }', 'references: [money-value], compatibility: FULL }'),
      'schemas/order.avsc': avroRecord('Order', '{"name": "id", "type": "string"}', TOTAL),
    });
    for (const format of ['text', 'junit', 'markdown', 'sarif'])
      expect([format, await levelled(format)]).toEqual([
        format,
        expect.stringContaining('FULL (weir.yaml (the schema))'),
      ]);
    expect(await levelled('text')).toContain('BACKWARD_TRANSITIVE');
  });

  it('tells programs everything however little people are shown, and never that a failed schema passed', async () => {
    const project = scratch();
    project.write({
      'schemas/order.avsc': avroRecord('Order', ID, TOTAL, '{"name": "a", "type": "int"}'),
      'schemas/money.avsc': avroRecord('Money', '{"name": "cents", "type": "string"}'),
    });
    const report = async (format: string, ...more: string[]) =>
      (await runWeir(['check', '--format', format, ...more], { cwd: project.path })).out;
    for (const format of ['sarif', 'junit', 'gitlab'])
      expect(await report(format, '--max', '1')).toBe(await report(format));
    expect(await report('junit', '--max', '0')).not.toContain('failures="0"');
    for (const format of ['text', 'markdown', 'github'])
      expect((await report(format, '--max', '1')).length).toBeLessThan((await report(format)).length);
  });

  it('answers all the same where what the CI takes by itself cannot be written', async () => {
    const project = scratch();
    project.write({ 'schemas/order.avsc': avroRecord('Order', '{"name": "id", "type": "string"}', TOTAL) });
    const env = { GITHUB_ACTIONS: 'true', GITHUB_BASE_REF: 'main', GITHUB_STEP_SUMMARY: '/nowhere/summary' };
    const github = await runWeir(['check'], { cwd: project.path, env });
    expect([github.code, github.out.includes('::error file='), github.err]).toEqual([
      1,
      true,
      expect.stringContaining('warning: the step summary cannot be written'),
    ]);
    project.write({ 'gl-code-quality-report.json/in-the-way': '' });
    const gitlab = await runWeir(['check'], { cwd: project.path, env: { GITLAB_CI: 'true' } });
    expect([gitlab.code, gitlab.err]).toEqual([1, expect.stringContaining('gl-code-quality-report.json')]);
  });

  it('finds a branch that only the remote has, and fetches one that the clone lacks when asked', async () => {
    const project = scratch();
    project.git('checkout', '-q', 'main');
    const clone = new ScratchProject();
    projects.push(clone);
    clone.git('remote', 'add', 'origin', `file://${project.path}`);
    clone.git('fetch', '-q', '--depth', '1', 'origin', 'change:refs/remotes/origin/change');
    clone.git('checkout', '-q', '-b', 'mine', 'origin/change');
    const against = (...args: string[]) => checkIn(clone, '--against', 'main', ...args);
    expect(await against()).toMatchObject({
      code: 2,
      error: {
        code: 'baseline-unknown',
        hint: expect.stringContaining('git fetch origin main:refs/remotes/origin/main'),
      },
    });
    expect(await against('--fetch')).toMatchObject({ code: 0, report: { against: 'origin/main' } });
    // Known by now, without another word.
    expect(await against()).toMatchObject({ code: 0, report: { against: 'origin/main' } });
    clone.git('remote', 'set-url', 'origin', 'file:///nowhere.git');
    expect(await checkIn(clone, '--against', 'other', '--fetch')).toMatchObject({
      code: 7,
      error: { message: expect.stringMatching(/'\/nowhere\.git' does not appear to be a git repository/) },
    });
  });
});
