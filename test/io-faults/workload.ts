import { HttpClient, overHttp, type Method } from '#libs/platform/testing';

/** What a client was told of one value it wrote. `unknown`: no answer, or one that says so. */
type Told = { readonly is: 'kept'; readonly offset: number } | { readonly is: 'refused' } | { readonly is: 'unknown' };

interface Written {
  readonly topic: string;
  readonly partition: number;
  readonly value: string;
  told: Told;
}

/** An answer of the produce route. */
interface Produced {
  readonly code?: string;
  readonly results?: readonly (
    { readonly offset: string; readonly partition: number } | { readonly error: { readonly code: string } }
  )[];
}

/** A request that got no answer: the process went under it. */
export class NoAnswer extends Error {}

/** Sends a request. @throws {NoAnswer} */
export async function call<T>(
  url: string,
  method: Method,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: T }> {
  try {
    const { status, json } = await new HttpClient(overHttp(() => url)).ask<T>(method, path, body);
    return { status, body: json };
  } catch (cause) {
    throw new NoAnswer(`${method} ${path}`, { cause });
  }
}

/** Refusals that a disk can be the reason of; `store-closed` comes from a service that is about to end. Anything else that is said of a call that failed is no honest answer. */
export const HONEST: ReadonlySet<string> = new Set([
  'storage-full',
  'outcome-unknown',
  'log-failed',
  'log-closed',
  'store-closed',
]);
/** Of them those after which nobody can tell. */
const UNKNOWN = new Set(['outcome-unknown']);

/** A value that makes its batch large: several of them in one commit go another way than small ones. */
const LARGE = 'x'.repeat(300_000);

/**
 * A client that does a bit of everything in rounds, and remembers what it was told; {@link problems} says in what the service contradicts it. Each round has a topic of its own, so that a
 * round looks like every other.
 */
export class Workload {
  /** Answers that say neither that something was done nor honestly why not. */
  readonly dishonest: string[] = [];
  readonly #written: Written[] = [];
  readonly #topics = new Map<string, 'there' | 'refused' | 'unknown'>();
  readonly #schemas = new Map<string, number | 'refused' | 'unknown'>();
  #position: { readonly topic: string; readonly known: number; readonly sent: number } | undefined;
  #checked = 0;
  acknowledged = 0;

  /** One round. Nothing it does throws; it ends early when the service is gone. */
  async round(url: string, number: number): Promise<void> {
    const topic = `t${number}`;
    try {
      await this.#createTopic(url, topic);
      await Promise.all([this.#produce(url, topic, 0, 3), this.#produce(url, topic, 1, 1)]);
      await this.#produce(url, topic, 0, 4, LARGE);
      await this.#commitPosition(url, topic);
      await this.#register(url, `s${number}`);
      await this.#produce(url, topic, 1, 1);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
    }
  }

  /** One record more in the topic of a round. */
  async append(url: string, number: number): Promise<void> {
    await this.#produce(url, `t${number}`, 1, 1).catch((error: unknown) => {
      if (!(error instanceof NoAnswer)) throw error;
    });
  }

