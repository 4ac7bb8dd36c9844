import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { AppError } from '#libs/core/kernel';
import { ManualClock } from '#libs/core/kernel/testing';
import { WorkerPool, type Job, type Thread } from './worker-pool.js';

/** A thread that does what the test says. */
class ScriptedThread extends EventEmitter implements Thread {
  readonly got: unknown[] = [];
  ended = false;

  /** @param loaded whether it says that it is ready as soon as somebody listens. */
  constructor(private readonly loaded: boolean) {
    super();
  }

  override on(event: string, listener: (...values: unknown[]) => void): this {
    super.on(event, listener);
    if (event === 'message' && this.loaded) this.say('ready');
    return this;
  }

  postMessage(message: unknown): void {
    this.got.push(message);
  }

  terminate(): void {
    this.ended = true;
  }

  say(message: unknown): void {
    this.emit('message', message);
  }
}

const failure = (code: string) => () => new AppError({ kind: 'unprocessable', code, message: code });
const job = (request: unknown, more: Partial<Job> = {}): Job => ({
  request,
  bytes: 10,
  supply: () => Promise.resolve('supplied'),
  outcomeOf: (message) => (String(message).startsWith('ask') ? undefined : { value: message }),
  ...more,
});
const outcome = (promise: Promise<unknown>) => promise.catch((error: AppError) => error.code);

function open(threads = 1, queueBytes = 25, ready = true) {
  const clock = new ManualClock();
  const started: ScriptedThread[] = [];
  const pool = new WorkerPool({
    threads,
    clock,
    deadlineMs: 2_000,
    queueBytes,
    failures: {
      tooSlow: failure('slow'),
      tooHeavy: failure('heavy'),
      closed: failure('closed'),
      busy: (limit, measured) =>
        new AppError({ kind: 'unavailable', code: 'busy', message: 'busy', details: { limit, measured } }),
      crashed: failure('crashed'),
    },
    start: () => {
      const thread = new ScriptedThread(ready);
      started.push(thread);
      return thread;
    },
  });
  return { pool, clock, started };
}

/** Lets what was resolved take effect. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a pool of workers', () => {
  it('starts threads when they are needed, and gives each one job at a time, in order', async () => {
    const { pool, started } = open(2);
    expect(started).toHaveLength(0);
    const answers = [1, 2, 3].map((n) => outcome(pool.run(job(n))));
    expect(started.map(({ got }) => got)).toEqual([[1], [2]]);
    started[1]!.say('two');
    await settled();
    expect(started[1]!.got).toEqual([2, 3]);
    started[1]!.say('three');
    started[0]!.say('one');
    expect(await Promise.all(answers)).toEqual(['one', 'two', 'three']);
    expect(started).toHaveLength(2);
    expect(pool.counts.done).toBe(3);
  });

  it('ends a job at its deadline, and the thread with it; the next job gets a new one', async () => {
    const { pool, clock, started } = open();
    const [slow, next] = [1, 2].map((n) => outcome(pool.run(job(n))));
    clock.advance(1_999);
    await settled();
    expect(started[0]!.ended).toBe(false);
    clock.advance(1);
    expect(await slow).toBe('slow');
    expect(started[0]!.ended).toBe(true);
    await settled();
    expect(started[1]!.got).toEqual([2]);
    // The thread that was given up has no say any more.
    started[0]!.say('late');
    started[1]!.say('in time');
    expect(await next).toBe('in time');
    expect(pool.counts).toMatchObject({ tooSlow: 1, done: 1 });
  });

  it('does not count against a job the time its thread takes to start', async () => {
    const { pool, clock, started } = open(1, 25, false);
    const answer = outcome(pool.run(job(1)));
    clock.advance(60_000);
    await settled();
    expect([started[0]!.ended, started[0]!.got]).toEqual([false, []]);
    started[0]!.say('ready');
    expect(started[0]!.got).toEqual([1]);
    started[0]!.say('one');
    expect(await answer).toBe('one');
  });

  it('does not count against a job what its thread waits for', async () => {
    const { pool, clock, started } = open();
    let supply: (value: unknown) => void = () => undefined;
    const answer = outcome(pool.run(job(1, { supply: () => new Promise((resolve) => (supply = resolve)) })));
    clock.advance(1_500);
    started[0]!.say('ask');
    clock.advance(60_000);
    await settled();
    supply('texts');
    await settled();
    expect(started[0]!.got).toEqual([1, 'texts']);
    clock.advance(499);
    await settled();
    expect(started[0]!.ended).toBe(false);
    clock.advance(1);
    expect(await answer).toBe('slow');
  });

  it('fails only the job of a thread that dies, or runs out of memory', async () => {
    const { pool, started } = open(3);
    const answers = [1, 2, 3].map((n) => outcome(pool.run(job(n))));
    started[0]!.emit('error', Object.assign(new Error('heap'), { code: 'ERR_WORKER_OUT_OF_MEMORY' }));
    started[0]!.emit('exit');
    started[1]!.emit('exit');
    started[2]!.say('fine');
    expect(await Promise.all(answers)).toEqual(['heavy', 'crashed', 'fine']);
    expect(pool.counts).toMatchObject({ tooHeavy: 1, crashed: 1, done: 1 });
    const again = outcome(pool.run(job(4)));
    started[2]!.say('again');
    expect(await again).toBe('again');
  });

  it('replaces a thread that died while it had nothing to do', async () => {
    const { pool, started } = open();
    const first = outcome(pool.run(job(1)));
    started[0]!.say('one');
    await first;
    started[0]!.emit('exit');
    const second = outcome(pool.run(job(2)));
    started[1]!.say('two');
    expect(await second).toBe('two');
    expect(pool.counts.crashed).toBe(0);
  });

  it('refuses what would make too much wait, and says so as overload', async () => {
    const { pool, started } = open();
    const accepted = [1, 2, 3].map((n) => outcome(pool.run(job(n))));
    const refused = pool.run(job(4));
    await expect(refused).rejects.toMatchObject({
      code: 'busy',
      details: { limit: 25, measured: 30 },
    });
    expect(pool.waitingBytes).toBe(20);
    for (const said of ['a', 'b', 'c']) {
      started[0]!.say(said);
      await settled();
    }
    expect(await Promise.all(accepted)).toEqual(['a', 'b', 'c']);
    expect(pool.waitingBytes).toBe(0);
    // Something larger than the whole queue is taken when nothing else waits.
    const large = outcome(pool.run(job(5, { bytes: 1_000 })));
    started[0]!.say('large');
    expect(await large).toBe('large');
  });

  it('fails a job whose supply fails, and gives up the thread that waits for it', async () => {
    const { pool, started } = open();
    const answer = pool.run(job(1, { supply: () => Promise.reject(new Error('store away')) }));
    started[0]!.say('ask');
    await expect(answer).rejects.toThrow('store away');
    expect(started[0]!.ended).toBe(true);
    const next = outcome(pool.run(job(2)));
    started[1]!.say('fine');
    expect(await next).toBe('fine');
  });

  it('fails everything when it is closed, and ends its threads', async () => {
    const { pool, started } = open();
    const answers = [1, 2].map((n) => outcome(pool.run(job(n))));
    pool.close();
    pool.close();
    expect(await Promise.all(answers)).toEqual(['closed', 'closed']);
    expect(started.every(({ ended }) => ended)).toBe(true);
    expect(await outcome(pool.run(job(3)))).toBe('closed');
  });
});
