import { execFile } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { NotReady, ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { compileShim, IoFaults } from './io-faults/fault-shim.js';

const run = promisify(execFile);
const MIB = 1024 * 1024;
/** What the service ends with when the disk can no longer be trusted. */
const FATAL_STORAGE = 74;

interface Answer {
  readonly code?: string;
  readonly detail?: string;
  readonly results?: readonly { readonly offset?: string }[];
  readonly records?: readonly { readonly value: unknown }[];
  readonly next?: string;
  readonly atEnd?: boolean;
}

let directory: TemporaryDirectory;
let server: ServerProcess | undefined;
let lives = 0;
beforeAll(async () => {
  directory = await temporaryDirectory();
});
afterEach(async () => {
  await server?.kill();
  server = undefined;
});
afterAll(() => directory.remove());

async function start(through: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<void> {
  const cwd = join(directory.path, `life${lives++}`);
  await mkdir(cwd);
  server = await ServerProcess.start({ cwd, through, env });
}

async function call(method: string, path: string, body?: unknown): Promise<{ status: number; body: Answer }> {
  const response = await fetch(server!.url + path, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text || '{}') as Answer };
}

const topic = async (partitions: number, config: Readonly<Record<string, string>> = {}, name = 't'): Promise<void> => {
  expect((await call('POST', '/v1/topics', { name, partitions, config })).status).toBe(201);
};
const produce = (records: readonly unknown[], name = 't') => call('POST', `/v1/topics/${name}/records`, { records });
/** All values of a partition, page after page. */
const valuesOf = async (partition: number): Promise<readonly unknown[]> => {
  const values: unknown[] = [];
  for (let query = `from=start&partition=${partition}`; ;) {
    const { body } = await call('GET', `/v1/topics/t/records?limit=1000&${query}`);
    values.push(...body.records!.map((one) => one.value));
    if (body.atEnd === true) return values;
    query = `cursor=${body.next}`;
  }
};
const metric = async (name: string): Promise<number> =>
  Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await (await fetch(`${server!.url}/metrics`)).text())?.[1]);

describe('a service that may open 64 files', () => {
  const PARTITIONS = 150;
  const everywhere = (value: string) => Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, value }));

  it('writes and reads more partitions than that, keeps fewer segments open, and starts again', async () => {
    await start(['prlimit', '--nofile=64:64']);
    await topic(PARTITIONS);
    for (const value of ['a', 'b']) {
      const { status, body } = await produce(everywhere(value));
      expect(status).toBe(200);
      expect(body.results?.filter((one) => one.offset === undefined)).toEqual([]);
    }
    for (const partition of [0, 70, PARTITIONS - 1]) expect(await valuesOf(partition)).toEqual(['a', 'b']);
    const told = (line: string) => line.includes('fewer segment files are kept open');
    await expect.poll(() => server!.lines.some(told)).toBe(true);
    expect((await server!.stop()).code).toBe(0);
  });

  it('control: one that may open more has no need to', async () => {
    await start();
    await topic(PARTITIONS);
    expect((await produce(everywhere('a'))).status).toBe(200);
    const opened = (await run('ls', [`/proc/${server!.pid}/fd`])).stdout.split('\n').length;
    expect(opened).toBeGreaterThan(PARTITIONS);
  });
});

describe('a service whose files may grow to 8 MiB', () => {
  it('refuses what would make one larger and says why, while reading, positions and health go on; a kill loses nothing', async () => {
    await start(['prlimit', `--fsize=${8 * MIB}`]);
    await topic(1);
    const large = (n: number) => [{ value: `${n} ${'x'.repeat(400_000)}` }];
    let acknowledged = 0;
    let refusal: { status: number; body: Answer } | undefined;
    while (refusal === undefined) {
      const answer = await produce(large(acknowledged));
      if (answer.status === 200) acknowledged++;
      else refusal = answer;
      expect(acknowledged, 'control: the limit is met').toBeLessThan(100);
    }
    expect(refusal).toMatchObject({
      status: 507,
      body: { code: 'storage-full', detail: expect.stringContaining('grow no larger') as string },
    });
    expect(await valuesOf(0)).toHaveLength(acknowledged);
    const positions = { positions: [{ topic: 't', partition: 0, offset: '1' }] };
    expect((await call('PUT', '/v1/groups/g/positions', positions)).status).toBe(200);
    expect((await fetch(`${server!.url}/readyz`)).status).toBe(200);
    await server!.kill();
    const cwd = join(directory.path, `life${lives - 1}`);
    server = await ServerProcess.start({ cwd });
    expect(await valuesOf(0)).toHaveLength(acknowledged);
    expect((await produce(large(acknowledged))).status).toBe(200);
  });
});

