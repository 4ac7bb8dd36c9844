import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRegistryApp, type RegistryApp } from './testing/index.js';

/**
 * Cases recorded with the reference registry, asked over HTTP: what is accepted and with which error refused, what is stored, and what may follow what. The members are told
 * in test/fixtures/conformance/README.md.
 */

interface Sent {
  readonly schema: string;
  readonly schemaType?: string;
  readonly references?: readonly { readonly name: string; readonly subject: string; readonly version: number }[];
}
interface Case extends Sent {
  readonly id: string;
  readonly referenced?: readonly (Sent & { readonly subject: string })[];
}
interface ParseCase extends Case {
  readonly accepted: boolean;
  readonly status?: number;
  readonly error_code?: number;
}
interface CanonicalCase extends Case {
  readonly metadata?: object;
  readonly stored: string;
  readonly guid: string;
  readonly stored_normalized: string;
  readonly guid_normalized: string;
  readonly same_as?: readonly string[];
  readonly formats?: Readonly<Record<string, string>>;
}
interface VerdictCase extends Case {
  readonly level: string;
  readonly policy: string | null;
  readonly earlier: readonly Sent[];
  readonly new: Sent;
  readonly compatible: boolean;
  readonly messages: readonly string[];
  readonly messages_stable?: boolean;
}

function cases<C>(name: string): readonly C[] {
  const path = fileURLToPath(new URL(`../../../test/fixtures/conformance/${name}.jsonl.br`, import.meta.url));
  const text = brotliDecompressSync(readFileSync(path)).toString('utf8').trimEnd();
  return text.split('\n').map((line) => JSON.parse(line) as C);
}

const LANGUAGES = [
  { type: 'AVRO', files: 'avro', verdicts: ['verdicts-avro'], ordered: true },
  {
    type: 'JSON',
    files: 'json-schema',
    verdicts: ['verdicts-json-schema', 'verdicts-json-schema-octokit-MIT', 'verdicts-json-schema-octokit-whole-MIT'],
    // The reference lists these in the order of its hash tables.
    ordered: false,
  },
] as const;
/** Cases about a change to a language that is not among these. */
const OTHER_LANGUAGE: Readonly<Record<string, number>> = { AVRO: 0, JSON: 0 };

describe.each(LANGUAGES)('recorded $type cases over HTTP', ({ type, files, verdicts, ordered }) => {
  let app: RegistryApp;
  let subjects = 0;
  beforeAll(async () => {
    app = await openRegistryApp();
  });
  afterAll(() => app.http.close());

  async function reopen(): Promise<void> {
    await app.http.close();
    app = await openRegistryApp();
  }

  async function send(method: 'POST' | 'PUT', url: string, body: object) {
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
    const response = await app.http.fastify.inject({ method, url, headers, payload: JSON.stringify(body) });
    return { status: response.statusCode, json: JSON.parse(response.body) as Record<string, unknown> };
  }
  const fresh = () => `case${++subjects}`;
  const register = (
    { schema, schemaType = type, references }: Sent,
    subject: string,
    query = '',
    more: object = {},
  ) => {
    const path = `/subjects/${encodeURIComponent(subject)}/versions${query}`;
    return send('POST', path, { schema, schemaType, references, ...more });
  };
  async function prepare({ referenced = [] }: Case): Promise<void> {
    for (const one of referenced) await register(one, one.subject);
  }

  it('accepts and refuses the same schemas, with the same codes', async () => {
    const wrong: string[] = [];
    for (const one of cases<ParseCase>(`parse-${files}`)) {
      await prepare(one);
      const { status, json } = await register(one, fresh());
      const right = one.accepted ? status === 200 : status === one.status && json['error_code'] === one.error_code;
      if (!right) wrong.push(one.id);
    }
    expect(wrong).toEqual([]);
  });

  it('stores the same texts under the same identities', async () => {
    const wrong: string[] = [];
    const ids = new Map<string, unknown>();
    for (const one of cases<CanonicalCase>(`canonical-${files}`)) {
      await prepare(one);
      const { json: plain } = await register(one, fresh(), '', { metadata: one.metadata });
      const { json: normal } = await register(one, fresh(), '?normalize=true', { metadata: one.metadata });
      ids.set(one.id, plain['id']);
      const texts = await Promise.all(
        Object.entries(one.formats ?? {}).map(async ([format, text]) => {
          const url = `/schemas/ids/${String(plain['id'])}/schema?format=${format}`;
          return (await app.http.fastify.inject(url)).body === text;
        }),
      );
      const right =
        plain['schema'] === one.stored &&
        plain['guid'] === one.guid &&
        normal['schema'] === one.stored_normalized &&
        normal['guid'] === one.guid_normalized &&
        texts.every(Boolean) &&
        (one.same_as ?? []).every((other) => !ids.has(other) || ids.get(other) === plain['id']);
      if (!right) wrong.push(one.id);
    }
    expect(wrong).toEqual([]);
  });

  it('gives the same verdicts with the same messages', async () => {
    const all = verdicts.flatMap((name) => cases<VerdictCase>(name));
    const known: readonly string[] = LANGUAGES.map((one) => one.type);
    const asked = all.filter((one) =>
      [...one.earlier, one.new].every(({ schemaType = type }) => known.includes(schemaType)),
    );
    expect(all.length - asked.length).toBe(OTHER_LANGUAGE[type]);
    const wrong: string[] = [];
    for (const [index, one] of asked.entries()) {
      // The store of the tests copies everything with each change, so it is kept small.
      if (index % 100 === 0) await reopen();
      // Cases share names of subjects, so each has a context of its own.
      const context = `/contexts/.v${index}`;
      const post = (path: string, { schema, schemaType = type, references }: Sent) =>
        send('POST', `${context}${path}`, { schema, schemaType, references });
      await send('PUT', `${context}/config`, { compatibility: 'NONE' });
      for (const other of one.referenced ?? [])
        await post(`/subjects/${encodeURIComponent(other.subject)}/versions`, other);
      for (const earlier of one.earlier) await post('/subjects/s/versions', earlier);
      await send('PUT', `${context}/config/s`, { compatibility: one.level, compatibilityPolicy: one.policy });
      const { json } = await post('/compatibility/subjects/s/versions?verbose=true', one.new);
      const comparable = (messages: readonly string[]) =>
        JSON.stringify(ordered ? messages : [...new Set(messages)].sort());
      const sameMessages =
        one.messages_stable === false || comparable(json['messages'] as string[]) === comparable(one.messages);
      if (json['is_compatible'] !== one.compatible || !sameMessages) wrong.push(one.id);
    }
    expect(wrong).toEqual([]);
  }, 120_000);
});
