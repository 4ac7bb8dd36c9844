import { expect } from 'vitest';
import { ServerProcess } from '#libs/platform/testing';

/** Members of the answers that these tests look at. */
export interface Body {
  readonly id: string;
  readonly operation: string;
  readonly state: string;
  readonly digest: string;
  readonly code: string;
  readonly items: readonly { readonly id: string; readonly offset: string }[];
  readonly records: readonly { readonly offset: string }[];
  readonly results: readonly { readonly offset: string }[];
  readonly lease: { readonly id: string };
  readonly verification: { readonly sound: boolean; readonly problems: readonly string[] } | null;
}

export interface Launch {
  readonly env?: Record<string, string>;
  readonly args?: readonly string[];
}

const SCHEMA = JSON.stringify({
  type: 'record',
  name: 'O',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'n', type: 'int' },
  ],
});

/** A service as a process, with a directory for backups, that can be filled with everything a backup has to keep. */
export class BackedUpService {
  #server: ServerProcess | undefined;

  constructor(
    /** Directory it works in. */
    private readonly cwd: string,
    /** Its directory for backups, below. */
    private readonly backups = 'backups',
  ) {}

  get server(): ServerProcess {
    return this.#server!;
  }

  /** Starts it on a data directory. */
  async start(data: string, more: Launch = {}): Promise<void> {
    this.#server = await ServerProcess.start(this.launch(data, more));
  }

  launch(data: string, { env, args = [] }: Launch = {}) {
    return {
      cwd: this.cwd,
      env: {
        WEIR_DATA_DIR: data,
        WEIR_BACKUPS_DIRECTORY: this.backups,
        WEIR_LOG_SEGMENT_BYTES: '1MiB',
        WEIR_LOG_CHECKPOINT_BYTES: '1MiB',
        WEIR_LOG_RETENTION_CHECK_MS: '100',
        ...env,
      },
      args,
    };
  }

  async kill(): Promise<void> {
    await this.#server?.kill();
  }

