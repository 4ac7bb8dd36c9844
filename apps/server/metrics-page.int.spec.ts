import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { runService } from './testing/running-service.js';

const PAGE = new URL('../../docs/metrics.md', import.meta.url);

describe('the page of metrics', () => {
  it('names every metric with its kind, and none that there is not', async () => {
    const running = await runService();
    try {
      const text = await (await fetch(`${running.url}/metrics`)).text();
      const told = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => `${name} ${kind}`);
      const page = await readFile(PAGE, 'utf8');
      const named = [...page.matchAll(/^\| `(weir_\w+)`\s+\| (\w+)\s+\|/gm)].map(([, name, kind]) => `${name} ${kind}`);
      expect(named.sort()).toEqual(told.sort());
      expect(told).toContain('weir_fsync_duration_seconds histogram');
    } finally {
      await running.stop();
    }
  });
});
