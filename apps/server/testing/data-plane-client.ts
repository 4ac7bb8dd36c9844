/** A record as the read route shows it. */
export interface ShownRecord {
  readonly key: unknown;
  readonly value: unknown;
  readonly keyFormat: string;
  readonly valueFormat: string;
  readonly valueSchemaId?: number;
  readonly valueMessage?: string;
  readonly headers: readonly { readonly key: string; readonly value: unknown }[];
  readonly error?: string;
}

export interface Answer {
  readonly status: number;
  /** As sent: numbers that JavaScript would round can be looked for in it. */
  readonly text: string;
  readonly json: Record<string, unknown>;
}

/** Calls of the native data plane and the registry of a running service. */
export class DataPlaneClient {
  constructor(private readonly url: string) {}

  /** @param body text is sent as it is. */
  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const payload = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
    const response = await fetch(this.url + path, {
      method,
      headers: payload === undefined ? {} : { 'content-type': 'application/json' },
      ...(payload === undefined ? {} : { body: payload }),
    });
    const text = await response.text();
    return { status: response.status, text, json: JSON.parse(text) as Record<string, unknown> };
  }

  /** @returns the id. */
  async register(
    subject: string,
    schemaType: string,
    schema: string,
    references: readonly object[] = [],
  ): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`;
    const answer = await this.call('POST', path, { schemaType, schema, references });
    if (answer.status !== 200) throw new Error(`not registered: ${answer.text}`);
    return answer.json['id'] as number;
  }

  topic(name: string, partitions = 1): Promise<Answer> {
    return this.call('POST', '/v1/topics', { name, partitions });
  }

  produce(topic: string, records: readonly object[], more: object = {}): Promise<Answer> {
    return this.call('POST', `/v1/topics/${topic}/records`, { records, ...more });
  }

  /** Everything in the topic. @param query more of the query string. */
  async read(topic: string, query = ''): Promise<readonly ShownRecord[]> {
    const answer = await this.call('GET', `/v1/topics/${topic}/records?from=start&limit=1000${query}`);
    return answer.json['records'] as readonly ShownRecord[];
  }

  /** The bytes of the values in the topic. */
  async rawValues(topic: string): Promise<readonly Buffer[]> {
    return (await this.read(topic, '&format=binary')).map((record) => Buffer.from(String(record.value), 'base64'));
  }
}
