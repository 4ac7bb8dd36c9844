import { afterEach, beforeEach, expect, it } from 'vitest';
import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import { WallClock } from '#libs/core/log/testing';
import { DerivationWorld, VERSIONED } from '#libs/core/streams/testing';
import { temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';

/** So that there is something to compact behind the segment that is written to. */
const SMALL = { segmentBytes: 1_000, indexIntervalBytes: 200, retentionCheckMs: 0, compactionBytesPerSecond: Infinity };

let directory: TemporaryDirectory;
let log: Awaited<ReturnType<typeof openEmbeddedLog>>;
let world: DerivationWorld;

beforeEach(async () => {
  directory = await temporaryDirectory();

  log = await openEmbeddedLog({ directory: directory.path, clock: new WallClock(), settings: SMALL });
  world = await DerivationWorld.open({ log });
});
afterEach(async () => {
  await world.stop();
  await log.close();
  await directory.remove();
});

it('a derivation that was behind when its source was compacted says how many states it lacks, and since when none', async () => {
  const config = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0' };
  await log.createTopic({ name: 't', partitions: 1, config });
  const change = (n: number) => ({ key: 'a', value: { n, filled: '.'.repeat(150) }, timestamp: 1_000 + n });
  await world.write('t', change(0));
  await world.derivations.create(undefined, VERSIONED, 'test');
  await world.settle('versions', 1);
  expect((await world.describe('versions')).progress!.history).toEqual({ missing: 0, completeSince: null, open: [] });
  await world.derivations.setState(undefined, 'versions', 'PAUSED');
  for (let n = 1; n <= 40; n++) await world.write('t', change(n));
  await log.checkRetention();
  expect((await world.recordsOf('t')).length).toBeLessThan(20);
  await world.derivations.setState(undefined, 'versions', 'RUNNING');
  const position = async () => (await world.describe('versions')).progress?.position.next[0];
  await expect.poll(position, { timeout: 60_000, interval: 5 }).toBe(41);
  const { history } = (await world.describe('versions')).progress!;
  // The first one had been read before it was removed.
  expect(history.missing).toBeGreaterThan(20);
  expect((await world.recordsOf('versions')).length + history.missing).toBe(41);
  expect(history.open).toEqual([]);
  expect(history.completeSince).toBeGreaterThan(1_020);
});
