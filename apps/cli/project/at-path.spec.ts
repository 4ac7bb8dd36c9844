import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { statAt, textAt } from './at-path.js';

describe('a path', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-at-path-'));
    await writeFile(join(folder, 'a'), 'text');
    await symlink('loop', join(folder, 'loop'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('is looked at where something lies there', async () => {
    expect((await statAt(join(folder, 'a')))?.isFile()).toBe(true);
    expect(await textAt(join(folder, 'a'))).toBe('text');
  });

  it.each(['none', 'a/below', 'x'.repeat(5_000)])('is empty where nothing does (%#)', async (name) => {
    expect([await statAt(join(folder, name)), await textAt(join(folder, name))]).toEqual([undefined, undefined]);
  });

  it('is not taken for empty where it cannot be read', async () => {
    const refused = { name: 'Failure', code: 'path-unreadable', exit: 'usage' };
    await expect(statAt(join(folder, 'loop'))).rejects.toMatchObject(refused);
    await expect(textAt(folder)).rejects.toMatchObject(refused);
  });
});
