import { HttpClient, overHttp, type Method } from '#libs/platform/testing';
import { ProducerHistory, type Found } from './history.js';

const TOPIC = 'orders';
/**
 * Between two requests of a producer. Without it what is copied and judged grows with whatever the machine can take, and the rounds are mostly that.
 */
const PRODUCER_PAUSE_MS = 5;
const SCHEMA_PAGE = 1_000;

/** A request that got no answer: the process died under it. What it asked for may have been done. */
class NoAnswer extends Error {}

async function call<T>(
  base: string,
  method: Method,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: T }> {
  try {
    const { status, json } = await new HttpClient(overHttp(() => base)).ask<T>(method, path, body);
    return { status, body: json };
  } catch (cause) {
    throw new NoAnswer(`${method} ${path}`, { cause });
  }
}

interface Produced {
  readonly results: readonly (
    { readonly offset: string; readonly partition: number } | { readonly error: { readonly code: string } }
  )[];
}

interface Operation {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
}

const SETTLED = new Set(['FINISHED', 'CANCELLED', 'ROLLED_BACK']);

/**
 * Clients of every kind, which go on over kills of the service. They write down what they were promised and nothing else; {@link problems} holds
 * the service to it.
 */
export class Clients {
  readonly history = new ProducerHistory();
  /** Subject to the id its registration answered. */
  readonly #schemas = new Map<string, number>();
  readonly #operations = new Set<string>();
  /** Last position of the group that was acknowledged, and the highest one that was ever sent. */
  #position = { acknowledged: -1, sent: -1 };
  #numbers = new Map<string, number>();
  #subjects = 0;
  #targets = 0;
  #live: string | undefined;

