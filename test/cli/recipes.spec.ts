import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { serverForSuite } from '#libs/platform/testing';
import { avroRecord, ScratchProject } from '../../apps/cli/testing/index.js';

const ROOT = resolve(import.meta.dirname, '../..');
const FIELD = '{"name": "id", "type": "long"}';

/** The first fenced block of a page. */
function blockOf(page: string, language: string): string {
  return new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(readFileSync(`${ROOT}/docs/ci/${page}`, 'utf8'))![1]!;
}

describe('the CI recipes', () => {
  const server = serverForSuite();
  let home: string;
  let tarball: string;
  const projects: ScratchProject[] = [];
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'weir-recipes-'));
    execFileSync('npm', ['pack', '--silent', '--pack-destination', home], { cwd: `${ROOT}/dist/cli`, stdio: 'pipe' });
    tarball = join(
      home,
      readdirSync(home).find((name) => name.endsWith('.tgz'))!,
    );
    mkdirSync(join(home, 'prefix'));
  });
  afterAll(() => {
    rmSync(home, { recursive: true, force: true });
    for (const project of projects) project.remove();
  });

  const project = (name: string): ScratchProject => {
    const origin = new ScratchProject({
      'weir.yaml': `apiVersion: v1\nserver: \${WEIR_URL}\nschemas: [{ subject: ${name}-value, file: a.avsc }]\n`,
      'a.avsc': avroRecord('A', FIELD),
    });
    const clone = new ScratchProject();
    projects.push(origin, clone);
    clone.git('remote', 'add', 'origin', `file://${origin.path}`);
    clone.git('fetch', '-q', 'origin');
    clone.git('checkout', '-q', '-B', 'main', 'origin/main');
    return clone;
  };
  /** Runs the lines one after another, as a pipeline does: the first that fails ends it. */
  const sh = (
    lines: readonly string[],
    cwd: string,
    env: Record<string, string>,
  ): Promise<{ code: number | null; out: string }> =>
    new Promise((done) => {
      const child = spawn('bash', ['-e', '-c', lines.join('\n')], {
        cwd,
        env: {
          PATH: `${home}/prefix/bin:${process.env['PATH']}`,
          HOME: home,
          npm_config_prefix: `${home}/prefix`,
          npm_config_offline: 'true',
          npm_config_audit: 'false',
          npm_config_fund: 'false',
          WEIR_PACKAGE: tarball,
          WEIR_URL: server().url,
          CI: 'true',
          ...env,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let out = '';
      child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()));
      child.on('close', (code) => done({ code, out }));
    });
  /** A change that breaks is stopped, one that does not passes, and a merge registers. */
  const story = async (
    name: string,
    check: readonly string[],
    apply: readonly string[],
    env: Record<string, string>,
  ): Promise<ScratchProject> => {
    const clone = project(name);
    clone.git('checkout', '-q', '-b', 'change');
    clone.write({ 'a.avsc': avroRecord('A', FIELD, '{"name": "b", "type": "long"}') });
    clone.commit('breaks');
    const broken = await sh(check, clone.path, env);
    expect([broken.code, broken.out]).toEqual([1, expect.stringContaining('avro/reader-field-missing-default')]);
    clone.write({ 'a.avsc': avroRecord('A', FIELD, '{"name": "b", "type": "long", "default": 0}') });
    clone.commit('does not break');
    const good = await sh(check, clone.path, env);
    expect([good.code, good.out]).toEqual([0, expect.stringContaining('passed')]);
    const merged = await sh(apply, clone.path, env);
    expect([merged.code, merged.out]).toEqual([0, expect.stringContaining(`${name}-value`)]);
    expect(await (await fetch(`${server().url}/subjects/${name}-value/versions`)).json()).toEqual([1]);
    return clone;
  };

  it('of GitHub Actions stop what breaks, pass what does not, and register', async () => {
    const { jobs } = parse(blockOf('github-actions.md', 'yaml')) as {
      jobs: Record<string, { steps: { run?: string }[] }>;
    };
    const runs = (job: string): string[] => jobs[job]!.steps.flatMap(({ run }) => run ?? []);
    const clone = await story('github', runs('check'), runs('apply'), {
      GITHUB_ACTIONS: 'true',
      GITHUB_BASE_REF: 'main',
      GITHUB_STEP_SUMMARY: `${home}/summary`,
      GITHUB_OUTPUT: `${home}/output`,
    });
    expect(JSON.parse(readFileSync(`${clone.path}/weir.sarif`, 'utf8'))).toHaveProperty('version', '2.1.0');
    expect(readFileSync(`${home}/summary`, 'utf8')).toContain('weir check');
    expect(readFileSync(`${home}/output`, 'utf8')).toContain('registered=[{"subject":"github-value"');
  });

  it('of GitLab CI do so, too', async () => {
    const file = parse(blockOf('gitlab-ci.md', 'yaml')) as Record<string, { script: string[] }>;
    const clone = await story('gitlab', file['check schemas']!.script, file['apply schemas']!.script, {
      GITLAB_CI: 'true',
      CI_MERGE_REQUEST_TARGET_BRANCH_NAME: 'main',
    });
    expect(JSON.parse(readFileSync(`${clone.path}/gl-code-quality-report.json`, 'utf8'))).toEqual([]);
    expect(readFileSync(`${clone.path}/junit.xml`, 'utf8')).toContain('<testcase name="gitlab-value"');
  });

  it('of a plain shell do so, too, and tell drift', async () => {
    const [check, apply, nightly] = blockOf('shell.md', 'sh')
      .split('\n\n')
      .map((part) => part.split('\n'));
    const clone = await story('shell', ['npm install --global "$WEIR_PACKAGE"', ...check!], apply!, {});
    expect((await sh(nightly!, clone.path, {})).code).toBe(0);
    clone.write({ 'a.avsc': avroRecord('A', FIELD) });
    expect((await sh(nightly!, clone.path, {})).code).toBe(3);
  });
});
