import { spawnSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ACTIONS, ROLE_GRANTS, ROLES, type Action, type Role } from '#libs/platform/auth';
import { readConfig } from '#libs/platform/config';
import { temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { problemsOf } from './page-run.js';
import { programsOf, readPage } from './page.js';

/** Commands of pages that are not run here, and where they are. */
const RUN_ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['npm ci && npm test', '.ci/run, its first line'],
  ['npm ci && npm run demo', '.ci/run: npm ci in its first line, the demo as a step of npm run check'],
  ['npm start', 'this test starts the same service (dist/service/main.js) for every page'],
  ['npm start -- --restore 20260102030405-0a1b2c3d', 'test/backups.spec.ts, with the id of the backup it took'],
  ['npm run check', '.ci/run, its second half'],
]);
const ELSEWHERE = new Set(RUN_ELSEWHERE.keys());

const ROOT = resolve(import.meta.dirname, '../..');
const PAGES = [
  'README.md',
  ...(await readdir(`${ROOT}/docs`)).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`),
];

/** The pages are written for people, who have curl; a machine for builds may not. */
const HAS_CURL = spawnSync('curl', ['--version'], { stdio: 'ignore' }).status === 0;

let directory: TemporaryDirectory;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(async () => {
  await directory.remove();
});

describe('the commands of', () => {
  if (!HAS_CURL) {
    it('the pages: SUITE NOT RUN: curl is not installed', () => {
      expect(process.env['WEIR_REQUIRE_SERVICES']).not.toBe('1');
    });
  }
  for (const name of HAS_CURL ? PAGES : []) {
    it(`${name} work and answer what the page says`, async () => {
      const page = readPage(await readFile(`${ROOT}/${name}`, 'utf8'));
      expect(await problemsOf(page, ELSEWHERE, directory.path)).toEqual([]);
    });
  }
});

describe('the pages', () => {
  it('tell the story of the README in six calls', async () => {
    const page = readPage(await readFile(`${ROOT}/README.md`, 'utf8'));
    const calls = page.blocks.flatMap((block) => block.commands).filter((command) => !ELSEWHERE.has(command.text));
    expect(calls.map((call) => programsOf(call.text))).toEqual(Array<string[]>(6).fill(['curl']));
  });

  it('configure clusters as the service reads them', async () => {
    const text = await readFile(`${ROOT}/docs/clusters.md`, 'utf8');
    const [, file] = /```yaml\n([^`]+)```/.exec(text)!;
    await writeFile(`${directory.path}/weir.server.yaml`, file!);
    const { clusters, defaultCluster } = readConfig({ env: {}, cwd: directory.path });
    expect([...clusters.keys()]).toEqual(['lab', 'staging', 'production']);
    expect(defaultCluster).toBe('production');
  });

  it.each(['reliability', 'operations', 'views'])('name only tests that are there: %s', async (page) => {
    const text = await readFile(`${ROOT}/docs/${page}.md`, 'utf8');
    const named = [...text.matchAll(/_([^_]+)_ \(\[[^\]]+\]\(([^)]+)\)\)/g)];
    expect(named.length).toBeGreaterThan(20);
    for (const [, title, link] of named)
      expect(await readFile(resolve(ROOT, 'docs', link!), 'utf8'), `${link}: ${title}`).toContain(
        title!.replaceAll("'", "\\'"),
      );
  });

  it('show the roles as the code has them', async () => {
    const text = await readFile(`${ROOT}/docs/access.md`, 'utf8');
    const rows = text
      .split('\n')
      .filter((line) => ROLES.some((role) => line.startsWith(`| \`${role}\``)))
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
    const shown = (role: Role, action: Action): string => {
      const kinds = ROLE_GRANTS[role][action] ?? [];
      return typeof kinds === 'string' ? kinds : kinds.join(', ');
    };
    expect(rows).toEqual(ROLES.map((role) => [`\`${role}\``, ...ACTIONS.map((action) => shown(role, action))]));
  });

  it('link only to files that are there', async () => {
    const missing: string[] = [];
    for (const name of PAGES) {
      const text = await readFile(`${ROOT}/${name}`, 'utf8');
      for (const [, link] of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)/g)) {
        const target = resolve(ROOT, name, '..', link!);
        if (
          !(await readFile(target).then(
            () => true,
            (error: { code?: string }) => error.code === 'EISDIR',
          ))
        )
          missing.push(`${name}: ${link}`);
      }
    }
    expect(missing).toEqual([]);
  });
});

