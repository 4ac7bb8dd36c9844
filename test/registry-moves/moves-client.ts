/** Answers are looked at member by member. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Body = any;

export interface Answer {
  readonly status: number;
  readonly body: Body;
}

export async function call(url: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? null : JSON.parse(text) };
}

/** A call that must succeed. */
export async function demand(url: string, method: string, path: string, body?: unknown): Promise<Body> {
  const answer = await call(url, method, path, body);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

export async function exported(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/registry-export`);
  return response.text();
}

/** Lines of a registry's file that the Confluent API tells of, too. */
export function told(file: string): string[] {
  return file.split('\n').filter((line) => /"kind":"(version|config|mode|association)"/.test(line));
}

/** The highest id that the default context gave out. */
export function highestId(file: string): number {
  return Number(/"context":"\.","lastId":(\d+)/.exec(file)![1]);
}

export async function uploaded(url: string, text: string): Promise<string> {
  const headers = { 'content-type': 'application/x-ndjson' };
  const response = await fetch(`${url}/v1/registry-imports/uploads`, { method: 'POST', headers, body: text });
  const body = (await response.json()) as Body;
  if (response.status !== 201) throw new Error(`upload: ${JSON.stringify(body)}`);
  return body.id;
}

/** Plans and starts. @returns the id of the operation. */
export async function started(url: string, request: unknown): Promise<string> {
  const plan = await demand(url, 'POST', '/v1/registry-imports/plans', request);
  return (await demand(url, 'POST', '/v1/operations', { planHash: plan.hash })).id;
}

/** Waits until the operation needs somebody or is over. */
export async function settled(url: string, id: string): Promise<Body> {
  for (;;) {
    const operation = await demand(url, 'GET', `/v1/operations/${id}`);
    if (/^(FINISHED|FAILED|BLOCKED|CANCELLED)$/.test(operation.state) || operation.hold) return operation;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const record = (name: string, field: string) =>
  JSON.stringify({ type: 'record', name, fields: [{ name: field, type: 'int', default: 0, doc: 'd'.repeat(200) }] });

/**
 * Records of a registry's topic: as many schemas as asked for, ten versions to a subject, every tenth referring to the subject before it, some deleted, two contexts.
 */
export function topicOf(schemas: number): string {
  const lines: string[] = [];
  const put = (key: object, value: object | null) => lines.push(`${JSON.stringify(key)}\t${JSON.stringify(value)}`);
  for (let n = 0; n < schemas; n++) {
    const place = Math.floor(n / 10);
    const context = place % 10 === 9 ? ':.other:' : '';
    const subject = `${context}subject-${String(place).padStart(4, '0')}`;
    const version = (n % 10) + 1;
    const refers = version === 10 && context === '' && place % 10 !== 0;
    const before = `subject-${String(place - 1).padStart(4, '0')}`;
    put(
      { keytype: 'SCHEMA', subject, version, magic: 1 },
      {
        subject,
        version,
        id: n + 1,
        schema: refers ? '{"type":"array","items":"R"}' : record('R', `f${n}`),
        ...(refers
          ? { references: [{ name: 'R', subject: before, version: 1 }], metadata: { properties: { n: `${n}` } } }
          : {}),
        deleted: n % 50 === 33,
      },
    );
    if (n % 40 === 0) put({ keytype: 'CONFIG', subject, magic: 0 }, { subject, compatibilityLevel: 'FULL' });
    if (n % 110 === 0) put({ keytype: 'MODE', subject, magic: 0 }, { subject, mode: 'READONLY' });
  }
  return lines.join('\n');
}

/** Imports records of a topic. */
export async function filled(url: string, schemas: number): Promise<void> {
  const operation = await settled(
    url,
    await started(url, { source: { upload: await uploaded(url, topicOf(schemas)) } }),
  );
  if (operation.state !== 'FINISHED') throw new Error(JSON.stringify(operation));
}
