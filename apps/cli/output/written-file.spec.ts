import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ScratchProject } from '../testing/index.js';
import { writtenFile } from './written-file.js';

describe('a file that is written', () => {
  const projects: ScratchProject[] = [];
  afterEach(() => {
    for (const project of projects.splice(0)) project.remove();
  });
  const folder = (files: Record<string, string> = {}): string => {
    const project = new ScratchProject(files);
    projects.push(project);
    return project.path;
  };
  const names = (path: string): string[] => readdirSync(path).filter((name) => name !== '.git');

  it('is as it was where there is no room for what was to be in it, and nothing is left beside it', async () => {
    const path = folder({ 'a.txt': 'before' });
    const failed = writtenFile(join(path, 'a.txt'), 'after', {
      write: async () => {
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      },
    });
    await expect(failed).rejects.toMatchObject({ code: 'disk-full', exit: 'internal' });
    expect([readFileSync(join(path, 'a.txt'), 'utf8'), names(path)]).toEqual(['before', ['a.txt']]);
    await writtenFile(join(path, 'a.txt'), 'after');
    expect([readFileSync(join(path, 'a.txt'), 'utf8'), names(path)]).toEqual(['after', ['a.txt']]);
  });

  it('stays a link, keeps its mode, and may be no file at all', async () => {
    const path = folder({ 'real.sh': 'before' });
    chmodSync(join(path, 'real.sh'), 0o750);
    symlinkSync('real.sh', join(path, 'link.sh'));
    await writtenFile(join(path, 'link.sh'), 'after');
    expect(lstatSync(join(path, 'link.sh')).isSymbolicLink()).toBe(true);
    expect([readFileSync(join(path, 'real.sh'), 'utf8'), statSync(join(path, 'real.sh')).mode & 0o777]).toEqual([
      'after',
      0o750,
    ]);
    await writtenFile('/dev/null', 'gone');
    execFileSync('mkfifo', [join(path, 'pipe')]);
    const reading = readFile(join(path, 'pipe'), 'utf8');
    await writtenFile(join(path, 'pipe'), 'through');
    expect(await reading).toBe('through');
  });
});