  async call(method: string, path: string, body?: unknown): Promise<{ status: number; body: Body }> {
    const response = await fetch(`${this.server.url}${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Body };
  }

  /** As {@link call}, for what has to succeed. */
  async done(method: string, path: string, body?: unknown): Promise<Body> {
    const answer = await this.call(method, path, body);
    expect([path, answer.status < 300, answer.body]).toEqual([path, true, answer.body]);
    return answer.body;
  }

  /** @returns the state that an operation ends in. */
  async ended(operation: string): Promise<string> {
    for (;;) {
      const { state } = (await this.call('GET', `/v1/operations/${operation}`)).body;
      if (['FINISHED', 'FAILED', 'CANCELLED'].includes(state)) return state;
      await pause();
    }
  }

  /** Takes a backup. @returns its id. */
  async take(): Promise<string> {
    const { id, operation } = await this.done('POST', '/v1/backups', {});
    expect(await this.ended(operation)).toBe('FINISHED');
    return id;
  }

  /** Resolves when the service has topics: it has become what was restored. */
  async untilRestored(): Promise<void> {
    for (;;) {
      const topics = await this.call('GET', '/v1/topics').catch(() => undefined);
      if (topics?.status === 200 && topics.body.items.length > 0) return;
      await pause();
    }
  }

  /** Records with schemas, a group, a protected topic, a deleted one, a view. */
  async fill(): Promise<void> {
    await this.done('POST', '/v1/topics', { name: 'orders', partitions: 3 });
    await this.done('POST', '/v1/topics', { name: 'gone', partitions: 1 });
    await this.done('POST', '/subjects/orders-value/versions', { schema: SCHEMA });
    for (let n = 0; n < 20; n++) await this.#write('orders', 200, (i) => ({ id: 'x'.repeat(500), n: n * 200 + i }));
    await this.done('PUT', '/v1/groups/billing/positions', {
      positions: [{ topic: 'orders', partition: 1, offset: '7' }],
    });
    await this.done('PUT', '/v1/views/counts', {
      source: { topic: 'orders', mode: 'events' },
      key: { key: { from: 'key', type: 'text' } },
      columns: { records: { aggregate: 'count' } },
    });
    await this.done('DELETE', '/v1/topics/gone');
    await this.done('POST', '/v1/topics/orders:protect');
  }

  /**
   * What the log remembers beside records in a row: a compacted topic with a tombstone, a topic of which retention took the beginning, one of which a person did, requests with a
   * key, a lease with something in hand and something acknowledged, a frozen topic, and one that is deleted with records and positions.
   */
  async fillWithState(): Promise<void> {
    await this.done('POST', '/v1/topics', { name: 'prices', partitions: 1, config: { 'cleanup.policy': 'compact' } });
    for (let n = 0; n < 16; n++) await this.#write('prices', 200, () => 'x'.repeat(600));
    await this.#write('prices', 1, () => null);
    await this.#until('/v1/topics/prices/records?from=start&limit=10000', ({ records }) => records.length < 3_201);
    const settings = { 'retention.bytes': '1', 'segment.bytes': '1048576' };
    await this.done('POST', '/v1/topics', { name: 'recent', partitions: 1, config: settings });
    for (let n = 0; n < 16; n++) await this.#write('recent', 200, () => 'x'.repeat(600));
    await this.#until('/v1/topics/recent/records?from=start&limit=1', ({ records }) => records[0]?.offset !== '0');
    await this.done('POST', '/v1/topics', { name: 'trimmed', partitions: 1 });
    await this.#write('trimmed', 10, (i) => i);
    await this.done('POST', '/v1/topics/trimmed:delete-records', { positions: [{ partition: 0, offset: '4' }] });
    await this.done('POST', '/v1/topics', { name: 'produced', partitions: 1 });
    expect(await this.produceOnce()).toMatchObject({ status: 200, replayed: null });
    await this.done('POST', '/v1/topics', { name: 'mails', partitions: 1 });
    await this.#write('mails', 5, (i) => i);
    const { lease } = await this.done('POST', '/v1/groups/mailers/leases', {
      topics: ['mails'],
      maxRecords: 3,
      visibilityMs: 600_000,
    });
    await this.done('GET', `/v1/leases/${lease.id}/records`);
    const acknowledged = [{ topic: 'mails', partition: 0, offset: '1' }];
    await this.done('POST', `/v1/leases/${lease.id}:ack`, { records: acknowledged });
    await this.done('POST', `/v1/leases/${lease.id}:release`);
    await this.done('POST', '/v1/topics', { name: 'ledger', partitions: 1 });
    await this.#write('ledger', 3, (i) => i);
    await this.done('POST', '/v1/topics/ledger:freeze');
    await this.done('POST', '/v1/topics', { name: 'old', partitions: 1 });
    await this.#write('old', 3, (i) => i);
    await this.done('PUT', '/v1/groups/readers/positions', {
      positions: [{ topic: 'old', partition: 0, offset: '2' }],
    });
    await this.done('DELETE', '/v1/topics/old');
  }

  /** Sends the same request with an idempotency key. */
  async produceOnce(): Promise<{ status: number; replayed: string | null; offset: string | undefined }> {
    const response = await fetch(`${this.server.url}/v1/topics/produced/records`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'once' },
      body: JSON.stringify({ records: [{ key: 'k', value: 'once' }] }),
    });
    const { results } = (await response.json()) as Body;
    return {
      status: response.status,
      replayed: response.headers.get('idempotency-replayed'),
      offset: results?.[0]?.offset,
    };
  }

  /** What users can see, in one text. */
  async world(): Promise<string> {
    const seen: unknown[] = [];
    const topics = (await this.done('GET', '/v1/topics')).items as unknown as readonly { readonly name: string }[];
    for (const path of [
      '/v1/topics?deleted=true',
      '/subjects',
      '/subjects/orders-value/versions/1',
      '/schemas/ids/1',
      '/v1/groups',
      '/v1/groups/billing',
      ...topics.flatMap(({ name }) => [`/v1/topics/${name}`, `/v1/topics/${name}/records?from=start&limit=10000`]),
    ])
      seen.push([path, (await this.call('GET', path)).body]);
    // Compatibility verdicts are the registry's, too.
    const narrower = JSON.stringify({ type: 'record', name: 'O', fields: [{ name: 'id', type: 'int' }] });
    const judged = '/compatibility/subjects/orders-value/versions/latest';
    seen.push((await this.call('POST', judged, { schema: narrower })).body);
    // A cursor is signed by the instance that gave it, and lag in seconds grows by itself.
    const passing = new Set(['next', 'lagSeconds']);
    return JSON.stringify(seen, (key, value: unknown) => (passing.has(key) ? undefined : value), 1);
  }

  async #write(topic: string, count: number, value: (i: number) => unknown): Promise<void> {
    const records = Array.from({ length: count }, (_, i) => ({ key: `k${i % 17}`, value: value(i) }));
    await this.done('POST', `/v1/topics/${topic}/records`, { records });
  }

  async #until(path: string, holds: (body: Body) => boolean): Promise<void> {
    while (!holds(await this.done('GET', path))) await pause();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