describe('a service whose flushes take 200 ms', () => {
  const FLUSH_MS = 200;

  it('has writers share them, answers none before its flush, and holds no more memory', async () => {
    const cwd = join(directory.path, 'slow');
    await mkdir(cwd);
    const library = await compileShim(directory.path);
    const faults = await IoFaults.over(library, join(cwd, 'data/log'), join(cwd, 'control'));
    server = await ServerProcess.start({ cwd, env: faults.env });
    await topic(1);
    await topic(1, { 'weir.durability': 'none' }, 'unflushed');
    faults.arm(1, 'slow', 'flushes', Number.MAX_SAFE_INTEGER);
    const took = async (write: () => Promise<{ status: number }>): Promise<number> => {
      const began = performance.now();
      expect((await write()).status).toBe(200);
      return performance.now() - began;
    };
    expect(await took(() => produce([{ value: 1 }]))).toBeGreaterThanOrEqual(FLUSH_MS);
    const before = await metric('weir_process_resident_memory_bytes');
    const flushes = faults.calls;
    const WRITERS = 100;
    await Promise.all(
      Array.from({ length: WRITERS }, async (_, n) => {
        for (let i = 0; i < 3; i++) await took(() => produce([{ value: `${n}/${i} ${'x'.repeat(10_000)}` }]));
      }),
    );
    // A flush each would have been three hundred of them, a minute.
    expect(faults.calls - flushes).toBeLessThan(WRITERS);
    expect((await metric('weir_process_resident_memory_bytes')) - before).toBeLessThan(100 * MIB);
    expect(await valuesOf(0)).toHaveLength(1 + 3 * WRITERS);
    // Control: what needs no flush does not wait for one.
    const quick: number[] = [];
    for (let n = 0; n < 5; n++) quick.push(await took(() => produce([{ value: n }], 'unflushed')));
    expect(Math.min(...quick)).toBeLessThan(FLUSH_MS);
    faults.disarm();
    faults.close();
  });
});

/** A file system in a file, or why there can be none here: mounting one takes the rights of root, and loop devices. */
async function ownDisk(image: string, path: string): Promise<string | undefined> {
  await mkdir(path);
  const file = await open(image, 'w');
  await file.truncate(48 * MIB);
  await file.close();
  try {
    await run('mkfs.ext4', ['-q', '-F', image]);
    await run('mount', ['-o', 'loop', image, path]);
    return undefined;
  } catch (error) {
    return String((error as { stderr?: string }).stderr ?? error).trim();
  }
}

const probe = await (async () => {
  const scratch = await temporaryDirectory();
  const path = join(scratch.path, 'disk');
  const why = await ownDisk(join(scratch.path, 'image'), path);
  if (why === undefined) await run('umount', [path]);
  await scratch.remove();
  return why;
})();
if (probe !== undefined) console.warn(`a disk cannot be made read-only here, so that is not tried: ${probe}`);

describe.skipIf(probe !== undefined)('a disk that the system makes read-only', () => {
  let disk: string;
  const room = { WEIR_STORAGE_REFUSE_FREE_BYTES: '1000000' };
  beforeAll(async () => {
    disk = join(directory.path, 'disk');
    expect(await ownDisk(join(directory.path, 'image'), disk)).toBeUndefined();
  });
  afterAll(() => run('umount', ['-l', disk]));

  it('is read on; the first write ends the service, a start says what is wrong, and once it can be written everything is there', async () => {
    const env = { ...room, WEIR_DATA_DIR: join(disk, 'data') };
    await start([], env);
    await topic(1);
    for (const value of ['a', 'b', 'c']) expect((await produce([{ value }])).status).toBe(200);
    // As ext4 does by itself when it meets an error.
    await run('mount', ['-o', 'remount,abort', disk]);
    expect(await valuesOf(0)).toEqual(['a', 'b', 'c']);
    const late = await produce([{ value: 'late' }]);
    expect(late).toMatchObject({ status: 503, body: { code: 'outcome-unknown' } });
    expect((await server!.exited).code).toBe(FATAL_STORAGE);
    const failed = await ServerProcess.start({ cwd: directory.path, env }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(NotReady);
    expect((failed as NotReady).exit.code).toBe(FATAL_STORAGE);
    expect((failed as NotReady).output).toContain('read-only');
    await run('umount', [disk]);
    await run('mount', ['-o', 'loop', join(directory.path, 'image'), disk]);
    await start([], env);
    expect((await valuesOf(0)).slice(0, 3)).toEqual(['a', 'b', 'c']);
    // Control: that it was the disk.
    expect((await produce([{ value: 'd' }])).status).toBe(200);
  });
});
