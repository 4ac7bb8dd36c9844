import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HttpClient, overHttp } from '#libs/platform/testing';
import { runService, type RunningService } from './testing/running-service.js';

const TYPE = 'application/vnd.kafka.v2+json';
const JSON_TYPE = 'application/vnd.kafka.json.v2+json';

interface Read {
  readonly value: number;
  readonly partition: number;
  readonly offset: number;
}

interface Operation {
  readonly id: string;
  readonly state: string;
  readonly cutover: { readonly lastAttempt: unknown };
}

/** Consumer instances of the REST Proxy on the embedded log while their topic is repartitioned. Nothing is simulated: real members, real operations. */
describe('consumers of v2 over a repartition on the embedded log', () => {
  let running: RunningService;
  let proxy: HttpClient;
  let native: HttpClient;
  beforeAll(async () => {
    running = await runService();
    const service = overHttp(() => running.url);
    proxy = new HttpClient(service, () => TYPE);
    native = new HttpClient(service, () => 'application/json');
  });
  afterAll(() => running.stop());

  const instance = async (group: string, name: string, topic: string, options: object = {}): Promise<string> => {
    const given = { name, format: 'json', 'auto.offset.reset': 'earliest', ...options };
    await proxy.demand('POST', `/consumers/${group}`, given);
    const at = `/consumers/${group}/instances/${name}`;
    await proxy.demand('POST', `${at}/subscription`, { topics: [topic] });
    return at;
  };
  const read = async (at: string, query = ''): Promise<readonly Read[]> => {
    const { status, json } = await proxy.get<Read[]>(`${at}/records?timeout=100${query}`, undefined, {
      accept: JSON_TYPE,
    });
    expect(status, JSON.stringify(json)).toBe(200);
    return json;
  };

  /** Numbered records, with seven keys, written until stopped; answers how many there are. */
  function startWriter(topic: string) {
    let [going, written] = [true, 0];
    const write = async (count: number): Promise<void> => {
      const records = Array.from({ length: count }, (_, i) => ({ key: String((written + i) % 7), value: written + i }));
      await native.demand('POST', `/v1/topics/${topic}/records`, { records });
      written += count;
    };
    const writing = (async () => {
      while (going) {
        await write(3);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    return {
      stop: async (): Promise<number> => {
        going = false;
        await writing;
        return written;
      },
    };
  }

  /** Reads with all of them until stopped, and then until nothing more comes; answers the numbers in the order of their delivery. */
  function startReaders(instances: readonly string[]) {
    const seen: number[] = [];
    let going = true;
    const reading = instances.map(async (at) => {
      for (let quiet = 0; going || quiet < 8;) {
        const found = await read(at);
        seen.push(...found.map(({ value }) => value));
        quiet = going || found.length > 0 ? 0 : quiet + 1;
      }
    });
    return {
      stop: async (): Promise<readonly number[]> => {
        going = false;
        await Promise.all(reading);
        return seen;
      },
    };
  }

  async function settled(id: string, state: string): Promise<void> {
    for (const deadline = performance.now() + 60_000; ;) {
      const found = await native.demand<Operation>('GET', `/v1/operations/${id}`);
      if (found.state === state) return;
      const stuck = ['BLOCKED', 'FAILED'].includes(found.state) || performance.now() > deadline;
      if (stuck) throw new Error(`the operation is ${found.state}: ${JSON.stringify(found)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async function repartition(topic: string, partitions: number, more: object = {}): Promise<string> {
    const request = { topic, target: { partitions }, cutover: { mode: 'auto', maxPauseMs: 20_000 }, ...more };
    const { hash } = await native.demand<{ hash: string }>('POST', '/v1/repartitions/plans', request);
    const { id } = await native.demand<Operation>('POST', '/v1/operations', { planHash: hash });
    await settled(id, 'SWITCHED');
    const { cutover } = await native.demand<Operation>('GET', `/v1/operations/${id}`);
    expect(cutover.lastAttempt).toMatchObject({ outcome: 'switched' });
    return id;
  }

  const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
  const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);

  it('are members all the while, to more partitions, to fewer, and back; get every record once, those of a key in order; and never undo a cutover', async () => {
    await native.demand('POST', '/v1/topics', { name: 'moved', partitions: 2 });
    const writer = startWriter('moved');
    const readers = startReaders([await instance('g', 'one', 'moved'), await instance('g', 'two', 'moved')]);
    // A plan names the groups that read the topic.
    await expect
      .poll(async () => (await native.get<{ positions: [] }>('/v1/groups/g')).json.positions?.length, {
        timeout: 20_000,
      })
      .toBe(2);
    const wide = await repartition('moved', 4);
    await native.demand('POST', `/v1/operations/${wide}:finish`);
    await settled(wide, 'FINISHED');
    const narrow = await repartition('moved', 3);
    await native.demand('POST', `/v1/operations/${narrow}:rollback`);
    await settled(narrow, 'ROLLED_BACK');
    const written = await writer.stop();
    const seen = await readers.stop();
    expect(sorted(seen)).toEqual(upTo(written));
    for (let key = 0; key < 7; key++) {
      const own = seen.filter((n) => n % 7 === key);
      expect(own, `key ${key}`).toEqual(sorted(own));
    }
  }, 120_000);

  it('that commit by themselves are told that offsets of before are stored no more, and get again what they had not committed', async () => {
    await native.demand('POST', '/v1/topics', { name: 'by-hand', partitions: 1 });
    const records = upTo(20).map((value) => ({ key: String(value), value }));
    await native.demand('POST', '/v1/topics/by-hand/records', { records });
    const at = await instance('h', 'hand', 'by-hand', { 'auto.commit.enable': 'false' });
    const first: Read[] = [];
    while (first.length === 0) first.push(...(await read(at, '&max_bytes=8')));
    await proxy.demand('POST', `${at}/offsets`);
    const second = await read(at, '&max_bytes=8');
    expect(second.length).toBeGreaterThan(0);
    await repartition('by-hand', 2);
    const late = await proxy.post(`${at}/offsets`, {
      offsets: [{ topic: 'by-hand', partition: 0, offset: second.at(-1)!.offset }],
    });
    expect(late.status).toBeGreaterThanOrEqual(400);
    const rest: number[] = [];
    for (let quiet = 0; quiet < 5;) {
      const found = await read(at);
      rest.push(...found.map(({ value }) => value));
      quiet = found.length === 0 ? quiet + 1 : 0;
    }
    expect(sorted([...first.map(({ value }) => value), ...rest])).toEqual(upTo(20));
    await proxy.demand('POST', `${at}/offsets`);
  }, 60_000);
});
