import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { weir } from './weir-process.js';

const DIST = resolve(import.meta.dirname, '../../dist/cli');

describe('the packed command', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'weir-packed-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('is one package without dependencies that installs without scripts into an empty folder, and runs there', async () => {
    execFileSync('npm', ['pack', '--silent', '--pack-destination', directory], { cwd: DIST, stdio: 'pipe' });
    const [tarball] = readdirSync(directory).filter((name) => name.endsWith('.tgz'));
    const folder = join(directory, 'empty');
    mkdirSync(folder);
    execFileSync(
      'npm',
      ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--offline', '--silent', join(directory, tarball!)],
      { cwd: folder, stdio: 'pipe' },
    );
    expect(readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(['weir-cli']);
    const program = join(folder, 'node_modules/.bin/weir');
    expect(existsSync(program)).toBe(true);
    expect(await weir(['version'], { program, cwd: folder })).toMatchObject({ code: 0, err: '' });
    const schema = (type: string): string =>
      `{"type": "record", "name": "A", "fields": [\n  {"name": "a", "type": "${type}"}]}`;
    writeFileSync(join(folder, 'old.avsc'), schema('int'));
    writeFileSync(join(folder, 'new.avsc'), schema('string'));
    const checked = await weir(['check', 'new.avsc', '--against', 'old.avsc'], { program, cwd: folder });
    expect(checked).toMatchObject({
      code: 1,
      out: expect.stringContaining('new.avsc:2:25: error avro/type-mismatch (backward)'),
    });
  });

  it('carries neither the service framework nor native code', () => {
    const files = readdirSync(DIST);
    expect(files.filter((name) => name.endsWith('.node'))).toEqual([]);
    const text = files
      .filter((name) => name.endsWith('.js'))
      .map((name) => execFileSync('cat', [join(DIST, name)], { encoding: 'utf8', maxBuffer: 64 << 20 }))
      .join('\n');
    for (const name of ['@nestjs', 'better-sqlite3', 'fastify', '@platformatic/kafka'])
      expect([name, text.includes(`from "${name}`)]).toEqual([name, false]);
  });

  it('shows its help at the price of starting Node and little more', async () => {
    const fastest = (args: readonly string[]): number => {
      const best = Array.from({ length: 5 }, () => {
        const started = performance.now();
        execFileSync(process.execPath, args, { stdio: 'pipe', env: { PATH: process.env['PATH'] } });
        return performance.now() - started;
      });
      return Math.min(...best);
    };
    const bare = fastest(['-e', '0']);
    const help = fastest([join(DIST, 'weir.js'), '--help']);
    console.log(`weir --help ${help.toFixed(0)} ms, of which Node takes ${bare.toFixed(0)} ms`);
    // 150 ms on a machine at rest, where Node itself takes 40; told by the ratio, since tests share the machine.
    expect(help).toBeLessThan(Math.max(150, bare * 4.5));
  });
});
