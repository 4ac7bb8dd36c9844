import { HttpClient, overHttp, type Method } from '#libs/platform/testing';
import { type Kept, type Sent, ThinnedHistory } from './thinned-history.js';

/** Each client writes to a partition of its own, so that it knows the order of what it sent. */
const PARTITIONS = 2;
/** Segments are closed by the next append: each holds little, and there is something to compact and to drop at every look. */
const SMALL = { 'segment.ms': '1' };
const RETAINED_BYTES = 20_000;
const KEYS = 5;

/** A request that got no answer: the process died under it. */
class NoAnswer extends Error {}

interface Produced {
  readonly results: readonly ({ readonly offset: string } | { readonly error: { readonly code: string } })[];
}

interface PartitionView {
  readonly startOffset: string;
  readonly sizeBytes: number;
}

/** Clients whose records go by right: of a compacted topic, and of one that keeps so many bytes and is deleted from. {@link problems} holds the service to what may not go. */
export class ThinningClients {
  readonly #compacted = Array.from({ length: PARTITIONS }, () => new ThinnedHistory());
  readonly #retained = Array.from({ length: PARTITIONS }, () => new ThinnedHistory());
  /** Where the retained topic began at least, and what deletions may have come to at most, by partition. */
  readonly #starts = Array.from({ length: PARTITIONS }, () => ({ seen: 0, asked: 0 }));
  #number = 0;

  /** Once, before the first round. */
  async setUp(base: string): Promise<void> {
    const compact = {
      ...SMALL,
      'cleanup.policy': 'compact',
      'min.cleanable.dirty.ratio': '0',
      'delete.retention.ms': '0',
    };
    await demand(base, 'POST', '/v1/topics', { name: 'compacted', partitions: PARTITIONS, config: compact });
    const retain = { ...SMALL, 'retention.bytes': String(RETAINED_BYTES) };
    await demand(base, 'POST', '/v1/topics', { name: 'retained', partitions: PARTITIONS, config: retain });
  }

  get acknowledged(): number {
    return [...this.#compacted, ...this.#retained].reduce((sum, one) => sum + one.acknowledged, 0);
  }

  /** All clients at work until the signal aborts or the service is gone. Resolves when each has ended. */
  async work(base: string, signal: AbortSignal): Promise<void> {
    const clients = Array.from({ length: PARTITIONS }, (_, partition) => [
      this.#overwrite(base, partition, signal),
      this.#fill(base, partition, signal),
    ]);
    const results = await Promise.allSettled([...clients.flat(), this.#delete(base, signal)]);
    for (const result of results) {
      if (result.status === 'rejected' && !(result.reason instanceof NoAnswer)) throw result.reason as Error;
    }
  }

  async #overwrite(base: string, partition: number, signal: AbortSignal): Promise<void> {
    const history = this.#compacted[partition]!;
    while (!signal.aborted) {
      const records = Array.from({ length: 3 }, () => {
        const number = this.#number++;
        return { key: `k${number % KEYS}`, number: number % 7 === 0 ? null : number };
      });
      await produce(base, 'compacted', partition, history, records);
      await pause(2);
    }
  }

  async #fill(base: string, partition: number, signal: AbortSignal): Promise<void> {
    const history = this.#retained[partition]!;
    while (!signal.aborted) {
      const records = Array.from({ length: 3 }, () => ({ key: 'k', number: this.#number++ }));
      await produce(base, 'retained', partition, history, records);
      await pause(2);
    }
  }

  /** Deletes the older half of what there is, again and again. */
  async #delete(base: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { partitions } = await demand<{ partitions: (PartitionView & { endOffset: string })[] }>(
        base,
        'GET',
        '/v1/topics/retained',
      );
      for (const [partition, { startOffset, endOffset }] of partitions.entries()) {
        const offset = Math.floor((Number(startOffset) + Number(endOffset)) / 2);
        const start = this.#starts[partition]!;
        start.asked = Math.max(start.asked, offset);
        const { partitions: answers } = await demand<{ partitions: { newStartOffset: string }[] }>(
          base,
          'POST',
          '/v1/topics/retained:delete-records',
          { positions: [{ partition, offset: String(offset) }] },
        );
        start.seen = Math.max(start.seen, Number(answers[0]!.newStartOffset));
      }
      await pause(20);
    }
  }

  /** Everything in which the service contradicts what it acknowledged, taking what goes by right for gone. */
  async problems(base: string): Promise<string[]> {
    const problems: string[] = [];
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const compacted = await read(base, 'compacted', partition);
      problems.push(...this.#compacted[partition]!.ofCompacted(compacted));
      const { partitions } = await demand<{ partitions: PartitionView[] }>(base, 'GET', '/v1/topics/retained');
      const { startOffset, sizeBytes } = partitions[partition]!;
      const [start, known] = [Number(startOffset), this.#starts[partition]!];
      problems.push(...this.#retained[partition]!.ofBeginningAt(start, await read(base, 'retained', partition)));
      if (start < known.seen) problems.push(`retained/${partition} begins at ${start} again, was ${known.seen}`);
      if (start > known.asked && sizeBytes < RETAINED_BYTES) {
        problems.push(
          `retained/${partition} keeps ${sizeBytes} bytes only, begins at ${start}, ${known.asked} was asked`,
        );
      }
      known.seen = start;
    }
    return problems;
  }
}

async function produce(
  base: string,
  topic: string,
  partition: number,
  history: ThinnedHistory,
  given: readonly { readonly key: string; readonly number: number | null }[],
): Promise<void> {
  const sent: Sent[] = given.map(({ key, number }) => history.note(key, number));
  const records = given.map(({ key, number }) => {
    return { partition, key, value: number === null ? null : { number, filler: 'x'.repeat(300) } };
  });
  const { results } = await demand<Produced>(base, 'POST', `/v1/topics/${topic}/records`, { records });
  results.forEach((result, i) => {
    if ('error' in result) throw new Error(`a record was refused: ${result.error.code}`);
    sent[i]!.offset = Number(result.offset);
  });
}

async function read(base: string, topic: string, partition: number): Promise<Kept[]> {
  interface Page {
    readonly records: readonly { offset: string; key: string; value: { number: number } | null }[];
    readonly next: string;
    readonly atEnd: boolean;
  }
  const found: Kept[] = [];
  for (let query = `from=start&partition=${partition}`; ;) {
    const page = await demand<Page>(base, 'GET', `/v1/topics/${topic}/records?${query}&limit=10000`);
    for (const { offset, key, value } of page.records) {
      found.push({ offset: Number(offset), key, number: value === null ? null : value.number });
    }
    if (page.atEnd) return found;
    query = `cursor=${page.next}`;
  }
}

async function demand<T>(base: string, method: Method, path: string, body?: unknown): Promise<T> {
  const client = new HttpClient(overHttp(() => base));
  const answer = await client.ask<T>(method, path, body).catch((cause: unknown) => {
    throw new NoAnswer(`${method} ${path}`, { cause });
  });
  if (answer.status >= 400) throw new Error(`${method} ${path} → ${answer.status} ${answer.text}`);
  return answer.json;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
