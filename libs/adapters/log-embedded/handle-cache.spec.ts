import { describe, expect, it } from 'vitest';
import { HandleCache } from './handle-cache.js';
import { SimulatedFileSystem } from './testing/index.js';

describe('a file that is closed to spare its descriptor', () => {
  it('is told of by the cache where it cannot be flushed: whoever wanted the descriptor has nothing to do with it', async () => {
    const files = new SimulatedFileSystem();
    await files.makeDirectory('/log');
    const failures: unknown[] = [];
    const cache = new HandleCache(files, 10, (error) => failures.push(error));
    const cached = await cache.pin('/log/a', 'create');
    cached.dirty = true;
    cache.unpin(cached);
    files.fault = (call) => (call === 'sync' ? 'EIO' : undefined);
    const refusal = await cache.spare().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Error);
    // A flush of the file finds it closed, and would believe it flushed: the log has to end.
    expect(failures).toEqual([refusal]);
  });
});
