import { describe, expect, it } from 'vitest';
import { AppError } from '#libs/core/kernel';
import { ManualClock } from '#libs/core/kernel/testing';
import { OnceByKey, type Attempt } from './index.js';
import type { KeyedRequest } from './keyed-request.js';
import { answerStoreContract, MemoryAnswerStore } from './testing/index.js';

answerStoreContract('memory', async () => ({ answers: new MemoryAnswerStore(), dispose: async () => undefined }));

const HOUR = 3_600_000;
const refusal = (kind: 'conflict' | 'unavailable') => new AppError({ kind, code: 'a-code', message: 'No.' });

describe('a request with a key', () => {
  const world = () => {
    const clock = new ManualClock(1_000_000);
    const store = new MemoryAnswerStore();
    let n = 0;
    /** An instance of the service: each has its own, over one store. */
    const instance = () => new OnceByKey(store, clock, () => `random-${++n}`);
    const tries: Attempt[] = [];
    const task = (answer: object | Error) => async (attempt: Attempt) => {
      tries.push(attempt);
      if (answer instanceof Error) throw answer;
      return answer;
    };
    return { clock, instance, tries, task };
  };
  const asked = (more: Partial<KeyedRequest> = {}): KeyedRequest => ({
    principal: 'ann',
    key: 'k',
    call: 'POST /v1/topics',
    body: { name: 'orders', partitions: 3 },
    ...more,
  });

  it('is done once, and answered alike by every instance, for a day', async () => {
    const { clock, instance, tries, task } = world();
    expect(await instance().do(asked(), task({ made: 1 }))).toEqual({ made: 1 });
    expect(await instance().do(asked(), task({ made: 2 }))).toEqual({ made: 1 });
    expect(await instance().do(asked({ body: { partitions: 3, name: 'orders' } }), task({ made: 2 }))).toEqual({
      made: 1,
    });
    expect(tries).toHaveLength(1);
    // Keys of others, and requests without one, are other requests.
    expect(await instance().do(asked({ principal: 'bob' }), task({ made: 3 }))).toEqual({ made: 3 });
    for (const made of [4, 5]) expect(await instance().do(asked({ key: undefined }), task({ made }))).toEqual({ made });
    clock.advance(25 * HOUR);
    expect(await instance().do(asked(), task({ made: 6 }))).toEqual({ made: 6 });
  });

  it('is refused where another one has its key, and what differs is named', async () => {
    const { instance, task } = world();
    await instance().do(asked(), task({}));
    const other = (more: Partial<KeyedRequest>) => instance().do(asked(more), task({}));
    await expect(other({ body: { name: 'orders', partitions: 6, config: { a: '1' } } })).rejects.toMatchObject({
      kind: 'unprocessable',
      code: 'idempotency-key-reused',
      message: expect.stringContaining('config was not given, is {"a":"1"}; partitions was 3, is 6') as string,
    });
    await expect(other({ call: 'POST /v1/backups' })).rejects.toThrow('call was POST /v1/topics, is POST /v1/backups');
    const long = (last: string) => ({ body: { name: 'orders', partitions: 3, note: 'x'.repeat(300) + last } });
    await instance().do(asked({ key: 'long', ...long('a') }), task({}));
    await expect(other({ key: 'long', ...long('b') })).rejects.toThrow('note was something else, is something else');
    expect(await other({ key: 'long', ...long('a') })).toEqual({});
  });

  it('may be tried again after a refusal, as if for the first time', async () => {
    const { instance, tries, task } = world();
    await expect(instance().do(asked(), task(refusal('conflict')))).rejects.toMatchObject({ code: 'a-code' });
    expect(await instance().do(asked({ body: { name: 'other' } }), task({ made: 1 }))).toEqual({ made: 1 });
    expect(tries.map(({ again }) => again)).toEqual([false, false]);
  });

  it('is gone on with where it is not known what an attempt came to: at once after an error, after a while after a death', async () => {
    const { clock, instance, tries, task } = world();
    await expect(instance().do(asked(), task(refusal('unavailable')))).rejects.toMatchObject({ code: 'a-code' });
    await expect(instance().do(asked(), task(new Error('defect')))).rejects.toThrow('defect');
    // The third attempt never ends: its process has died.
    void instance().do(asked(), (attempt) => {
      tries.push(attempt);
      return new Promise<object>(() => undefined);
    });
    await expect.poll(() => tries.length).toBe(3);
    await expect(instance().do(asked(), task({ made: 1 }))).rejects.toMatchObject({
      code: 'idempotency-key-in-use',
      retryable: true,
    });
    clock.advance(60_000);
    expect(await instance().do(asked(), task({ made: 2 }))).toEqual({ made: 2 });
    expect(tries.map(({ again }) => again)).toEqual([false, true, true, true]);
    // Nor can a refusal speak for the attempts before it.
    const late = asked({ key: 'late' });
    for (const error of [refusal('unavailable'), refusal('conflict'), refusal('conflict')])
      await expect(instance().do(late, task(error))).rejects.toMatchObject({ code: 'a-code' });
    expect(tries.splice(4).map(({ again }) => again)).toEqual([false, true, true]);
    // What is made of the seed has one name, whoever makes it.
    expect(new Set(tries.map(({ seed, firstAt }) => `${seed} ${firstAt}`)).size).toBe(1);
  });

  it('is done anew where its answer no longer counts', async () => {
    const { instance, tries, task } = world();
    const holds = async ({ made }: { made?: number }) => made === 2;
    for (const made of [1, 2, 3]) await instance().do<{ made?: number }>(asked(), task({ made }), holds);
    expect(tries.map(({ again }) => again)).toEqual([false, false]);
    await expect(instance().do(asked({ body: {} }), task({ made: 4 }), holds)).rejects.toThrow('name was "orders"');
  });

  it('is done by one of several that come at once', async () => {
    const { instance, tries, task } = world();
    const ended = await Promise.allSettled(
      Array.from({ length: 8 }, (_, made) => instance().do(asked(), task({ made }))),
    );
    expect(tries).toHaveLength(1);
    for (const one of ended)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'idempotency-key-in-use' });
    expect(ended.some(({ status }) => status === 'fulfilled')).toBe(true);
  });
});
