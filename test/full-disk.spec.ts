import { execFile } from 'node:child_process';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';

const run = promisify(execFile);
const MIB = 1024 * 1024;
/** The disk, the room that must be left, and the ballast. */
const DISK = 96 * MIB;
const REFUSE = 24 * MIB;
const BALLAST = 8 * MIB;
/** What of the answers is looked at. */
interface Answer {
  readonly code?: string;
  readonly error_code?: number;
  readonly records: readonly { readonly key: unknown }[];
}

const JSON_TYPE = { 'content-type': 'application/json' };

/** A small file system, or why there can be none here: mounting one takes the rights of root. */
async function smallDisk(path: string): Promise<string | undefined> {
  await mkdir(path);
  return run('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', path]).then(
    () => undefined,
    (error: unknown) => String((error as { stderr?: string }).stderr ?? error).trim(),
  );
}

const probe = await (async () => {
  const directory = await temporaryDirectory();
  const path = join(directory.path, 'disk');
  const why = await smallDisk(path);
  if (why === undefined) await run('umount', [path]);
  await directory.remove();
  return why;
})();
if (probe !== undefined)
  console.warn(`a small file system cannot be mounted here, so the suite of full disks does not run: ${probe}`);

describe.skipIf(probe !== undefined)('a disk that fills', () => {
  let directory: TemporaryDirectory;
  let disk: string;
  let server: ServerProcess | undefined;
  beforeAll(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(async () => {
    await server?.kill();
    server = undefined;
    await run('umount', ['-l', disk]);
  });
  afterAll(() => directory.remove());

  let disks = 0;
  async function start(env: Record<string, string> = {}): Promise<string> {
    disk = join(directory.path, `disk${disks++}`);
    expect(await smallDisk(disk)).toBeUndefined();
    server = await ServerProcess.start({
      cwd: directory.path,
      env: {
        WEIR_DATA_DIR: join(disk, 'data'),
        WEIR_STORAGE_REFUSE_FREE_BYTES: String(REFUSE),
        WEIR_STORAGE_BALLAST_BYTES: String(BALLAST),
        WEIR_LOG_CHECKPOINT_BYTES: String(2 * MIB),
        ...env,
      },
    });
    const made = await call('POST', '/v1/topics', { name: 't', partitions: 1 });
    expect(made.status).toBe(201);
    return server.url;
  }

  const call = async (method: string, path: string, body?: unknown): Promise<{ status: number; body: Answer }> => {
    const response = await fetch(server!.url + path, {
      method,
      ...(body === undefined ? {} : { headers: JSON_TYPE, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: JSON.parse(text || '{}') as Answer };
  };
  const produce = (i: number) =>
    call('POST', '/v1/topics/t/records', { records: [{ key: `k${i}`, value: `${i} ${'x'.repeat(200_000)}` }] });

  /** Writes until something is refused. @returns how many records were acknowledged, and the refusal. */
  async function fill(): Promise<{ acknowledged: number; refusal: { status: number; body: Answer } }> {
    for (let i = 0; ; i++) {
      const answer = await produce(i);
      if (answer.status !== 200) return { acknowledged: i, refusal: answer };
      expect(i).toBeLessThan(1_000);
    }
  }

  /** Asks again until the answer is as expected; the suite's own time is the limit. */
  async function until(ask: () => Promise<boolean>): Promise<void> {
    while (!(await ask())) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const metric = async (name: string): Promise<number> =>
    Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await (await fetch(`${server!.url}/metrics`)).text())?.[1]);

  it('refuses what adds and names the limit, while reading, positions, deleting and health go on', async () => {
    const url = await start();
    await until(async () => (await statfs(disk)).bavail * (await statfs(disk)).bsize < DISK - BALLAST);
    const schema = { schema: '"string"' };
    expect((await call('POST', '/subjects/s/versions', schema)).status).toBe(200);
    const { acknowledged, refusal } = await fill();
    expect(acknowledged).toBeGreaterThan(10);
    expect(refusal).toMatchObject({
      status: 507,
      body: { code: 'storage-full', details: { limit: 'storage.refuseFreeBytes', value: REFUSE } },
    });

    // Nothing acknowledged is lost, and no more is there than was.
    const read = await call('GET', `/v1/topics/t/records?from=${acknowledged - 1}&partition=0&limit=10`);
    expect(read.body.records.map((one) => one.key)).toEqual([`k${acknowledged - 1}`]);
    expect(
      (await call('PUT', '/v1/groups/g/positions', { positions: [{ topic: 't', partition: 0, offset: '3' }] })).status,
    ).toBe(200);
    expect((await call('POST', '/subjects/new/versions', { schema: '"int"' })).body).toMatchObject({
      error_code: 50001,
    });
    expect((await call('POST', '/subjects/s', schema)).status).toBe(200);
    expect((await call('DELETE', '/subjects/s')).status).toBe(200);
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([200, expect.stringContaining('nothing is added')]);
    expect(await metric('weir_disk_refuses_writes')).toBe(1);
    const refused = async (): Promise<number> => {
      for (let i = 0; i < 150; i++) expect((await produce(i)).status).toBe(507);
      return metric('weir_process_resident_memory_bytes');
    };
    // Bodies of 60 MiB in all, twice: what the first needs, the second does with.
    const before = await refused();
    expect((await refused()) - before).toBeLessThan(64 * MIB);
  });

  it('takes writes again by itself when there is room', async () => {
    await start();
    const { acknowledged } = await fill();
    expect((await call('DELETE', '/v1/topics/t?permanent=true')).status).toBeLessThan(300);
    await until(async () => (await call('POST', '/v1/topics', { name: 'u', partitions: 1 })).status === 201);
    await until(async () => (await metric('weir_disk_refuses_writes')) === 0);
    expect(acknowledged).toBeGreaterThan(10);
  });

  it('lets a copy rest before anybody who writes is refused, and go on when there is room', async () => {
    // The limit is so small that the disk would be looked at too late.
    await start({ WEIR_STORAGE_REFUSE_FREE_BYTES: String(MIB), WEIR_STORAGE_BALLAST_BYTES: '0' });
    // What is in the way of the copy, and can be taken away.
    const others = join(disk, 'others');
    for (let i = 0; i < 100; i++) expect((await produce(i)).status).toBe(200);
    const { bavail, bsize } = await statfs(disk);
    const inTheWay = (): Promise<void> => writeFile(others, Buffer.alloc(bavail * bsize - 18 * MIB));
    const planned = async (): Promise<{ hash: string; blockers: string[] }> => {
      const { body } = await call('POST', '/v1/repartitions/plans', { topic: 't', target: { partitions: 3 } });
      return body as unknown as { hash: string; blockers: string[] };
    };
    await inTheWay();
    expect((await planned()).blockers).toEqual([expect.stringMatching(/takes \d+ bytes and the disk .* \d+ bytes/)]);
    // Planned while there is room, of which others take all before it begins.
    await rm(others);
    const { hash, blockers } = await planned();
    expect(blockers).toEqual([]);
    await inTheWay();
    const started = await call('POST', '/v1/operations', { planHash: hash });
    const { id } = started.body as unknown as { id: string };
    const operation = async () => {
      const { body } = await call('GET', `/v1/operations/${id}`);
      return body as unknown as { state: string; throttle: { reason: string | null } };
    };
    await until(async () => ((await operation()).throttle.reason ?? '').includes('nobody who writes is refused'));
    for (let i = 0; i < 5; i++) expect((await produce(100 + i)).status).toBe(200);
    expect(await metric('weir_disk_refuses_writes')).toBe(0);
    await rm(others);
    await until(async () => (await operation()).state === 'READY');
  });

  it('of which others have taken all is met at the start: the service starts, reads, and refuses', async () => {
    await start();
    expect((await produce(0)).status).toBe(200);
    await server!.stop();
    const others = join(disk, 'others');
    const { bavail, bsize } = await statfs(disk);
    await writeFile(others, Buffer.alloc(bavail * bsize - MIB));
    server = await ServerProcess.start({
      cwd: directory.path,
      env: {
        WEIR_DATA_DIR: join(disk, 'data'),
        WEIR_STORAGE_REFUSE_FREE_BYTES: String(REFUSE),
        WEIR_STORAGE_BALLAST_BYTES: String(BALLAST),
      },
    });
    expect((await call('GET', '/v1/topics/t/records')).body.records.length).toBe(1);
    expect((await produce(1)).status).toBe(507);
    await rm(others);
    await until(async () => (await produce(2)).status === 200);
  });

  it('negative control: without room that is left, what makes room is refused, too', async () => {
    await start({ WEIR_STORAGE_REFUSE_FREE_BYTES: '1', WEIR_STORAGE_BALLAST_BYTES: '0' });
    for (let i = 0; i < 20; i++) await call('POST', `/subjects/s${i}/versions`, { schema: '"string"' });
    const { refusal } = await fill();
    expect([refusal.status, refusal.body.code]).toEqual([507, 'storage-full']);
    await writeFile(join(disk, 'others'), Buffer.alloc(DISK)).catch(() => undefined);
    const answers: number[] = [];
    for (let i = 0; i < 20; i++) answers.push((await call('DELETE', `/subjects/s${i}`)).status);
    expect(answers).toContain(500);
    // And the service still answers.
    expect((await call('GET', '/v1/topics')).status).toBe(200);
  });
});
