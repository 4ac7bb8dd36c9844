import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp, ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { breachesOf, type LeaseEvent } from '../leases/history.js';
import { dataOf, weir, type WeirRan } from './weir-process.js';

const KEYS = 40;
const BATCH = 60;
/** Longest that one change may take, with every kill in it. */
const CHANGE = '150s';

/** What of numbered records is not as it was written: lost, there twice, or before an earlier one of its key. */
function faultsOf(records: readonly { partition: number; key: string; n: number }[], written: number): string[] {
  const [seen, last, faults] = [new Set<number>(), new Map<string, { n: number; partition: number }>(), [] as string[]];
  for (const { partition, key, n } of records) {
    if (seen.has(n)) faults.push(`${n} is there twice`);
    seen.add(n);
    const before = last.get(key);
    if (before !== undefined && before.n > n) faults.push(`${n} lies behind ${before.n} of ${key}`);
    if (before !== undefined && before.partition !== partition) faults.push(`${key} lies in two partitions`);
    last.set(key, { n, partition });
  }
  for (let n = 0; n < written; n++) if (!seen.has(n)) faults.push(`${n} is lost`);
  return faults;
}

/**
 * A service that kills itself at steps of operations, as a loss of power would, and is started again on the same port and data, with the next step to die at; the commands that follow an operation are not told.
 */
class MortalService {
  #server: ServerProcess | undefined;
  #points: string[] = [];
  #back = (): void => undefined;
  #over = false;
  #deaths = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly directory: string,
    private readonly port: number,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** How often it has died since it was asked last. */
  deaths(): number {
    const deaths = this.#deaths;
    this.#deaths = 0;
    return deaths;
  }

  async start(): Promise<void> {
    this.#server = await this.#started();
    this.#running = this.#revive();
  }

