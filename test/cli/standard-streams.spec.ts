import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { avroRecord, ScratchProject } from '../../apps/cli/testing/index.js';

const PACKED = resolve(import.meta.dirname, '../../dist/cli/weir.js');

describe('the streams of a process', () => {
  const projects: ScratchProject[] = [];
  afterEach(() => {
    for (const project of projects.splice(0)) project.remove();
  });
  /** A project of many schemas that all break a reader: a check says more than a pipe holds. */
  const breaking = (): ScratchProject => {
    const texts = (type: string) =>
      Object.fromEntries(
        Array.from({ length: 150 }, (_, n) => [
          `s/s${n}.avsc`,
          avroRecord(`S${n}`, `{"name": "a", "type": "${type}"}`),
        ]),
      );
    const file = 'apiVersion: v1\nschemas: [{ glob: "s/*.avsc", subject: "{file}-value" }]\n';
    const project = new ScratchProject({ 'weir.yaml': file, ...texts('int') });
    projects.push(project);
    project.write(texts('string'));
    return project;
  };
  /** A line of a shell in which `weir` is the command; answers what it prints. */
  const shell = (line: string, cwd = '/'): Promise<{ out: string; err: string }> =>
    new Promise((done) => {
      const script = `weir() { '${process.execPath}' '${PACKED}' "$@"; }; ${line}`;
      const env = { PATH: process.env['PATH'], HOME: '/nonexistent' };
      execFile('bash', ['-c', script], { cwd, env }, (_error, out, err) => done({ out, err }));
    });

  it('leave the answer of a check as it is when whoever reads it has seen enough', async () => {
    const { path } = breaking();
    for (const format of ['text', 'json', 'sarif']) {
      const { out, err } = await shell(
        `weir check --format ${format} | head -1 > /dev/null; echo \${PIPESTATUS[0]}`,
        path,
      );
      expect([format, out, err]).toEqual([format, '1\n', '']);
    }
    expect(await shell('weir check -o json | head -c 10 > /dev/null; echo ${PIPESTATUS[0]}', path)).toEqual({
      out: '1\n',
      err: '',
    });
    // Nobody listens to what is said beside the result either.
    expect((await shell('weir check --against nothing 2>&1 > /dev/null | true; echo ${PIPESTATUS[0]}', path)).out).toBe(
      '2\n',
    );
    expect(await shell('weir explain --list | head -1; echo ${PIPESTATUS[0]}')).toMatchObject({
      out: expect.stringMatching(/\n0\n$/),
      err: '',
    });
    expect((await shell('weir --help | true; echo ${PIPESTATUS[0]}')).out).toBe('0\n');
  });

  it('say on stderr that there is no room for a result, with 70 and never with the answer of a check', async () => {
    if (!existsSync('/dev/full')) return;
    const { path } = breaking();
    for (const more of ['', '-o json', '--format sarif', '--no-fail']) {
      const { out, err } = await shell(`weir check ${more} > /dev/full; echo $? >&2`, path);
      expect([more, out, err]).toEqual([more, '', expect.stringMatching(/^error: There is no room where[^]*\n70\n$/)]);
    }
    // A failure is told there instead, and keeps its code.
    const failed = await shell('weir check --against nothing -o json > /dev/full; echo $? >&2', path);
    expect(failed.err).toMatch(/^error: 'nothing' is no commit[^]*\n2\n$/);
    const file = await shell('weir check -o json -O /dev/full; echo $? >&2', path);
    expect(file.err).toMatch(/^error: There is no room for '\/dev\/full'[^]*\n70\n$/);
  });
});
