import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp, ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { breachesOf, type LeaseEvent } from './history.js';

const PARTITIONS = 2;
const PER_PARTITION = 40;
const WORKERS = 3;
const KILLS = 3;
/** Longest all of it may take. */
const DEADLINE_MS = 100_000;

describe('leases on a service that is killed', () => {
  let directory: TemporaryDirectory;
  let server: ServerProcess;
  beforeEach(async () => {
    directory = await temporaryDirectory();
    server = await ServerProcess.start({ cwd: directory.path });
  });
  afterEach(async () => {
    await server.kill();
    await directory.remove();
  });

  it(
    'never pass a record that is not acknowledged, bring no acknowledged one again, and leave none out',
    async () => {
      const calls = new DataPlaneCalls(overHttp(() => server.url));
      await calls.topic('jobs', PARTITIONS);
      const records = Array.from({ length: PARTITIONS * PER_PARTITION }, (_, n) => ({
        partition: n % PARTITIONS,
        value: n,
      }));
      expect((await calls.produce('jobs', records)).status).toBe(200);
      const history: LeaseEvent[] = [];
      const deadline = performance.now() + DEADLINE_MS;
      let told = 0;
      let done = false;
      let kills = 0;

      /** One lease, worked on until it is lost, has nothing left, or the service dies. */
      const workOnce = async (choice: () => number): Promise<void> => {
        const asked = { topics: ['jobs'], maxRecords: 4, visibilityMs: 1_500, waitMs: 200 };
        const { lease } = await calls.demand<{ lease: { id: string } | null }>('POST', '/v1/groups/g/leases', asked);
        if (lease === null) return;
        for (;;) {
          const page = await calls.demand<{ records: { partition: number; offset: string }[] }>(
            'GET',
            `/v1/leases/${lease.id}/records`,
          );
          if (page.records.length === 0) return void (await calls.demand('POST', `/v1/leases/${lease.id}:release`));
          for (const { partition, offset } of page.records)
            history.push({ kind: 'given', record: `${partition}/${offset}` });
          for (const { partition, offset } of [...page.records].reverse()) {
            const record = `${partition}/${offset}`;
            const body = { records: [{ topic: 'jobs', partition, offset }] };
            if (choice() === 0) {
              await calls.demand('POST', `/v1/leases/${lease.id}:nack`, body);
              continue;
            }
            history.push({ kind: 'asked', record });
            await calls.demand('POST', `/v1/leases/${lease.id}:ack`, body);
            history.push({ kind: 'told', record });
            told++;
          }
        }
      };
      const worker = async (number: number): Promise<void> => {
        let turns = number;
        // Whatever fails is asked anew with another lease: that is what leases are for.
        while (!done) await workOnce(() => turns++ % 5).catch(() => new Promise((resolve) => setTimeout(resolve, 20)));
      };
      const killer = async (): Promise<void> => {
        while (!done && performance.now() < deadline) {
          if (kills < KILLS && told >= (kills + 1) * 12) {
            kills++;
            await server.kill();
            server = await ServerProcess.start({ cwd: directory.path });
          }
          const group = await calls.get('/v1/groups/g');
          const { positions = [] } = group.json as { positions?: { partition: number; offset: string }[] };
          for (const { partition, offset } of positions)
            history.push({ kind: 'position', partition, offset: Number(offset) });
          done = positions.filter((one) => Number(one.offset) === PER_PARTITION).length === PARTITIONS;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        done = true;
      };
      await Promise.all([killer(), ...Array.from({ length: WORKERS }, (_, number) => worker(number))]);
      const names = records.map(({ partition }, n) => `${partition}/${Math.floor(n / PARTITIONS)}`);
      expect(breachesOf(history, names)).toEqual([]);
      expect(history.filter((one) => one.kind === 'position').at(-1)).toMatchObject({ offset: PER_PARTITION });
      expect(kills).toBe(KILLS);
    },
    DEADLINE_MS + 20_000,
  );

  it('negative control: a position too far, an acknowledged record again and a record left out are found', () => {
    const given: LeaseEvent[] = [
      { kind: 'given', record: '0/0' },
      { kind: 'given', record: '0/1' },
      { kind: 'asked', record: '0/0' },
      { kind: 'told', record: '0/0' },
    ];
    const names = ['0/0', '0/1'];
    expect(breachesOf([...given, { kind: 'position', partition: 0, offset: 1 }], names)).toEqual([]);
    expect(breachesOf([...given, { kind: 'position', partition: 0, offset: 2 }], names)).toEqual([
      'position 2 of 0 passed 0/1',
    ]);
    expect(breachesOf([...given, { kind: 'given', record: '0/0' }], names)).toEqual(['0/0 came again']);
    expect(breachesOf(given, [...names, '0/2'])).toEqual(['0/2 never came']);
  });
});
