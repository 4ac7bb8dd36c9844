import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { ThinningClients } from './thinning-clients.js';

/** A round whose named step is not passed in this time is ended by a plain kill. */
const LONGEST_ROUND_MS = 60_000;

/** Steps at which segments are replaced, dropped, deleted from and removed; a number is the pass at which the process dies. */
const KILLS = [
  'compaction-written:1',
  'compaction-flushed:1',
  'compaction-swapped:1',
  'start-moved:1',
  'files-removed:1',
  'compaction-swapped:3',
  'compaction-flushed:4',
  'start-moved:4',
  'files-removed:9',
  'compaction-written:6',
  'compaction-swapped:7',
] as const;
/** Steps of the start behind each of them, in turn: what a replay makes of half a compaction is cut short, too. */
const STARTS = ['recovery-replayed:1', undefined, 'recovery-snapshot-renamed:1', undefined] as const;

/** Nothing is looked at or removed while it is judged. */
const AT_REST = { WEIR_LOG_RETENTION_CHECK_MS: '0' };
const AT_WORK = { WEIR_LOG_RETENTION_CHECK_MS: '30', WEIR_LOG_CHECKPOINT_INTERVAL_MS: '80' };

describe('kill -9 while segments are compacted, dropped and deleted from, clients at work', () => {
  let directory: TemporaryDirectory;
  const clients = new ThinningClients();
  const died: string[] = [];

  beforeAll(async () => {
    directory = await temporaryDirectory();
    const server = await ServerProcess.start({ cwd: directory.path, env: AT_REST });
    await clients.setUp(server.url);
    await server.stop();
  });
  afterAll(() => directory.remove());

  /** One life: clients work until the process dies at the step. */
  async function live(at: string): Promise<void> {
    const server = await ServerProcess.start({ cwd: directory.path, env: { ...AT_WORK, WEIR_FAIL_POINT: at } });
    const stop = new AbortController();
    const longest = setTimeout(() => {
      stop.abort();
      server.signal('SIGKILL');
    }, LONGEST_ROUND_MS);
    try {
      await clients.work(server.url, stop.signal);
      await server.exited;
    } finally {
      clearTimeout(longest);
    }
    if (!stop.signal.aborted) died.push(at);
  }

  it.each(KILLS.map((at, round) => ({ at, restart: STARTS[round % STARTS.length] })))(
    'at $at, and at $restart of the start behind it, nothing is lost and nothing comes back',
    async ({ at, restart }) => {
      await live(at);
      if (restart !== undefined) {
        const start = { cwd: directory.path, env: { ...AT_REST, WEIR_FAIL_POINT: restart } };
        await expect(ServerProcess.start(start)).rejects.toThrow('did not become ready');
      }
      const server = await ServerProcess.start({ cwd: directory.path, env: AT_REST });
      try {
        expect(await clients.problems(server.url)).toEqual([]);
      } finally {
        await server.kill();
      }
    },
  );

  it('died at every one of them', () => {
    expect(died).toEqual([...KILLS]);
    expect(clients.acknowledged).toBeGreaterThan(KILLS.length * 10);
  });
});