  /** Dies now, and then at each of these steps in turn. Resolves when it is back for the first time. */
  async dieAt(points: readonly string[]): Promise<void> {
    this.#points = [...points];
    const back = new Promise<void>((resolve) => (this.#back = resolve));
    await this.#server!.kill();
    await back;
  }

  async stop(): Promise<void> {
    this.#over = true;
    await this.#server?.kill();
    await this.#running;
  }

  async #revive(): Promise<void> {
    for (;;) {
      await this.#server!.exited;
      if (this.#over) return;
      this.#deaths++;
      this.#server = await this.#started();
      if (this.#over) return void (await this.#server.kill());
      this.#back();
    }
  }

  async #started(): Promise<ServerProcess> {
    for (;;) {
      const point = this.#points.shift();
      const env = { WEIR_HTTP_PORT: String(this.port), ...(point === undefined ? {} : { WEIR_FAIL_POINT: point }) };
      try {
        return await ServerProcess.start({ cwd: this.directory, env });
      } catch (error) {
        // The step was reached before anybody could see that it was ready.
        if (this.#over || point === undefined) throw error;
        this.#deaths++;
      }
    }
  }
}

describe('a topic that is repartitioned from 6 to 24 to 6, through weir, under load, on a service that is killed', () => {
  let directory: TemporaryDirectory;
  let service: MortalService;
  beforeEach(async () => {
    directory = await temporaryDirectory();
    const first = await ServerProcess.start({ cwd: directory.path });
    const port = Number(new URL(first.url).port);
    await first.stop();
    service = new MortalService(directory.path, port);
    await service.start();
  });
  afterEach(async () => {
    await service.stop();
    await directory.remove();
  });

  const run = (...args: string[]): Promise<WeirRan> =>
    weir(args, { cwd: directory.path, env: { WEIR_URL: service.url, WEIR_REASON: 'acceptance' } });
  /** Again and again while the service is away. */
  const done = async (...args: string[]): Promise<WeirRan> => {
    let ran = await run(...args);
    while (ran.code === 7 && /cannot be reached|service-starting/.test(`${ran.out}${ran.err}`))
      ran = await run(...args);
    expect([args, ran.code], `${ran.out}\n${ran.err}`).toEqual([args, 0]);
    return ran;
  };

  it('keeps the order of keys, loses and repeats nothing for any group, and goes back while it may', async () => {
    await done('topic', 'create', 't', '--partitions', '6');

    // One writer: batches in order, each sent until it is taken, by a key that makes sending it again harmless.
    let [written, writing] = [0, true];
    const writer = async (): Promise<void> => {
      for (let batch = 0; writing; batch++) {
        const lines = Array.from({ length: BATCH }, (_, i) => batch * BATCH + i).map(
          (n) => `{"key": "k${n % KEYS}", "value": ${n}}\n`,
        );
        writeFileSync(`${directory.path}/batch.jsonl`, lines.join(''));
        for (;;) {
          const { code } = await run('topic', 'produce', 't', '-f', 'batch.jsonl', '--idempotency-key', `b${batch}`);
          if (code === 0) break;
        }
        written = (batch + 1) * BATCH;
      }
    };

    // Two groups, one of which reads on all the time; the other one has read a little when the topic changes.
    const calls = new DataPlaneCalls(overHttp(() => service.url));
    const histories = new Map<string, LeaseEvent[]>([
      ['busy', []],
      ['late', []],
    ]);
    const read = async (group: string, leases: number): Promise<number> => {
      const history = histories.get(group)!;
      let count = 0;
      for (let turn = 0; turn < leases; turn++) {
        const asked = { topics: ['t'], maxPartitions: 6, maxRecords: 200, visibilityMs: 5_000, waitMs: 200 };
        const { lease } = await calls.demand<{ lease: { id: string } | null }>(
          'POST',
          `/v1/groups/${group}/leases`,
          asked,
        );
        if (lease === null) break;
        const { records } = await calls.demand<{
          records: { partition: number; offset: string; value: number }[];
        }>('GET', `/v1/leases/${lease.id}/records`);
        const names = records.map(({ value }) => String(value));
        for (const record of names) history.push({ kind: 'given', record });
        for (const record of names) history.push({ kind: 'asked', record });
        if (records.length > 0)
          await calls.demand('POST', `/v1/leases/${lease.id}:ack`, {
            records: records.map(({ partition, offset }) => ({ topic: 't', partition, offset })),
          });
        for (const record of names) history.push({ kind: 'told', record });
        count += records.length;
        await calls.demand('POST', `/v1/leases/${lease.id}:release`);
      }
      return count;
    };
    let reading = true;
    const reader = async (group: string): Promise<void> => {
      // Whatever fails is asked anew with another lease.
      while (reading) await read(group, 1).catch(() => new Promise((resolve) => setTimeout(resolve, 20)));
    };
    const readAll = async (group: string): Promise<void> => {
      while ((await read(group, 4)) > 0);
    };

    const atWork = [writer(), reader('busy')];
    await expect.poll(() => written, { timeout: 60_000 }).toBeGreaterThan(5 * BATCH);
    await read('late', 1);

    const operation = async (...args: string[]): Promise<string> =>
      dataOf<{ id: string }>(await done(...args, '--yes', '-o', 'json')).id;
    const states = async (id: string): Promise<unknown> =>
      dataOf<{ state: string; startReason: string }>(await done('op', 'get', id, '-o', 'json'));
    const dying = (kind: string, ...steps: string[]): Promise<void> =>
      service.dieAt(steps.map((step) => `operation:${kind}:${step}`));

    // Up, dying after every step that became durable.
    await dying(
      'repartition',
      ...['PREPARING', 'COPYING', 'CATCHING_UP', 'READY', 'VERIFYING', 'CUTTING_OVER', 'SWITCHED'].map(
        (phase) => `${phase}:after`,
      ),
    );
    const up = await operation('topic', 'repartition', 't', '--partitions', '24');
    const watched = await done('op', 'watch', up, '--timeout', CHANGE);
    expect(watched.out).toContain('SWITCHED');
    expect(await states(up)).toMatchObject({ state: 'SWITCHED', startReason: 'acceptance' });
    expect(service.deaths()).toBeGreaterThanOrEqual(6);
    await done('op', 'finish', up, '--yes', '--wait', '--timeout', CHANGE);
    // To fewer partitions a topic only goes when its groups have read what was written to more.
    atWork.push(reader('late'));

    // Down, dying before every step becomes durable.
    await dying(
      'repartition',
      ...['PREPARING', 'COPYING', 'CATCHING_UP', 'VERIFYING', 'CUTTING_OVER', 'SWITCHED'].map(
        (phase) => `${phase}:before`,
      ),
    );
    const down = await operation('topic', 'repartition', 't', '--partitions', '6', '--rollback-window', '1h');
    await done('op', 'watch', down, '--timeout', CHANGE);
    expect(service.deaths()).toBeGreaterThanOrEqual(5);
    await done('op', 'finish', down, '--yes', '--wait', '--timeout', CHANGE);

    // Up once more, and back within the window, with what was written meanwhile.
    const again = await operation('topic', 'repartition', 't', '--partitions', '24', '--rollback-window', '1h');
    await done('op', 'watch', again, '--timeout', CHANGE);
    const atSwitch = written;
    await expect.poll(() => written, { timeout: 60_000 }).toBeGreaterThan(atSwitch + BATCH);
    await dying('repartition', 'ROLLING_BACK:after', 'ROLLED_BACK:before');
    await done('op', 'rollback', again, '--yes', '--wait', '--timeout', CHANGE);
    expect(await states(again)).toMatchObject({ state: 'ROLLED_BACK' });

    writing = false;
    await atWork[0];
    reading = false;
    await Promise.all(atWork);
    await readAll('busy');
    await readAll('late');

    const described = dataOf<{ partitionCount: number }>(await done('topic', 'describe', 't', '-o', 'json'));
    expect(described.partitionCount).toBe(6);
    const consumed = (await done('topic', 'consume', 't', '-o', 'jsonl')).out.trimEnd().split('\n');
    const records = consumed.map((line) => JSON.parse(line) as { partition: number; key: string; value: number });
    expect(
      faultsOf(
        records.map(({ partition, key, value: n }) => ({ partition, key, n })),
        written,
      ),
    ).toEqual([]);
    const names = Array.from({ length: written }, (_, n) => String(n));
    for (const [group, history] of histories) expect([group, breachesOf(history, names)]).toEqual([group, []]);
  }, 280_000);

  it('negative control: a record that is lost, repeated, out of order or apart from its key is found', () => {
    const good = [0, 1, 2].map((n) => ({ partition: 0, key: 'k', n }));
    expect(faultsOf(good, 3)).toEqual([]);
    expect(faultsOf(good.slice(1), 3)).toEqual(['0 is lost']);
    expect(faultsOf([...good, good[2]!], 3)).toEqual(['2 is there twice']);
    expect(faultsOf([good[1]!, good[0]!, good[2]!], 3)).toEqual(['0 lies behind 1 of k']);
    expect(faultsOf([good[0]!, { ...good[1]!, partition: 1 }, { ...good[2]!, partition: 1 }], 3)).toEqual([
      'k lies in two partitions',
    ]);
  });
});
