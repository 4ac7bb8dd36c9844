import { execFile, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { weir } from './weir-process.js';

const run = promisify(execFile);
const PACKED = resolve(import.meta.dirname, '../../dist/cli/weir.js');
const MIB = 1024 * 1024;

/** Mounting a small file system, and being somebody without rights, takes the rights of root. */
const probe = await (async () => {
  const directory = await temporaryDirectory();
  const why = await run('mount', ['-t', 'tmpfs', '-o', `size=${MIB}`, 'tmpfs', directory.path]).then(
    () => undefined,
    (error: unknown) => String((error as { stderr?: string }).stderr ?? error).trim(),
  );
  if (why === undefined) await run('umount', [directory.path]);
  await directory.remove();
  return why;
})();
if (probe !== undefined)
  console.warn(
    `SUITE NOT RUN: a small file system cannot be mounted here, so disks that are really full are not tried: ${probe}`,
  );

/** A schema that is laid out otherwise than `weir fmt` does, of about so many bytes once it is. */
const untidy = (bytes: number): string =>
  JSON.stringify({ type: 'record', name: 'A', doc: 'x'.repeat(bytes), fields: [{ name: 'a', type: 'int' }] });
const PROJECT = 'apiVersion: v1\nschemas:\n  - { subject: a-value, file: a.avsc }\n';

describe('a file that weir writes is as it was, or as it is to be', () => {
  let directory: TemporaryDirectory;
  let folders = 0;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    chmodSync(directory.path, 0o755);
  });
  afterAll(() => directory.remove());
  const folder = (): string => {
    const path = `${directory.path}/f${folders++}`;
    mkdirSync(path);
    return path;
  };

  it.skipIf(probe !== undefined)('on a disk without room: reports, fmt, init and waivers', async () => {
    const disk = folder();
    await run('mount', ['-t', 'tmpfs', '-o', `size=${MIB}`, 'tmpfs', disk]);
    try {
      const files: Record<string, string> = {
        'weir.yaml': `${PROJECT}check: { waivers: waivers.yaml }\n`,
        'a.avsc': untidy(100_000),
        'waivers.yaml': '# none yet\n[]\n',
        'report.json': 'an earlier report\n',
      };
      for (const [name, text] of Object.entries(files)) writeFileSync(`${disk}/${name}`, text);
      mkdirSync(`${disk}/fresh`);
      writeFileSync(`${disk}/fresh/b.avsc`, '{"type": "record", "name": "B", "fields": []}');
      // Whole pages, until none is left.
      expect(() => {
        for (let n = 0; ; n++) writeFileSync(`${disk}/filler${n}`, Buffer.alloc(4_096));
      }).toThrow(/ENOSPC/);
      const there = readdirSync(disk);
      const env = { NO_COLOR: '1' };
      const added = ['--owner', 'us', '--expires', '30d', '--reason', 'soon'];
      for (const args of [
        ['fmt', '--write'],
        ['lint', '--format', 'json=report.json', '--no-fail'],
        ['schema', 'diff', 'a.avsc', 'fresh/b.avsc', '-O', 'report.json'],
        ['waiver', 'add', '0123456789abcdef', ...added],
        ['init', 'fresh'],
      ]) {
        const ran = await weir(args, { cwd: disk, env });
        expect([args, ran.code, ran.err], ran.out).toEqual([args, 70, expect.stringContaining('disk-full')]);
        for (const [name, text] of Object.entries(files))
          expect([args, name, readFileSync(`${disk}/${name}`, 'utf8') === text]).toEqual([args, name, true]);
        // Nothing is left behind that takes the room.
        expect([args, readdirSync(disk), readdirSync(`${disk}/fresh`)]).toEqual([args, there, ['b.avsc']]);
      }
      // Negative control: with room again, the same command does it.
      await run(
        'rm',
        there.filter((name) => name.startsWith('filler')).map((name) => `${disk}/${name}`),
      );
      expect((await weir(['fmt', '--write'], { cwd: disk, env })).code).toBe(0);
      expect(readFileSync(`${disk}/a.avsc`, 'utf8')).not.toBe(files['a.avsc']);
    } finally {
      await run('umount', ['-l', disk]);
    }
  });

  it.skipIf(probe !== undefined)(
    'in a folder in which nothing may be written, by somebody without rights',
    async () => {
      const shut = folder();
      writeFileSync(`${shut}/weir.yaml`, PROJECT);
      writeFileSync(`${shut}/a.avsc`, untidy(10));
      chmodSync(`${shut}/a.avsc`, 0o444);
      chmodSync(shut, 0o555);
      // The program is read from a place that everybody may read.
      const program = `${directory.path}/weir.js`;
      await run('cp', ['-r', `${resolve(PACKED, '..')}/.`, directory.path]);
      const asNobody = (...args: string[]) =>
        run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, program, ...args], {
          cwd: shut,
          env: { PATH: process.env['PATH'], HOME: '/nonexistent' },
        }).then(
          () => ({ code: 0, stderr: '' }),
          (error: unknown) => error as { code: number; stderr: string },
        );
      for (const args of [
        ['fmt', '--write'],
        ['lint', '--format', 'json=report.json', '--no-fail'],
        ['init', 'below'],
      ])
        expect([args, await asNobody(...args)]).toMatchObject([
          args,
          { code: 2, stderr: expect.stringContaining('output-file-not-written') },
        ]);
      expect(readdirSync(shut).sort()).toEqual(['a.avsc', 'weir.yaml']);
      expect(readFileSync(`${shut}/a.avsc`, 'utf8')).toBe(untidy(10));
      // A file that may be written, where nothing may be made beside it, is.
      chmodSync(`${shut}/a.avsc`, 0o666);
      expect(await asNobody('fmt', '--write')).toMatchObject({ code: 0 });
      expect(readFileSync(`${shut}/a.avsc`, 'utf8')).not.toBe(untidy(10));
    },
  );

  it('when it is killed as soon as it begins to write', async () => {
    const place = folder();
    writeFileSync(`${place}/weir.yaml`, PROJECT);
    const before = untidy(8 * MIB);
    writeFileSync(`${place}/a.avsc`, before);
    expect((await weir(['fmt', '--write'], { cwd: place })).code).toBe(0);
    const after = readFileSync(`${place}/a.avsc`, 'utf8');
    let kills = 0;
    for (let n = 0; n < 8; n++) {
      writeFileSync(`${place}/a.avsc`, before);
      const child = spawn(process.execPath, [PACKED, 'fmt', '--write'], { cwd: place, stdio: 'ignore' });
      const ended = new Promise<NodeJS.Signals | null>((done) => child.on('exit', (_code, signal) => done(signal)));
      const watcher = watch(place, () => child.kill('SIGKILL'));
      if ((await ended) === 'SIGKILL') kills++;
      watcher.close();
      const found = readFileSync(`${place}/a.avsc`, 'utf8');
      expect([n, found === before || found === after, found.length]).toEqual([n, true, expect.any(Number)]);
    }
    expect(kills).toBeGreaterThan(0);
  });
});