  async #createTopic(url: string, topic: string): Promise<void> {
    this.#topics.set(topic, 'unknown');
    const { status, body } = await call<{ code?: string }>(url, 'POST', '/v1/topics', {
      name: topic,
      partitions: 2,
    });
    this.#topics.set(topic, status === 201 ? 'there' : this.#refusal(`creating ${topic}`, status, body.code));
  }

  /** Some records in one commit. */
  async #produce(url: string, topic: string, partition: number, count: number, filler = ''): Promise<void> {
    const notes = Array.from({ length: count }, (_, i): Written => {
      const value = `${topic}/${partition}/${this.#written.length + i}`;
      return { topic, partition, value, told: { is: 'unknown' } };
    });
    this.#written.push(...notes);
    const records = notes.map(({ value }) => ({ partition, value: { value, filler } }));
    const { status, body } = await call<Produced>(url, 'POST', `/v1/topics/${topic}/records?atomic=true`, {
      records,
    });
    notes.forEach((note, i) => {
      const result = body.results?.[i];
      if (status === 200 && result !== undefined && 'offset' in result) {
        note.told = { is: 'kept', offset: Number(result.offset) };
        this.acknowledged++;
      } else {
        const said = result !== undefined && 'error' in result ? result.error.code : body.code;
        if (said === 'topic-not-found' && this.#topics.get(topic) !== 'there') note.told = { is: 'refused' };
        else note.told = { is: this.#refusal(`a write to ${topic}`, status, said) };
      }
    });
  }

  async #commitPosition(url: string, topic: string): Promise<void> {
    const offset = 1;
    this.#position = { topic, known: 0, sent: offset };
    const { status, body } = await call<{ code?: string }>(url, 'PUT', `/v1/groups/g-${topic}/positions`, {
      positions: [{ topic, partition: 0, offset: String(offset) }],
    });
    if (status === 200) this.#position = { topic, known: offset, sent: offset };
    else if (body.code !== 'topic-not-found') this.#refusal(`a position in ${topic}`, status, body.code);
  }

  async #register(url: string, subject: string): Promise<void> {
    this.#schemas.set(subject, 'unknown');
    const { status, body } = await call<{ id?: number; error_code?: number }>(
      url,
      'POST',
      `/subjects/${subject}/versions`,
      { schema: JSON.stringify({ type: 'record', name: 'R', fields: [{ name: subject, type: 'int' }] }) },
    );
    this.#schemas.set(subject, status === 200 ? body.id! : 'unknown');
    // The registry's own protocol has one code for a store that cannot, and one for what is not known.
    if (status !== 200 && status !== 500 && status !== 503 && status !== 507) {
      this.dishonest.push(`registering ${subject} was answered ${status}: ${JSON.stringify(body)}`);
    }
  }

  #refusal(what: string, status: number, code: string | undefined): 'refused' | 'unknown' {
    if (code === undefined || !HONEST.has(code)) this.dishonest.push(`${what} was answered ${status} ${code}`);
    return UNKNOWN.has(code ?? '') ? 'unknown' : 'refused';
  }

  /**
   * Everything in which the service contradicts what it said since the last look, or ever where `all` is set: what was acknowledged is there at its place, what was refused is not, nothing is there
   * twice, and records of one commit are all there or none.
   */
  async problems(url: string, all = false): Promise<string[]> {
    const problems: string[] = [];
    const written = this.#written.slice(all ? 0 : this.#checked);
    const topics = new Set(written.map(({ topic }) => topic));
    for (const topic of topics) {
      const there = await this.read(url, topic);
      if (typeof there === 'string') {
        problems.push(there);
        continue;
      }
      const state = this.#topics.get(topic);
      if ((there === undefined) !== (state === 'refused') && state !== 'unknown')
        problems.push(`${topic} is not ${state}`);
      const places = new Map<string, string[]>();
      for (const { partition, offset, value } of there ?? []) {
        places.set(value, [...(places.get(value) ?? []), `${partition}@${offset}`]);
      }
      for (const { partition, value, told } of written.filter((one) => one.topic === topic)) {
        const found = places.get(value) ?? [];
        places.delete(value);
        if (found.length > 1) problems.push(`${value} is there ${found.length} times`);
        if (told.is === 'kept' && found[0] !== `${partition}@${told.offset}`) {
          problems.push(`${value} was acknowledged at ${told.offset} and is ${found[0] ?? 'gone'}`);
        }
        if (told.is === 'refused' && found.length > 0) problems.push(`${value} was refused and is there`);
      }
      for (const value of places.keys()) if (written.length > 0) problems.push(`${value} was never written`);
    }
    for (const [subject, id] of this.#schemas) {
      if (typeof id !== 'number') continue;
      const { status, body } = await call<{ id: number }>(url, 'GET', `/subjects/${subject}/versions/latest`);
      if (status !== 200 || body.id !== id) problems.push(`schema ${id} of ${subject} is ${status} ${body.id}`);
    }
    if (this.#position !== undefined && this.#topics.get(this.#position.topic) === 'there') {
      const { topic, known, sent } = this.#position;
      const path = `/v1/groups/g-${topic}`;
      const { body } = await call<{ positions?: { offset: string }[] }>(url, 'GET', path);
      const at = Number(body.positions?.[0]?.offset ?? 0);
      if (at !== known && at !== sent) problems.push(`the position in ${topic} is ${at}, acknowledged was ${known}`);
    }
    this.#checked = this.#written.length;
    return problems;
  }

  /** The records of a topic, undefined where it is not there, or why it cannot be read. */
  async read(
    url: string,
    topic: string,
  ): Promise<{ partition: number; offset: string; value: string }[] | string | undefined> {
    interface Page {
      readonly records: readonly { partition: number; offset: string; value: { value: string } }[];
      readonly next: string;
      readonly atEnd: boolean;
    }
    const found: { partition: number; offset: string; value: string }[] = [];
    for (let query = 'from=start'; ;) {
      const { status, body } = await call<Page>(url, 'GET', `/v1/topics/${topic}/records?${query}&limit=1000`);
      if (status === 404) return undefined;
      if (status !== 200) return `reading ${topic} was answered ${status} ${JSON.stringify(body)}`;
      for (const { partition, offset, value } of body.records) found.push({ partition, offset, value: value.value });
      if (body.atEnd) return found;
      query = `cursor=${body.next}`;
    }
  }
}
