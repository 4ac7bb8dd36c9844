import type { Method } from '#libs/platform/testing';
import { call, HONEST, NoAnswer } from './workload.js';

/** What a client knows of something it asked for. */
type Told = 'done' | 'refused' | 'unknown';

interface Write {
  readonly key: string;
  readonly value: string;
  told: Told;
  offset: number;
}

interface Found {
  readonly offset: string;
  readonly key: string | null;
  readonly value: { readonly value: string };
}

/** Records of one topic; six of them fill a segment. */
const RECORDS = 10;
const FILLER = 'x'.repeat(150_000);
/** Of a topic that loses its oldest: less than the records that follow its first segment. */
const RETAINED_BYTES = 300_000;
const DELETED_BEFORE = 3;

/** What the topics of a round become: compacted, cut by size, cut on request. */
const KINDS = {
  c: { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0' },
  r: { 'retention.bytes': String(RETAINED_BYTES) },
  d: {},
} as const;
type Kind = keyof typeof KINDS;

/**
 * A client whose topics lose records by compaction, by retention and on request, and which deletes topics; it remembers what it was told, and {@link problems} says in what the service
 * contradicts it.
 */
export class UpkeepWorkload {
  /** Answers that say neither that something was done nor honestly why not. */
  readonly dishonest: string[] = [];
  readonly #topics = new Map<string, Told>();
  readonly #writes = new Map<string, Write[]>();
  readonly #deletions = new Map<string, Told>();
  /** Topics that were asked to go for good. */
  readonly #removals = new Map<string, Told>();

  /** One round. Nothing it does throws; it ends early when the service is gone. */
  async round(url: string, number: number): Promise<void> {
    try {
      await this.#remove(url, `c${number - 1}`);
      await this.#remove(url, `r${number - 1}`);
      for (const kind of Object.keys(KINDS) as Kind[]) await this.#fill(url, kind, number);
      await this.#deleteRecords(url, `d${number}`);
    } catch (error) {
      ignoreNoAnswer(error);
    }
  }

  /** Whether everything of a round was done that upkeep needs: then a segment has to go, and one to be compacted. */
  hasWork(number: number): boolean {
    return ['c', 'r'].every((kind) => {
      const writes = this.#writes.get(`${kind}${number}`) ?? [];
      return writes.length === RECORDS && writes.every(({ told }) => told === 'done');
    });
  }

  /** Whether the topics of a round that upkeep works on are whole as far as the service knows. */
  async isSound(url: string, number: number): Promise<boolean> {
    for (const kind of ['c', 'r']) {
      const { body } = await call<{ partitions?: { health: string }[] }>(url, 'GET', `/v1/topics/${kind}${number}`);
      if (body.partitions?.[0]?.health !== 'ok') return false;
    }
    return true;
  }

  async #fill(url: string, kind: Kind, number: number): Promise<void> {
    const topic = `${kind}${number}`;
    this.#topics.set(topic, 'unknown');
    const config = KINDS[kind];
    this.#topics.set(topic, await this.#ask(url, 'POST', '/v1/topics', { name: topic, partitions: 1, config }));
    const writes: Write[] = [];
    this.#writes.set(topic, writes);
    for (let i = 0; i < RECORDS; i++) await this.#write(url, topic, writes, FILLER);
  }

  /** One record more in the topic of a round that is cut on request. */
  async append(url: string, number: number): Promise<void> {
    const topic = `d${number}`;
    const writes = this.#writes.get(topic);
    if (writes !== undefined) await this.#write(url, topic, writes, '').catch(ignoreNoAnswer);
  }

  async #write(url: string, topic: string, writes: Write[], filler: string): Promise<void> {
    const i = writes.length;
    const write: Write = { key: `k${i % 2}`, value: `${topic}/${i}`, told: 'unknown', offset: -1 };
    writes.push(write);
    const records = [{ key: write.key, value: { value: write.value, filler } }];
    const path = `/v1/topics/${topic}/records?atomic=true`;
    const { status, body } = await call<{ code?: string; results?: { offset?: string }[] }>(url, 'POST', path, {
      records,
    });
    const offset = body.results?.[0]?.offset;
    if (status === 200 && offset !== undefined) Object.assign(write, { told: 'done', offset: Number(offset) });
    else write.told = this.#refusal(`a write to ${topic}`, status, body.code);
  }

  async #deleteRecords(url: string, topic: string): Promise<void> {
    this.#deletions.set(topic, 'unknown');
    const path = `/v1/topics/${topic}:delete-records`;
    const positions = [{ partition: 0, offset: String(DELETED_BEFORE) }];
    const { status, body } = await call<{ code?: string; partitions?: { error?: { code: string } }[] }>(
      url,
      'POST',
      path,
      { positions },
    );
    const error = body.partitions?.[0]?.error?.code;
    // A topic of which too few records were written has no such offset.
    const asked = status === 200 && error !== undefined && error !== 'offset-out-of-range';
    const told = status === 200 && !asked ? 'done' : this.#refusal(`deleting in ${topic}`, status, error ?? body.code);
    this.#deletions.set(topic, error === 'offset-out-of-range' ? 'refused' : told);
  }

  async #remove(url: string, topic: string): Promise<void> {
    if (this.#topics.get(topic) !== 'done') return;
    this.#removals.set(topic, 'unknown');
    this.#removals.set(topic, await this.#ask(url, 'DELETE', `/v1/topics/${topic}?permanent=true`));
  }

  async #ask(url: string, method: Method, path: string, body?: unknown): Promise<Told> {
    const { status, body: answer } = await call<{ code?: string } | null>(url, method, path, body);
    return status < 300 ? 'done' : this.#refusal(`${method} ${path}`, status, answer?.code);
  }

  #refusal(what: string, status: number, code: string | undefined): Told {
    // Of a topic that was refused there is nothing to be had.
    if (code !== 'topic-not-found' && (code === undefined || !HONEST.has(code)))
      this.dishonest.push(`${what} was answered ${status} ${code}`);
    return code === 'outcome-unknown' ? 'unknown' : 'refused';
  }

  /** Everything in which the service contradicts what it said of the topics of a round and of those that were to go. */
  async problems(url: string, number: number): Promise<string[]> {
    const problems: string[] = [];
    for (const kind of Object.keys(KINDS) as Kind[])
      problems.push(...(await this.#problemsOf(url, kind, `${kind}${number}`)));
    for (const [topic, told] of this.#removals) {
      if (told === 'unknown') continue;
      const { status } = await call(url, 'GET', `/v1/topics/${topic}`);
      if ((status === 404) !== (told === 'done')) problems.push(`${topic} is ${status}; deleting it was ${told}`);
    }
    return problems;
  }

  async #problemsOf(url: string, kind: Kind, topic: string): Promise<string[]> {
    const created = this.#topics.get(topic);
    const { status } = await call(url, 'GET', `/v1/topics/${topic}`);
    if (status !== 200) return created === 'done' ? [`${topic} was created and is ${status}`] : [];
    if (created === 'refused') return [`${topic} was refused and is there`];
    const found = await this.#read(url, topic);
    // Behind the reading: records that retention takes meanwhile lie before the start that is told then.
    const { body } = await call<{ partitions: { startOffset: string; endOffset: string; health: string }[] }>(
      url,
      'GET',
      `/v1/topics/${topic}`,
    );
    const { startOffset, endOffset, health } = body.partitions[0]!;
    const problems = health === 'ok' ? [] : [`${topic} is ${health}`];
    if (typeof found === 'string') return [...problems, found];
    const [start, end] = [Number(startOffset), Number(endOffset)];
    const there = new Map(found.map(({ offset, key, value }) => [Number(offset), { key, value: value.value }]));
    const writes = this.#writes.get(topic) ?? [];
    const known = new Set(writes.filter(({ told }) => told !== 'refused').map(({ value }) => value));
    for (const { value } of there.values()) if (!known.has(value)) problems.push(`${value} has no reason to be there`);
    const newest = new Map(found.map(({ key, offset }) => [key, Number(offset)]));
    for (const { key, value, told, offset } of writes) {
      if (told !== 'done') continue;
      const one = there.get(offset);
      if (one !== undefined && one.value !== value) problems.push(`${topic}@${offset} is ${one.value}, not ${value}`);
      const mayBeGone = offset < start || (kind === 'c' && (newest.get(key) ?? -1) > offset);
      if (one === undefined && !mayBeGone) problems.push(`${value} is gone from ${topic}@${offset}`);
    }
    if (kind === 'c' && start !== 0) problems.push(`${topic} begins at ${start}`);
    // Of refused writes nothing is there, so that fewer may follow the first segment than were tried.
    const kept = (end - start) * FILLER.length;
    if (kind === 'r' && kept < Math.min(end * FILLER.length, RETAINED_BYTES))
      problems.push(`${topic} kept ${start} to ${end} only`);
    const deleted = this.#deletions.get(topic);
    if (kind === 'd' && deleted === 'done' && start !== DELETED_BEFORE) problems.push(`${topic} begins at ${start}`);
    if (kind === 'd' && deleted === 'refused' && start !== 0) problems.push(`${topic} begins at ${start}`);
    return problems;
  }

  async #read(url: string, topic: string): Promise<Found[] | string> {
    const found: Found[] = [];
    for (let query = 'from=start'; ;) {
      const { status, body } = await call<{ records: Found[]; next: string; atEnd: boolean }>(
        url,
        'GET',
        `/v1/topics/${topic}/records?${query}&limit=1000`,
      );
      if (status !== 200) return `reading ${topic} was answered ${status} ${JSON.stringify(body)}`;
      found.push(...body.records);
      if (body.atEnd) return found;
      query = `cursor=${body.next}`;
    }
  }
}

function ignoreNoAnswer(error: unknown): void {
  if (!(error instanceof NoAnswer)) throw error;
}
