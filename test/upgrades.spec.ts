import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type GoldenDirectory,
  goldenFrom,
  seenBy,
  serviceOn,
  unpack,
} from '../apps/server/testing/golden-directory.js';
import { failingDisks } from './io-faults/failing-disks.js';
import type { FaultyService } from './io-faults/faulty-service.js';

const FIXTURES = resolve(import.meta.dirname, 'fixtures/data-directories');
/** Of the calls to the disk that an upgrade makes, before every how many the process is killed. WEIR_UPGRADE_STRIDE=1: before each of them. */
const STRIDE = Number(process.env['WEIR_UPGRADE_STRIDE'] ?? 37);

async function goldens(): Promise<readonly { readonly name: string; readonly golden: GoldenDirectory }[]> {
  const names = (await readdir(FIXTURES)).filter((name) => name.endsWith('.json.gz'));
  return Promise.all(names.map(async (name) => ({ name, golden: goldenFrom(await readFile(join(FIXTURES, name))) })));
}

const ALL = await goldens();
const NEWEST = Math.max(...ALL.map(({ golden }) => golden.logFormat));
const OLDER = ALL.filter(({ golden }) => golden.logFormat < NEWEST);

describe('a data directory of an older release', () => {
  const disks = failingDisks();

  /** The directory as the older release left it, below a disk of which a call can be struck. */
  async function asItWas({ data }: GoldenDirectory, struck = 'data'): Promise<FaultyService> {
    const service = await disks.create({ struck });
    await unpack(data, join(service.directory, 'data'));
    return service;
  }

  /** What users see of what lies there now, or the code of why it cannot be opened. */
  async function seenIn(cwd: string): Promise<unknown> {
    try {
      const service = await serviceOn(cwd, 'test');
      const seen = await seenBy(service.url).catch(String);
      await service.stop();
      return seen;
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  }

  it('is there: one at least', () => {
    expect(OLDER.length).toBeGreaterThan(0);
  });

  for (const { name, golden } of OLDER) {
    it(`is opened with everything in it when the upgrade was killed at any call to the disk, and killed again (${name})`, async () => {
      const killed: string[] = [];
      for (let n = 1; ; n += STRIDE) {
        const service = await asItWas(golden);
        // Once, and in every other case once more, elsewhere, in the upgrade that takes up what the first one left.
        const kills = killed.length % 2 === 0 ? [n] : [n, 1 + ((n * 7) % 60)];
        let ended = true;
        for (const at of kills) {
          service.faults.arm(at, 'kill');
          const end = await service.tryToStart();
          const struck = service.faults.struck;
          if (end === undefined) {
            // The service was ready before that call; what it does then is no upgrade.
            await service.kill();
            ended = at === n ? false : ended;
            continue;
          }
          expect(end.exit, `call ${at}: ${end.output.slice(-2_000)}`).toEqual({ code: null, signal: 'SIGKILL' });
          killed.push(`${struck?.call} ${struck?.path.slice(service.directory.length)}`);
        }
        await service.close();
        expect(await seenIn(service.directory), `killed at ${kills.join(', then ')}`).toEqual(golden.seen);
        if (!ended) break;
      }
      // Log, database and marker were all struck, or the stride is too wide to say so.
      expect(killed.length).toBeGreaterThan(3);
    }, 1_800_000);

    it(`negative control: is found out when the number of its format was not written and is believed to be (${name})`, async () => {
      const seen: unknown[] = [];
      for (let n = 1; ; n++) {
        const service = await asItWas(golden, 'data/log/weir-log.json');
        service.faults.arm(n, 'lost');
        await service.tryToStart();
        const { struck } = service.faults;
        await service.close();
        if (struck === undefined) break;
        seen.push(await seenIn(service.directory));
      }
      expect(seen).toContain('log-corrupt');
    }, 300_000);
  }
});
