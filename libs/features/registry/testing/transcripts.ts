import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { isJsonObject, type JsonValue } from '#libs/core/kernel';

/** A recorded conversation with the reference (`test/fixtures/conformance/README.md` tells what the members mean). */
export interface Transcript {
  readonly name: string;
  readonly about: string;
  readonly exclusive?: boolean;
  readonly steps: readonly Step[];
}

interface Step {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH' | 'HEAD' | 'OPTIONS';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: JsonValue;
  readonly body_text?: string;
  readonly no_content_type?: boolean;
  readonly status: number;
  readonly content_type: string;
  readonly response?: JsonValue;
  readonly response_text?: string;
  readonly response_headers?: Readonly<Record<string, string>>;
  readonly compare?: 'status' | 'contains' | 'unordered' | 'length';
  readonly also_status?: readonly number[];
  readonly alternatives?: readonly { readonly status: number; readonly response: JsonValue }[];
}

export interface Mismatch {
  readonly step: number;
  readonly request: string;
  readonly why: string;
}

export function recordedTranscripts(): readonly Transcript[] {
  const path = fileURLToPath(new URL('../../../../test/fixtures/conformance/transcripts.jsonl.br', import.meta.url));
  const text = brotliDecompressSync(readFileSync(path)).toString('utf8').trimEnd();
  return text.split('\n').map((line) => JSON.parse(line) as Transcript);
}

const VENDOR_TYPE = 'application/vnd.schemaregistry.v1+json';

/**
 * Has the conversation with a service, whole. Variables (`${idA}`) take the value of their first appearance and must agree from then on; texts of messages are
 * not compared.
 */
export async function replay(
  fastify: FastifyInstance,
  transcript: Transcript,
  options: { readonly prefix: string },
): Promise<readonly Mismatch[]> {
  const bound = new Map<string, JsonValue>([['p', options.prefix]]);
  const mismatches: Mismatch[] = [];
  for (const [index, step] of transcript.steps.entries()) {
    const why = await play(fastify, step, bound);
    if (why !== undefined) mismatches.push({ step: index, request: `${step.method} ${step.path}`, why });
  }
  return mismatches;
}

async function play(fastify: FastifyInstance, step: Step, bound: Map<string, JsonValue>): Promise<string | undefined> {
  const payload = step.body_text ?? (step.body === undefined ? undefined : JSON.stringify(step.body));
  const typed = payload !== undefined && step.no_content_type !== true;
  const response = await fastify.inject({
    method: step.method,
    url: filled(step.path, bound),
    headers: { ...(typed ? { 'content-type': VENDOR_TYPE } : {}), ...filledHeaders(step.headers, bound) },
    ...(payload === undefined ? {} : { payload: filled(payload, bound) }),
  });
  const type = String(response.headers['content-type'] ?? '').split(';')[0]!;
  const answers = [
    { status: step.status, response: step.response },
    ...(step.also_status ?? []).map((status) => ({ status, response: undefined })),
    ...(step.alternatives ?? []),
  ];
  const told = `answered ${response.statusCode} ${type} ${response.body.slice(0, 1_000)}`;
  const fitting = answers.filter((answer) => answer.status === response.statusCode);
  if (fitting.length === 0) return `expected ${step.status}; ${told}`;
  if (step.compare === 'status') return undefined;
  if (type !== step.content_type) return `expected the type '${step.content_type}'; ${told}`;
  for (const [name, value] of Object.entries(step.response_headers ?? {})) {
    if (response.headers[name] !== filled(value, bound)) return `expected the header ${name}: ${value}; ${told}`;
  }
  if (step.response_text !== undefined) {
    return response.body === filled(step.response_text, bound) ? undefined : `expected ${step.response_text}; ${told}`;
  }
  if (response.statusCode === 204 || step.method === 'HEAD') return undefined;
  const actual = JSON.parse(response.body) as JsonValue;
  for (const answer of fitting) {
    const trial = new Map(bound);
    if (!agrees(answer.response ?? null, actual, trial, step.compare)) continue;
    for (const [name, value] of trial) bound.set(name, value);
    return undefined;
  }
  return `expected ${JSON.stringify(step.response)?.slice(0, 1_000)}; ${told}`;
}

function agrees(
  expected: JsonValue,
  actual: JsonValue,
  bound: Map<string, JsonValue>,
  compare: Step['compare'],
): boolean {
  if (compare === undefined) return matches(expected, actual, bound);
  if (!Array.isArray(expected) || !Array.isArray(actual)) return false;
  if (compare === 'length') return expected.length === actual.length;
  if (compare === 'contains') {
    let from = 0;
    return expected.every((one) => {
      const at = actual.findIndex((item, i) => i >= from && matches(one, item, new Map(bound)));
      if (at < 0 || !matches(one, actual[at]!, bound)) return false;
      from = at + 1;
      return true;
    });
  }
  const rest = [...actual];
  return (
    expected.length === actual.length &&
    expected.every((one) => {
      const at = rest.findIndex((item) => matches(one, item, new Map(bound)));
      return at >= 0 && matches(one, rest.splice(at, 1)[0]!, bound);
    })
  );
}

function matches(expected: JsonValue, actual: JsonValue, bound: Map<string, JsonValue>): boolean {
  if (typeof expected === 'string') return matchesText(expected, actual, bound);
  if (Array.isArray(expected)) {
    const same = Array.isArray(actual) && actual.length === expected.length;
    return same && expected.every((one, i) => matches(one, actual[i]!, bound));
  }
  if (!isJsonObject(expected)) return isDeepStrictEqual(expected, actual);
  if (!isJsonObject(actual)) return false;
  const names = new Set([...Object.keys(expected), ...Object.keys(actual)]);
  return [...names].every((name) => {
    if (!Object.hasOwn(expected, name) || !Object.hasOwn(actual, name)) return false;
    if (name === 'message') return typeof actual[name] === 'string';
    if (name === 'messages') return sameNumber(expected[name]!, actual[name]!);
    return matches(expected[name]!, actual[name]!, bound);
  });
}

/** Messages are compared elsewhere, text by text; here it counts whether there are any. */
function sameNumber(expected: JsonValue, actual: JsonValue): boolean {
  return Array.isArray(expected) && Array.isArray(actual) && (expected.length === 0) === (actual.length === 0);
}

function matchesText(expected: string, actual: JsonValue, bound: Map<string, JsonValue>): boolean {
  const whole = /^\$\{(\w+)\}$/.exec(expected);
  if (whole === null) return typeof actual === 'string' && filled(expected, bound) === actual;
  const name = whole[1]!;
  if (name === 'any') return true;
  const value = bound.get(name);
  if (value !== undefined) return value === actual;
  // Two names stand for two values.
  for (const other of bound.values())
    if (other === actual && /^(id|guid)/.test(name) && sameKind(name, other)) return false;
  bound.set(name, actual);
  return true;
}

function sameKind(name: string, value: JsonValue): boolean {
  return typeof value === (name.startsWith('guid') ? 'string' : 'number');
}

function filled(text: string, bound: ReadonlyMap<string, JsonValue>): string {
  return text.replace(/\$\{(\w+)\}/g, (whole, name: string) => (bound.has(name) ? String(bound.get(name)) : whole));
}

function filledHeaders(
  headers: Readonly<Record<string, string>> | undefined,
  bound: ReadonlyMap<string, JsonValue>,
): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, filled(value, bound)]));
}