  /** Topic, schema, view: what the clients work on. Once, before the first round. */
  async setUp(base: string): Promise<void> {
    await this.#demand(base, 'POST', '/v1/topics', { name: TOPIC, partitions: 3 });
    await this.#demand(base, 'PUT', '/v1/views/counts', {
      source: { topic: TOPIC, mode: 'events' },
      key: { key: { from: 'value.key', type: 'text' } },
      columns: { records: { aggregate: 'count' }, highest: { aggregate: 'max', of: 'value.number', type: 'integer' } },
    });
    await this.#demand(base, 'POST', '/v1/derivations', { kind: 'latest', source: TOPIC, name: 'latest-orders' });
  }

  /** All clients at work until the signal aborts or the service is gone. Resolves when each has ended. */
  async work(base: string, signal: AbortSignal): Promise<void> {
    const clients = [
      ...[0, 1, 2, 3].map((n) => this.#produce(base, n, signal)),
      this.#register(base, signal),
      this.#commitPositions(base, signal),
      this.#repartition(base, signal),
    ];
    const results = await Promise.allSettled(clients);
    for (const result of results) {
      if (result.status === 'rejected' && !(result.reason instanceof NoAnswer)) throw result.reason as Error;
    }
  }

  async #produce(base: string, producer: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const records = [0, 1, 2, 3, 4].map((n) => {
        const key = `p${producer}-${n % 3}`;
        const number = this.#numbers.get(key) ?? 0;
        this.#numbers.set(key, number + 1);
        return { key, value: { key, number, filler: 'x'.repeat(200) } };
      });
      // Until an answer comes nobody knows.
      for (const { key, value } of records) this.history.note(key, value.number, 'unknown');
      const { status, body } = await call<Produced>(base, 'POST', `/v1/topics/${TOPIC}/records`, { records });
      if (status !== 200) throw new Error(`a write was refused: ${JSON.stringify(body)}`);
      body.results.forEach((result, index) => {
        if ('error' in result) throw new Error(`a record was refused: ${result.error.code}`);
        this.history.note(records[index]!.key, records[index]!.value.number, 'acknowledged');
      });
      await pause(PRODUCER_PAUSE_MS);
    }
  }

  async #register(base: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const subject = `crash-${this.#subjects++}`;
      const schema = JSON.stringify({
        type: 'record',
        name: 'R',
        fields: [{ name: `f${this.#subjects}`, type: 'int' }],
      });
      const { status, body } = await call<{ id: number }>(base, 'POST', `/subjects/${subject}/versions`, { schema });
      if (status !== 200) throw new Error(`a registration was refused: ${JSON.stringify(body)}`);
      this.#schemas.set(subject, body.id);
      await pause(20);
    }
  }

  async #commitPositions(base: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { body: topic } = await call<{ partitions: { endOffset: string }[] }>(base, 'GET', '/v1/topics/marks');
      const end = Number(topic.partitions?.[0]?.endOffset ?? 0);
      const next = Math.max(this.#position.sent, -1) + 1;
      if (next >= end) {
        const { status, body } = await call(base, 'POST', '/v1/topics/marks/records', {
          records: Array.from({ length: 20 }, (_, n) => ({ value: n })),
        });
        if (status === 404) await call(base, 'POST', '/v1/topics', { name: 'marks', partitions: 1 });
        else if (status !== 200) throw new Error(`a write was refused: ${JSON.stringify(body)}`);
        continue;
      }
      this.#position.sent = next;
      const { status, body } = await call(base, 'PUT', '/v1/groups/readers/positions', {
        positions: [{ topic: 'marks', partition: 0, offset: String(next) }],
      });
      if (status !== 200) throw new Error(`a position was refused: ${JSON.stringify(body)}`);
      this.#position.acknowledged = next;
      await pause(5);
    }
  }

  /** Repartitions the topic again and again, one operation after another, each finished before the next. */
  async #repartition(base: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#live === undefined) {
        const partitions = [5, 3, 4, 6][this.#targets++ % 4]!;
        const plan = await call<{ hash: string }>(base, 'POST', '/v1/repartitions/plans', {
          topic: TOPIC,
          target: { partitions },
          cutover: { mode: 'auto', maxPauseMs: 20_000 },
          reverseTail: this.#targets % 2 === 0,
        });
        if (plan.status !== 201) throw new Error(`a plan was refused: ${JSON.stringify(plan.body)}`);
        const started = await call<Operation>(base, 'POST', '/v1/operations', { planHash: plan.body.hash });
        if (started.status === 409) {
          // An operation whose start got no answer runs: take it over.
          const { body } = await call<{ items: Operation[] }>(base, 'GET', '/v1/operations?live=true');
          this.#live = body.items[0]?.id;
        } else if (started.status !== 202) throw new Error(`a start was refused: ${JSON.stringify(started.body)}`);
        else {
          this.#live = started.body.id;
          this.#operations.add(started.body.id);
        }
      } else {
        const { body } = await call<Operation>(base, 'GET', `/v1/operations/${this.#live}`);
        if (SETTLED.has(body.state)) this.#live = undefined;
        else if (body.state === 'FAILED' || body.state === 'BLOCKED')
          throw new Error(`operation ${body.id} is ${body.state}: ${body.reason}`);
        else if (body.state === 'SWITCHED') await call(base, 'POST', `/v1/operations/${body.id}:finish`);
      }
      await pause(10);
    }
  }

  /** Lets running operations come to their end. */
  async settle(base: string): Promise<void> {
    const deadline = performance.now() + 60_000;
    for (;;) {
      const { body } = await call<{ items: Operation[] }>(base, 'GET', '/v1/operations?live=true');
      const live = body.items[0];
      if (live === undefined) return;
      if (live.state === 'FAILED' || live.state === 'BLOCKED')
        throw new Error(`operation ${live.id} is ${live.state}: ${live.reason}`);
      if (live.state === 'SWITCHED') await call(base, 'POST', `/v1/operations/${live.id}:finish`);
      if (performance.now() > deadline) throw new Error(`operation ${live.id} does not end: ${JSON.stringify(live)}`);
      await pause(20);
    }
  }

  /** Everything in which the service contradicts what it acknowledged. Empty when all is well. */
  async problems(base: string): Promise<string[]> {
    const found = await this.#readAll(base);
    return [
      ...this.history.contradictions(found),
      ...(await this.#schemaProblems(base)),
      ...(await this.#positionProblems(base)),
      ...(await this.#operationProblems(base)),
      ...(await this.#viewProblems(base, found)),
      ...(await this.#latestProblems(base, found)),
    ];
  }

  async #readAll(base: string): Promise<Found[]> {
    interface Page {
      readonly records: readonly { partition: number; offset: string; value: { key: string; number: number } }[];
      readonly next: string;
      readonly atEnd: boolean;
    }
    let found: Found[] = [];
    let query = 'from=start';
    for (;;) {
      const { status, body } = await call<Page>(base, 'GET', `/v1/topics/${TOPIC}/records?${query}&limit=10000`);
      if (status === 410) {
        // A cutover came in between: what was read so far belongs to the generation before.
        found = [];
        query = 'from=start';
        continue;
      }
      if (status !== 200) throw new Error(`a read was refused: ${status} ${JSON.stringify(body)}`);
      for (const { partition, offset, value } of body.records) {
        found.push({ partition, offset: Number(offset), key: value.key, number: value.number });
      }
      if (body.atEnd) return found;
      query = `cursor=${body.next}`;
    }
  }

  async #schemaProblems(base: string): Promise<string[]> {
    const problems: string[] = [];
    const found = await this.#latestSchemas(base);
    const ids = new Set<number>();
    for (const [subject, id] of this.#schemas) {
      if (found.get(subject) !== id) problems.push(`schema of ${subject} was id ${id}, now ${found.get(subject)}`);
      if (ids.has(id)) problems.push(`schema id ${id} was given twice`);
      ids.add(id);
    }
    return problems;
  }

  /** Ids of the latest versions of all subjects. Read as a list: a request each would be most of a judgement after some rounds. */
  async #latestSchemas(base: string): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (;;) {
      const path = `/schemas?latestOnly=true&limit=${SCHEMA_PAGE}&offset=${found.size}`;
      const page = await this.#demand<{ subject: string; id: number }[]>(base, 'GET', path);
      for (const { subject, id } of page) found.set(subject, id);
      if (page.length < SCHEMA_PAGE) return found;
    }
  }

  async #positionProblems(base: string): Promise<string[]> {
    if (this.#position.acknowledged < 0) return [];
    const group = await this.#demand<{ positions: { offset: string }[] }>(base, 'GET', '/v1/groups/readers');
    const at = Number(group.positions[0]?.offset ?? -1);
    const { acknowledged, sent } = this.#position;
    return at >= acknowledged && at <= sent ? [] : [`the group's position is ${at}, acknowledged was ${acknowledged}`];
  }

  async #operationProblems(base: string): Promise<string[]> {
    const problems: string[] = [];
    for (const id of this.#operations) {
      const { status } = await call(base, 'GET', `/v1/operations/${id}`);
      if (status !== 200) problems.push(`operation ${id} was acknowledged and answers ${status}`);
    }
    return problems;
  }

  /** The view counts each record of the log once (it is compared with the log, which was compared with the clients). */
  async #viewProblems(base: string, found: readonly Found[]): Promise<string[]> {
    const expected = new Map<string, { records: number; highest: number }>();
    for (const { key, number } of found) {
      const known = expected.get(key) ?? { records: 0, highest: -1 };
      expected.set(key, { records: known.records + 1, highest: Math.max(known.highest, number) });
    }
    return this.#eventually(async () => {
      const { rows } = await this.#demand<{ rows: { key: string; records: number; highest: number }[] }>(
        base,
        'GET',
        '/v1/views/counts/rows?limit=1000',
      );
      const wrong = rows.filter(
        (row) => expected.get(row.key)?.records !== row.records || expected.get(row.key)?.highest !== row.highest,
      );
      const missing = rows.length === expected.size ? [] : [`the view has ${rows.length} rows, not ${expected.size}`];
      return [
        ...wrong.map((row) => `the view says ${JSON.stringify(row)}, the log ${JSON.stringify(expected.get(row.key))}`),
        ...missing,
      ];
    });
  }

  async #latestProblems(base: string, found: readonly Found[]): Promise<string[]> {
    const expected = new Map<string, number>();
    for (const { key, number } of found) expected.set(key, Math.max(expected.get(key) ?? -1, number));
    return this.#eventually(async () => {
      const { items } = await this.#demand<{ items: { key: string; value: { number: number } }[] }>(
        base,
        'GET',
        '/v1/topics/latest-orders/latest?limit=1000',
      );
      const wrong = items
        .filter(({ key, value }) => expected.get(key) !== value.number)
        .map(({ key, value }) => `the latest of ${key} is ${value.number}, not ${expected.get(key)}`);
      return items.length === expected.size
        ? wrong
        : [...wrong, `the latest stream has ${items.length} keys, not ${expected.size}`];
    });
  }

  /** Problems that are still there after a while: derived state follows the log with a delay. */
  async #eventually(check: () => Promise<string[]>): Promise<string[]> {
    const deadline = performance.now() + 20_000;
    for (;;) {
      const problems = await check();
      if (problems.length === 0 || performance.now() > deadline) return problems;
      await pause(50);
    }
  }

  async #demand<T>(base: string, method: Method, path: string, body?: unknown): Promise<T> {
    const answer = await call<T>(base, method, path, body);
    if (answer.status >= 400) throw new Error(`${method} ${path} → ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
