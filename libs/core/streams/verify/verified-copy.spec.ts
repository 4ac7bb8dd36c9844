import { describe, expect, it, vi } from 'vitest';
import { encodeBatch, type FetchRequest, type LogWriter } from '#libs/core/log';
import { MemoryLogEngine } from '#libs/core/log/testing';
import { LaneCopy } from '../copy/lane-copy.js';
import type { CopyRun } from '../copy/live-copy.js';
import { KeyRouter } from '../repartition/routers.js';
import { CopyVerifier } from './copy-verifier.js';
import { copyVerified } from './verified-copy.js';

const SOURCES = 3;
const TARGETS = 4;
const RECORDS = 240;

async function prepared() {
  const engine = new MemoryLogEngine();
  await engine.createTopic({ name: 'old', partitions: SOURCES });
  for (let i = 0; i < RECORDS; i++) {
    const record = { key: Buffer.from(`key-${i % 17}`), value: Buffer.from(`value-${i}`), headers: [], timestamp: i };
    await engine.append({ topic: 'old', partition: i % SOURCES }, encodeBatch([record]));
  }
  await engine.createTopic({ name: 'new', partitions: TARGETS });
  await engine.createTopic({ name: '__map', partitions: SOURCES });
  const router = new KeyRouter({ sources: SOURCES, targets: TARGETS, partitioner: 'murmur2', nullKeys: 'spread' });
  const startOffsets = new Array<number>(SOURCES).fill(0);
  const copy = await LaneCopy.open(
    engine,
    { writerPrefix: 'op', source: 'old', target: 'new', map: '__map', deadLetters: undefined, router, startOffsets },
    { stepBytes: 300, parallel: 2, tailWaitMs: 1 },
  );
  const verifier = new CopyVerifier({
    engine,
    source: { topic: 'old', startOffsets },
    target: { topic: 'new', startOffsets: new Array<number>(TARGETS).fill(0) },
    map: copy.map,
    router,
    level: 'readback',
  });
  return { engine, copy, verifier };
}

const run = (report: CopyRun['report'] = () => undefined): CopyRun => ({
  signal: new AbortController().signal,
  pace: () => new Promise(setImmediate),
  report,
});

describe('a commit of which nobody knows how it ended', () => {
  it('keeps the memory of its batches, which somebody may still be sending, while the copy goes on', async () => {
    const { engine, copy, verifier } = await prepared();
    const sessions = Object.getPrototypeOf(await engine.openWriter('any')) as Pick<LogWriter, 'commit'>;
    const held: { readonly batch: Uint8Array; readonly bytes: Buffer }[] = [];
    const { commit } = sessions;
    const spy = vi.spyOn(sessions, 'commit').mockImplementation(async function (this: LogWriter, what) {
      try {
        return await commit.call(this, what);
      } catch (error) {
        for (const { topic, batch } of what.appends ?? [])
          if (topic === 'new') held.push({ batch, bytes: Buffer.from(batch) });
        throw error;
      }
    });
    for (let n = 0; n < 2; n++) engine.faults.once('commit', { kind: 'lost-acknowledgement' });
    await copy.copyTo(await copy.sourceEnds(), run());
    spy.mockRestore();
    expect(engine.faults.pending).toBe(0);
    expect((await verifier.advance()).mismatches).toEqual([]);
    expect(held.length).toBeGreaterThan(0);
    for (const { batch, bytes } of held) expect(bytes.equals(batch)).toBe(true);
  });
});

describe('a copy that is verified meanwhile', () => {
  it('is verified in part when it is done, and all of it by the next look, with nothing to say against it', async () => {
    const { copy, verifier } = await prepared();
    await copyVerified(copy, verifier, await copy.sourceEnds(), run());
    const { checked } = verifier.result;
    expect(checked).toBeGreaterThan(0);
    expect(verifier.result.mismatches).toEqual([]);
    expect(copy.lag).toBe(0);
    const { mismatches, checked: all } = await verifier.advance();
    expect(mismatches).toEqual([]);
    expect(all).toBe(RECORDS);
  });

  it('says nothing of a record whose claim may be on its way, and names a foreign one when the copy rests', async () => {
    const { engine, copy, verifier } = await prepared();
    let steps = 0;
    const foreign = encodeBatch([{ key: Buffer.from('x'), value: Buffer.from('foreign'), headers: [], timestamp: 1 }]);
    const report = (): void => {
      if (++steps === 20) void engine.append({ topic: 'new', partition: 2 }, foreign);
    };
    await copyVerified(copy, verifier, await copy.sourceEnds(), run(report));
    expect(verifier.result.mismatches).toEqual([]);
    const { mismatches } = await verifier.advance();
    expect(mismatches.map(({ kind, target }) => [kind, target])).toEqual([
      [expect.stringMatching('unclaimed|misplaced'), 2],
    ]);
  });

  it('ends with the failure of its verification, and the copy with it', async () => {
    const { engine, copy, verifier } = await prepared();
    const fetch = engine.fetch.bind(engine);
    engine.fetch = (request: FetchRequest) =>
      request.positions[0]!.topic === 'new' ? Promise.reject(new Error('the target cannot be read')) : fetch(request);
    const ends = await copy.sourceEnds();
    await expect(copyVerified(copy, verifier, ends, run())).rejects.toThrow('the target cannot be read');
    expect(copy.lag).toBeGreaterThan(0);
  });

  it('ends with the failure of the copy', async () => {
    const { engine, copy, verifier } = await prepared();
    const ends = await copy.sourceEnds();
    await engine.openWriter('op-1');
    await expect(copyVerified(copy, verifier, ends, run())).rejects.toMatchObject({ code: 'writer-fenced' });
  });
});
