import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '#libs/core/kernel';
import { ManualClock } from '#libs/core/kernel/testing';
import { Supervisor, type SupervisedLoop, type SupervisedRun, type SupervisorOptions } from './supervisor.js';
import { settle, untilAborted } from './testing/engine-world.js';
import { MemoryLeaseStore } from './testing/memory-lease-store.js';

let clock: ManualClock;
let leases: MemoryLeaseStore;
let supervisors: Supervisor[];
beforeEach(() => {
  clock = new ManualClock();
  leases = new MemoryLeaseStore(clock);
  supervisors = [];
});
afterEach(async () => {
  const closing = Promise.all(supervisors.map((one) => one.close()));
  await pass(100);
  await closing;
});

const supervisor = (options: Partial<SupervisorOptions> = {}) => {
  const made = new Supervisor({ clock, owner: `owner-${supervisors.length}`, ...options });
  supervisors.push(made);
  return made;
};

async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    await settle();
    clock.advance(50);
  }
  await settle();
}

const forEver: SupervisedLoop = (signal) => untilAborted(signal);
const away = () => new AppError({ kind: 'unavailable', code: 'away', message: 'the broker is away' });

describe('supervised work', () => {
  it('runs until it is stopped; stopping waits for its end, and the name is free again', async () => {
    const one = supervisor();
    let running = 0;
    one.run('view', async (signal) => {
      running++;
      await untilAborted(signal).catch(() => undefined);
      await settle();
      running--;
    });
    await settle();
    expect(one.status('view')).toMatchObject({ state: 'running', restarts: 0, lastError: null });
    expect(() => one.run('view', forEver)).toThrow(expect.objectContaining({ code: 'already-supervised' }) as Error);
    await one.stop('view');
    expect(running).toBe(0);
    expect(one.status('view')?.state).toBe('stopped');
    await one.stop('view');
    await one.stop('unknown');
    one.run('view', forEver);
    await settle();
    expect(one.statuses().map((status) => [status.name, status.state])).toEqual([['view', 'running']]);
    await one.forget('view');
    expect(one.statuses()).toEqual([]);
  });

  it('is started again after a failure, with growing, capped pauses, and tells why and since when', async () => {
    const told: unknown[] = [];
    const one = supervisor({
      backoffMs: 100,
      maxBackoffMs: 1_000,
      onFailure: (name, error) => told.push([name, error]),
    });
    const at: number[] = [];
    const error = away();
    one.run('tail', () => {
      at.push(clock.monotonic());
      return Promise.reject(error);
    });
    await pass(50);
    const since = one.status('tail')!.since;
    await pass(5_000);
    const pauses = at.slice(1).map((time, i) => time - at[i]!);
    expect(pauses.slice(0, 6)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(one.status('tail')).toMatchObject({
      state: 'failing',
      since,
      restarts: at.length - 1,
      lastError: { code: 'away', message: 'the broker is away' },
    });
    expect(told[0]).toEqual(['tail', error]);
  });

  it('counts as running again once it says so, or has lasted; then its pauses begin anew', async () => {
    const one = supervisor({ backoffMs: 100, maxBackoffMs: 60_000, healthyAfterMs: 2_000 });
    let run: SupervisedRun | undefined;
    let fail: ((error: Error) => void) | undefined;
    const at: number[] = [];
    one.run('tail', (signal, given) => {
      run = given;
      at.push(clock.monotonic());
      return new Promise((_, reject) => {
        fail = reject;
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    });
    await settle();
    for (let i = 0; i < 5; i++) {
      fail!(away());
      await pass(100 * 2 ** i + 50);
    }
    expect(one.status('tail')?.state).toBe('failing');
    run!.healthy();
    expect(one.status('tail')).toMatchObject({ state: 'running', lastError: { code: 'away' } });
    const before = at.length;
    fail!(away());
    await pass(150);
    expect(at.length).toBe(before + 1);
    expect(one.status('tail')?.state).toBe('failing');
    await pass(2_050);
    expect(one.status('tail')?.state).toBe('running');
  });

  it('that returns by itself is over and not started again', async () => {
    const one = supervisor();
    let runs = 0;
    one.run('once', async () => {
      runs++;
    });
    await pass(60_000);
    expect(runs).toBe(1);
    expect(one.status('once')?.state).toBe('ended');
    one.run('once', forEver);
  });

  it('a failing loop does not disturb another one, and a defect shows nothing of its text', async () => {
    const one = supervisor();
    one.run('bad', () => Promise.reject(new TypeError('key secret')));
    one.run('good', forEver);
    await pass(5_000);
    expect(one.status('good')).toMatchObject({ state: 'running', restarts: 0 });
    expect(JSON.stringify(one.status('bad'))).not.toContain('secret');
  });

  it('a loop that throws at once, before its first await, is a failure like any other', async () => {
    const one = supervisor();
    one.run('bad', () => {
      throw away();
    });
    await pass(100);
    expect(one.status('bad')?.state).toBe('failing');
  });
});

describe('supervised work on several instances', () => {
  it('runs on one of them; another takes over, with a higher epoch, when that one stops', async () => {
    const epochs: number[] = [];
    let running = 0;
    let most = 0;
    const loop: SupervisedLoop = async (signal, { epoch }) => {
      epochs.push(epoch);
      most = Math.max(most, ++running);
      await untilAborted(signal).finally(() => running--);
    };
    const [one, two] = [supervisor({ leases }), supervisor({ leases })];
    one.run('view', loop);
    await settle();
    two.run('view', loop);
    await pass(60_000);
    expect([one.status('view')?.state, two.status('view')?.state]).toEqual(['running', 'waiting']);
    await one.stop('view');
    await pass(1_100);
    expect(two.status('view')).toMatchObject({ state: 'running', restarts: 0 });
    expect(epochs).toEqual([1, 2]);
    expect(most).toBe(1);
  });

  it('a lost lease ends the loop here, and it waits for its turn', async () => {
    const loop: SupervisedLoop = (signal) => untilAborted(signal);
    const one = supervisor({ leases, leaseMs: 3_000 });
    one.run('view', loop);
    await pass(500);
    await leases.expireAll();
    const other = (await leases.acquire('view', 'somebody', 30_000))!;
    await pass(2_000);
    expect(one.status('view')?.state).toBe('waiting');
    await leases.release(other);
    await pass(1_500);
    expect(one.status('view')).toMatchObject({ state: 'running', restarts: 1 });
  });

  it('a store of leases that is away is a failure, not an end', async () => {
    const acquire = leases.acquire.bind(leases);
    leases.acquire = () => Promise.reject(away());
    const one = supervisor({ leases });
    one.run('view', forEver);
    await pass(2_000);
    expect(one.status('view')).toMatchObject({ state: 'failing', lastError: { code: 'away' } });
    leases.acquire = acquire;
    await pass(30_000);
    expect(one.status('view')?.state).toBe('running');
  });

  it('work that is not to be leased runs everywhere', async () => {
    const [one, two] = [supervisor({ leases }), supervisor({ leases })];
    for (const each of [one, two]) each.run('cache', forEver, { leased: false });
    await pass(100);
    expect([one.status('cache')?.state, two.status('cache')?.state]).toEqual(['running', 'running']);
  });
});
