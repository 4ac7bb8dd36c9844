import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import { parsePositionToken } from '#libs/core/log';
import { DataPlaneCalls } from '#libs/features/records/testing';
import type { RowsView } from '#libs/features/views';
import { overHttp, ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';

/** Longest wait for work that goes on beside a test. */
export const SOON = { timeout: 240_000, interval: 20 };

/** Of the topic. */
export const PARTITIONS = 2;
/** Keys come again after so many orders; each partition has some of them. */
const KEYS = 50;

/** Counts every record: one taken in twice, or not at all, shows. */
const COUNTED = {
  source: { topic: 'orders', mode: 'events' },
  key: { country: { from: 'value.country', type: 'text' } },
  columns: { orders: { aggregate: 'count' }, cents: { aggregate: 'sum', of: 'value.cents', type: 'integer' } },
};
/** What is counted is taken back when a record of its key follows. */
const PRESENT = { ...COUNTED, source: { topic: 'orders' } };
const ROWS = {
  source: { topic: 'orders' },
  columns: { id: { from: 'key', type: 'text' }, cents: { from: 'value.cents', type: 'integer' } },
};
/** The same with a column of what no order had so far. */
const WIDER = { ...ROWS, columns: { ...ROWS.columns, coupon: { from: 'value.coupon', type: 'text' } } };
export const VIEWS = { counted: COUNTED, present: PRESENT, rows: ROWS };

interface Order {
  readonly key: string;
  readonly value: { readonly country: string; readonly cents: number };
}

/** A service with three views of one topic, which is killed and started again on the same directory. */
export class KilledViews {
  server!: ServerProcess;
  readonly client = new DataPlaneCalls(overHttp(() => this.server.url));
  #ordered = 0;

  private constructor(
    readonly directory: TemporaryDirectory,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  static async open(env: Readonly<Record<string, string>> = {}): Promise<KilledViews> {
    return new KilledViews(await temporaryDirectory(), env);
  }

  /** @param failPoint where the process kills itself */
  async start(failPoint?: string): Promise<void> {
    const env = failPoint === undefined ? this.env : { ...this.env, WEIR_FAIL_POINT: failPoint };
    this.server = await ServerProcess.start({ cwd: this.directory.path, env });
  }

  async close(): Promise<void> {
    await this.server?.stop();
    await this.directory.remove();
  }

  async declare(): Promise<void> {
    await this.client.topic('orders', PARTITIONS);
    for (const [name, view] of Object.entries(VIEWS)) await this.client.demand('PUT', `/v1/views/${name}`, view);
  }

  /** Keys come again and again, in other countries. @returns the token of what was acknowledged. @throws when the process dies meanwhile: then the log may have them, or not. */
  async order(count: number, more: readonly object[] = []): Promise<string> {
    const from = this.#ordered;
    this.#ordered += count;
    const orders = Array.from({ length: count }, (_, place): Order => {
      const n = from + place;
      return { key: `o${n % KEYS}`, value: { country: ['NO', 'IT', 'PT'][n % 3]!, cents: n } };
    });
    const { status, json } = await this.client.produce('orders', [...orders, ...more]);
    expect(status).toBe(200);
    return json.token!;
  }

  /** What the views are by what is in the log. @param without records of these keys */
  async expected(without: readonly string[] = []): Promise<Readonly<Record<keyof typeof VIEWS, readonly unknown[]>>> {
    const orders: Order[] = [];
    for (let query = 'from=start&limit=1000'; ;) {
      const { records, next } = await this.client.page('orders', query);
      orders.push(
        ...(records as unknown as Order[]).filter(
          ({ key, value }) => typeof value.cents === 'number' && !without.includes(key),
        ),
      );
      if (records.length < 1000) break;
      query = `cursor=${next}&limit=1000`;
    }
    const last = new Map(orders.map(({ key, value }) => [key, value]));
    const rows = [...last].map(([id, { cents }]) => ({ id, cents })).sort((a, b) => (a.id < b.id ? -1 : 1));
    return { counted: groups(orders.map((one) => one.value)), present: groups([...last.values()]), rows };
  }

  /** Declares the rows with a coupon, which changes the view in place. */
  widen(): Promise<{ readonly status: number; readonly json: unknown }> {
    return this.client.put('/v1/views/rows', WIDER);
  }

  /** Orders with and without coupons, and what is wrong with the view then: nothing when it has the coupon of each order that it shows, and all of its rows. */
  async couponsWrong(): Promise<unknown[]> {
    const orders = ['c1', 'c2'].map((key) => ({ key, value: { country: 'NO', cents: 1, coupon: key } }));
    const answers = await this.answers(await this.order(100, orders));
    const expected = await this.expected();
    const rows = answers['rows'] as { readonly id: string; readonly cents: number; readonly coupon: string | null }[];
    return [
      ...rows.filter(({ id, coupon }) => coupon !== (/^c/.test(id) ? id : null)),
      ...(isDeepStrictEqual(
        rows.map(({ id, cents }) => ({ id, cents })),
        expected.rows,
      )
        ? []
        : rows),
      ...(isDeepStrictEqual([answers['counted'], answers['present']], [expected.counted, expected.present])
        ? []
        : [answers]),
    ];
  }

  /** What the views say of everything that is in the log: of each partition a record is written, behind whatever a process that died has left there, and waited for. */
  async settled(): Promise<Readonly<Record<string, unknown>>> {
    const token = await this.order(KEYS);
    expect([...parsePositionToken(token).positions.keys()]).toHaveLength(PARTITIONS);
    return this.answers(token);
  }

  async answers(token: string): Promise<Readonly<Record<string, unknown>>> {
    const answers: Record<string, unknown> = {};
    for (const [name, order] of [
      ['counted', 'country'],
      ['present', 'country'],
      ['rows', 'id'],
    ]) {
      const path = `/v1/views/${name}/rows?order=${order}&limit=1000&at-least=${token}&wait=30s`;
      let answer = await this.client.get<RowsView>(path);
      // Longer than a request may wait: the lease of a process that died ends first, and a busy machine takes its time then.
      for (const until = performance.now() + SOON.timeout; answer.status === 504 && performance.now() < until;)
        answer = await this.client.get<RowsView>(path);
      answers[name!] = answer.status === 200 ? answer.json.rows : answer.json;
    }
    return answers;
  }
}

function groups(values: readonly Order['value'][]): unknown[] {
  return ['IT', 'NO', 'PT'].flatMap((country) => {
    const of = values.filter((value) => value.country === country);
    const cents = of.reduce((sum, value) => sum + value.cents, 0);
    return of.length === 0 ? [] : [{ country, orders: of.length, cents }];
  });
}
