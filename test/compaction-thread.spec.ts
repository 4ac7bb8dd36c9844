import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp, ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';

const DIST = new URL('../dist/', import.meta.url).pathname;
const WORKER = 'compaction-worker.js';
/** How nice the thread is to others; nobody else in the process is. */
const NICENESS = 10;

describe('compaction in the service as it is packed', () => {
  let directory: TemporaryDirectory | undefined;
  let server: ServerProcess | undefined;
  let packed: string | undefined;
  afterEach(async () => {
    await server?.kill();
    await directory?.remove();
    if (packed !== undefined) await rm(packed, { recursive: true });
    server = directory = packed = undefined;
  });
  const client = new DataPlaneCalls(overHttp(() => server!.url));

  /** The packed service; with another worker in it where one is given, or with none. */
  async function start(worker?: string | null): Promise<void> {
    directory = await temporaryDirectory();
    let main: string | undefined;
    if (worker !== undefined) {
      // Beside the packed one, where it finds its packages.
      packed = await mkdtemp(join(DIST, 'packed-'));
      await cp(join(DIST, 'service'), packed, { recursive: true });
      if (worker === null) await rm(join(packed, WORKER));
      else await writeFile(join(packed, WORKER), worker);
      main = join(packed, 'main.js');
    }
    const env = { WEIR_LOG_RETENTION_CHECK_MS: '50' };
    server = await ServerProcess.start({ cwd: directory.path, env, ...(main === undefined ? {} : { main }) });
    const config = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0', 'segment.ms': '1' };
    await client.post('/v1/topics', { name: 't', partitions: 1, config });
    for (let i = 0; i < 30; i++) await client.produce('t', [{ key: `k${i % 3}`, value: i }]);
  }

  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`${server!.url}/metrics`)).text();
    return Number(new RegExp(`^weir_${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
  };
  /** Asks again until it is so; the suite's own time is the limit. */
  async function until(isSo: () => Promise<boolean>): Promise<void> {
    while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const newest = async (): Promise<Map<unknown, unknown>> =>
    new Map((await client.read('t')).map(({ key, value }) => [key, value]));
  const NEWEST = new Map([27, 28, 29].map((value) => [`k${value % 3}`, value]));

  /** Threads of the process by their niceness, from `/proc`. */
  async function nicenessOfThreads(): Promise<number[]> {
    const tasks = `/proc/${server!.pid}/task`;
    const found: number[] = [];
    for (const task of await readdir(tasks)) {
      const stat = await readFile(join(tasks, task, 'stat'), 'utf8').catch(() => undefined);
      // The name in parentheses may hold anything; nice is the 19th field.
      if (stat !== undefined) found.push(Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]));
    }
    return found;
  }

  it('is done by a thread of its own, which gives way to the others', async () => {
    await start();
    await until(async () => (await metric('compaction_bytes_total')) > 0);
    await until(async () => (await client.read('t')).length === 3);
    expect(await newest()).toEqual(NEWEST);
    expect((await nicenessOfThreads()).filter((nice) => nice === NICENESS)).toHaveLength(1);
    expect(await metric('compaction_failures_total')).toBe(0);
    expect(await server!.stop()).toEqual({ code: 0, signal: null });
  });

  it.each([
    ['is missing', null, WORKER],
    ['throws', `throw new Error('no memory for this');`, 'no memory for this'],
    [
      'dies in the middle of a pass',
      `import { parentPort } from 'node:worker_threads';
       parentPort.on('message', ({ do: what }) => (what === 'note' ? process.exit(3) : parentPort.postMessage({ value: true })));`,
      'it left with code 3',
    ],
  ])('whose thread %s is tried again and again, says why, and loses nothing', async (_what, worker, why) => {
    await start(worker);
    await until(async () => (await metric('compaction_failures_total')) > 2);
    const told = server!.lines.filter((line) => line.includes('a partition was not compacted'));
    expect(told.length).toBeGreaterThan(1);
    for (const line of told) expect(line).toContain(why);
    expect(await metric('compaction_bytes_total')).toBe(0);
    // Everything else goes on.
    expect(await client.read('t')).toHaveLength(30);
    expect(await newest()).toEqual(NEWEST);
    expect((await fetch(`${server!.url}/readyz`)).status).toBe(200);
    expect(await server!.stop()).toEqual({ code: 0, signal: null });
  });

  it('whose thread hangs does not hold up the end of the service', async () => {
    await start(
      `import { setPriority } from 'node:os';
       import { parentPort } from 'node:worker_threads';
       parentPort.on('message', ({ do: what }) => {
         if (what !== 'note') return parentPort.postMessage({ value: true });
         setPriority(0, ${NICENESS});
         for (;;);
       });`,
    );
    await until(async () => (await nicenessOfThreads()).includes(NICENESS));
    expect(await client.read('t')).toHaveLength(30);
    expect(await server!.stop()).toEqual({ code: 0, signal: null });
  });
});
