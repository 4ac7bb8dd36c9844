import { cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp, ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';

const DIST = new URL('../dist/', import.meta.url).pathname;
/** What the threads of view tables begin with: the one that writes, and those that answer queries. */
const THREAD = 'sqlite-thread.js';
const VIEW = { source: { topic: 't' }, columns: { id: { from: 'key', type: 'text' } } };

describe('the threads of views in the service as it is packed', () => {
  let directory: TemporaryDirectory;
  let packed: string;
  let server: ServerProcess;
  const client = new DataPlaneCalls(overHttp(() => server.url));

  beforeEach(async () => {
    directory = await temporaryDirectory();
    // Beside the packed one, where it finds its packages.
    packed = await mkdtemp(join(DIST, 'packed-'));
    await cp(join(DIST, 'service'), packed, { recursive: true });
  });
  afterEach(async () => {
    await server.kill();
    await directory.remove();
    await rm(packed, { recursive: true });
  });

  /** Declares a view of a service whose threads of one kind end as they begin, and asks it. @returns the status of both. */
  async function withoutThreads(broken: string): Promise<readonly number[]> {
    await rename(join(packed, THREAD), join(packed, 'whole-thread.js'));
    const script = `import { workerData } from 'node:worker_threads';
      if (${broken}) throw new Error('broken');
      await import('./whole-thread.js');`;
    await writeFile(join(packed, THREAD), script);
    server = await ServerProcess.start({ cwd: directory.path, main: join(packed, 'main.js') });
    await client.topic('t', 1);
    const { status } = await client.put('/v1/views/v', VIEW);
    return [status, (await client.get('/v1/views/v/rows')).status];
  }

  // Nothing else does their work: were they not begun with this script, the views would be made and answer.
  it('write: a view is not made without', async () => {
    expect(await withoutThreads('workerData.writes')).toEqual([503, 404]);
  });

  it('answer: a view that is made is not answered without', async () => {
    const [, asked] = await withoutThreads('!workerData.writes');
    expect(asked).toBe(503);
  });

  it('do both where they are whole', async () => {
    expect(await withoutThreads('false')).toEqual([200, 200]);
  });
});