describe('the check of pages', () => {
  const problems = (markdown: string): Promise<string[]> => problemsOf(readPage(markdown), ELSEWHERE, directory.path);
  const page = (...lines: string[]): string => lines.join('\n');

  const itWithCurl = HAS_CURL ? it : () => undefined;

  itWithCurl('finds each thing that is wrong with a broken page, and nothing else', async () => {
    const found = await problems(
      page(
        '```sh',
        "curl -s -X POST localhost:8081/v1/topics -H 'content-type: application/json' \\",
        `  -d '{"name": "t"}'`,
        '```',
        '```json',
        '{"name": "t", "partitionCount": 2}',
        '```',
        '```sh',
        '# there is no such topic',
        'curl -s localhost:8081/v1/topics/u   # really',
        'id=$(curl -s localhost:8081/v1/topics/t | node -p \'JSON.parse(require("fs").readFileSync(0)).id\')',
        'curl -s "localhost:8081/v1/topics?q=$id" | node -e "process.exit(3)"',
        '```',
        '<!-- expect: 404 -->',
        '```sh',
        'curl -s localhost:8081/v1/topics/t',
        '```',
        '<!-- expect: 404 -->',
        '```sh',
        'curl -s localhost:8081/v1/topics/u',
        '```',
        '```text',
        'no problem',
        '```',
        '```sh',
        'curl -sN --max-time 1 localhost:1/',
        '```',
      ),
    );
    expect(found.map((problem) => problem.split(':').slice(0, 2).join(':'))).toEqual([
      expect.stringMatching(/^line 2: \/partitionCount is 1 instead of 2/),
      'line 10: answered 404 instead of a success',
      'line 12: ended with 3',
      'line 16: answered 200 instead of 404',
      expect.stringMatching(/^line 20: the line 'no problem' is not in the answer/),
      'line 26: ended with 7',
    ]);
  });

  it('runs nothing of a page with a command it does not know', async () => {
    expect(await problems(page('```sh', 'curl -s localhost:8081/healthz | jq .', 'npm run unheard-of', '```'))).toEqual(
      [
        "line 2: 'jq' is no command this test knows how to run",
        "line 3: 'npm' is no command this test knows how to run",
      ],
    );
  });

  it('sees the programs behind pipes, substitutions and functions, and no quoted text', () => {
    expect(programsOf(`A=1 plan=$(curl -s "x|y" -d '{"a; b": "$(c)"}' | field hash) && echo "$(rm -r x)"; ls`)).toEqual(
      ['curl', 'field', 'echo', 'rm', 'ls'],
    );
    expect(programsOf('until curl -s x | grep -q y; do sleep 1; done')).toEqual(['curl', 'grep', 'sleep']);
    expect(programsOf('field() { node -p "JSON.parse(x).$1"; }')).toEqual(['node']);
  });

  it('takes an answer with more members and not one with fewer', async () => {
    const { differenceFrom } = await import('./page-run.js');
    const expected = { kind: 'json', json: { a: '…', b: [{ c: 'x…z' }, '…'] } } as const;
    expect(differenceFrom(expected, '{"a": 1, "b": [{"c": "xyz", "d": 1}, 2, 3], "e": 1}')).toBeUndefined();
    expect(differenceFrom(expected, '{"a": 1, "b": [{"c": "xy"}]}')).toContain('/b/0/c is "xy"');
    expect(differenceFrom(expected, '{"b": [{"c": "xyz"}]}')).toContain('/a is missing');
    expect(differenceFrom(expected, 'oops')).toContain('is not JSON');
  });
});
