import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import { WallClock } from '#libs/core/log/testing';
import { derivationConditions, generationConditions } from '#libs/core/streams/testing';

const directories: string[] = [];
const subject = {
  open: () => {
    const directory = mkdtempSync(join(tmpdir(), 'weir-conditions-'));
    directories.push(directory);
    return openEmbeddedLog({ directory, clock: new WallClock() });
  },
  mark: 'c',
  runs: 10,
};

generationConditions('on the embedded log', subject);
derivationConditions('on the embedded log', subject);

afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});
