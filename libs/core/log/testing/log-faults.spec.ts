import { describe, expect, it } from 'vitest';
import { deferred } from '#libs/core/kernel';
import { ManualClock } from '#libs/core/kernel/testing';
import { encodeBatch, logErrors, recordsFrom } from '../index.js';
import { LogFaults } from './log-faults.js';
import { MemoryLogEngine } from './memory-engine.js';

const batch = (value: string): Buffer =>
  encodeBatch([{ key: null, value: Buffer.from(value), headers: [], timestamp: 0 }]);
const ref = { topic: 't', partition: 0 };

async function setUp(): Promise<{ engine: MemoryLogEngine; faults: LogFaults }> {
  const faults = new LogFaults();
  const engine = new MemoryLogEngine({ faults });
  await engine.createTopic({ name: 't', partitions: 1 });
  return { engine, faults };
}

async function valuesOf(engine: MemoryLogEngine): Promise<string[]> {
  const [fetched] = await engine.fetch({ positions: [{ ...ref, offset: 0 }], maxBytes: 1 << 20 });
  return [...recordsFrom(fetched!, 0)].map((one) => Buffer.from(one.value!).toString());
}

describe('faults of the log in memory', () => {
  it('a lost acknowledgement has taken effect, a lost request has not, and both end the session', async () => {
    const { engine, faults } = await setUp();
    for (const [kind, effect] of [
      ['lost-acknowledgement', 'yes'],
      ['lost-request', undefined],
    ] as const) {
      const writer = await engine.openWriter(kind);
      faults.once('commit', { kind }, (call) => call.writer === kind);
      const commit = {
        appends: [{ ...ref, batch: batch(kind) }],
        checkpoints: [{ key: 'k', value: Buffer.from('yes') }],
      };
      await expect(writer.commit(commit)).rejects.toMatchObject({ code: 'outcome-unknown' });
      await expect(writer.commit(commit)).rejects.toMatchObject({ code: 'writer-closed' });
      const value = (await engine.openWriter(kind)).checkpoint('k');
      expect(value && Buffer.from(value).toString()).toBe(effect);
    }
    expect(await valuesOf(engine)).toEqual(['lost-acknowledgement']);
    expect(faults.pending).toBe(0);
  });

  it('a fence strikes before the commit, which leaves nothing', async () => {
    const { engine, faults } = await setUp();
    const writer = await engine.openWriter('w');
    faults.once('commit', { kind: 'fence' });
    await expect(writer.commit({ appends: [{ ...ref, batch: batch('x') }] })).rejects.toMatchObject({
      code: 'writer-fenced',
    });
    expect(await valuesOf(engine)).toEqual([]);
  });

  it('a held append meets the state there is when it goes on', async () => {
    const { engine, faults } = await setUp();
    const gate = deferred<void>();
    faults.once('append', { kind: 'hold', until: gate.promise });
    const held = engine.append(ref, batch('x'));
    await engine.setTopicState('t', 'FENCED');
    gate.resolve();
    await expect(held).rejects.toMatchObject({ code: 'topic-fenced' });
    expect(await valuesOf(engine)).toEqual([]);
  });

  it('a refusal hits the call it is meant for, once', async () => {
    const { engine, faults } = await setUp();
    faults.once('append', { kind: 'refuse', error: logErrors.outcomeUnknown('x') }, (call) =>
      call.topics.includes('other'),
    );
    await engine.append(ref, batch('a'));
    faults.once('append', { kind: 'refuse', error: logErrors.partitionDegraded('t', 0, 1) });
    await expect(engine.append(ref, batch('b'))).rejects.toMatchObject({ code: 'partition-degraded' });
    await engine.append(ref, batch('c'));
    expect(await valuesOf(engine)).toEqual(['a', 'c']);
    expect(faults.pending).toBe(1);
  });

  it('retention under the reader makes its offset out of range', async () => {
    const { engine } = await setUp();
    for (const value of ['a', 'b', 'c']) await engine.append(ref, batch(value));
    engine.dropBefore(ref, 2);
    const [fetched] = await engine.fetch({ positions: [{ ...ref, offset: 1 }], maxBytes: 1000 });
    expect(fetched).toMatchObject({ startOffset: 2, endOffset: 3, error: { code: 'offset-out-of-range' } });
  });

  it('a degraded partition is read up to the damage and takes no appends', async () => {
    const { engine } = await setUp();
    for (const value of ['a', 'b', 'c']) await engine.append(ref, batch(value));
    engine.degrade(ref, 1);
    const [before] = await engine.fetch({ positions: [{ ...ref, offset: 0 }], maxBytes: 1000 });
    expect(before!.error).toBeUndefined();
    expect(before!.nextOffset).toBe(1);
    expect(before!.batches).toHaveLength(1);
    const [at] = await engine.fetch({ positions: [{ ...ref, offset: 1 }], maxBytes: 1000 });
    expect(at!.error).toMatchObject({ code: 'partition-degraded' });
    await expect(engine.append(ref, batch('d'))).rejects.toMatchObject({ code: 'partition-degraded' });
  });

  it('waits by the clock it is given', async () => {
    const clock = new ManualClock();
    const engine = new MemoryLogEngine({ clock });
    await engine.createTopic({ name: 't', partitions: 1 });
    const waiting = engine.fetch({ positions: [{ ...ref, offset: 0 }], maxBytes: 1000, maxWaitMs: 60_000 });
    await Promise.resolve();
    clock.advance(60_000);
    expect((await waiting)[0]).toMatchObject({ batches: [], nextOffset: 0 });
  });
});
