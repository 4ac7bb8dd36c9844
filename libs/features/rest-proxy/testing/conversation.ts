import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';

/** A recorded conversation with the reference: what was asked, step by step, and what came back. */
export interface Conversation {
  readonly name: string;
  readonly about: string;
  readonly steps: readonly Step[];
}

export interface Step {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** A body that is sent as it is. */
  readonly body_text?: string;
  readonly no_content_type?: boolean;
  readonly status: number;
  /** Without parameters; empty for none. */
  readonly content_type: string;
  readonly response?: unknown;
  /** Of a stream of several objects: to the byte. */
  readonly response_text?: string;
  /** `status`: nothing else counts. `contains`: the items of the list occur in this order. */
  readonly compare?: 'status' | 'contains';
}

/** The conversations in `test/fixtures/conformance`, by name. Expected values are measurements: they are never edited. */
export function recordedConversations(): readonly Conversation[] {
  const file = new URL('../../../../test/fixtures/conformance/rest-proxy.jsonl.br', import.meta.url);
  const lines = brotliDecompressSync(readFileSync(file)).toString().trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Conversation);
}

/** What a service answered. */
export interface StepAnswer {
  readonly status: number;
  /** Without parameters; empty for none. */
  readonly contentType: string;
  readonly text: string;
}

const PLACEHOLDER = /\$\{([a-z0-9]+)\}/g;

/** What stands for the names in a conversation: given for the run, or bound where a name is met first. */
export class Bindings {
  readonly #values: Map<string, unknown>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = new Map(Object.entries(values));
  }

  /** Text with its names filled in. */
  fill(text: string): string {
    return text.replace(PLACEHOLDER, (whole, name: string) =>
      this.#values.has(name) ? String(this.#values.get(name)) : whole,
    );
  }

  /** A value with its names filled in; one that is a name alone becomes what it is bound to. */
  fillIn(value: unknown): unknown {
    if (typeof value === 'string') {
      const alone = /^\$\{([a-z0-9]+)\}$/.exec(value)?.[1];
      return alone !== undefined && this.#values.has(alone) ? this.#values.get(alone) : this.fill(value);
    }
    if (Array.isArray(value)) return value.map((item) => this.fillIn(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, this.fillIn(member)]));
  }

  /** Whether a value is the expected one. Names that are not bound yet are bound to what stands in their place; `any` is anything. */
  matches(expected: string, actual: unknown): boolean {
    const alone = /^\$\{([a-z0-9]+)\}$/.exec(expected)?.[1];
    if (alone === 'any') return true;
    if (alone !== undefined) {
      if (!this.#values.has(alone)) this.#values.set(alone, actual);
      return String(this.#values.get(alone)) === String(actual);
    }
    return typeof actual === 'string' && this.#matchesText(expected, actual);
  }

  #matchesText(expected: string, actual: string): boolean {
    const unbound: string[] = [];
    const pattern = expected.split(PLACEHOLDER).map((part, i) => {
      if (i % 2 === 0) return literal(part);
      if (part === 'any') return '[^]*?';
      if (this.#values.has(part)) return literal(String(this.#values.get(part)));
      unbound.push(part);
      return '([^/"]+?)';
    });
    const found = new RegExp(`^${pattern.join('')}$`).exec(actual);
    if (found === null) return false;
    for (const [i, name] of unbound.entries()) this.#values.set(name, found[i + 1]);
    return true;
  }
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** How an answer differs from the recorded one, in words; empty when it does not. */
export function differences(step: Step, answer: StepAnswer, bindings: Bindings): readonly string[] {
  const found: string[] = [];
  const say = (what: string, expected: unknown, got: unknown): void =>
    void found.push(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`);
  if (answer.status !== step.status) say('status', step.status, answer.status);
  if (step.compare === 'status') return found;
  if (answer.contentType !== step.content_type) say('content type', step.content_type, answer.contentType);
  if (step.response_text !== undefined) {
    if (!bindings.matches(step.response_text, answer.text)) say('text', step.response_text, answer.text);
    return found;
  }
  const { response } = step;
  if (response === undefined || response === null) {
    if (answer.text !== '') say('body', response, answer.text);
    return found;
  }
  const json = parsed(answer.text);
  if (json === undefined) say('body', response, answer.text);
  else if (step.compare === 'contains') contained(response as readonly unknown[], json, bindings, say);
  else compare(response, json, '', bindings, say);
  return found;
}

type Say = (what: string, expected: unknown, got: unknown) => void;

function compare(expected: unknown, actual: unknown, at: string, bindings: Bindings, say: Say): void {
  if (typeof expected === 'string') {
    // What refusals say is theirs; that they say something counts.
    const advisory = at === '/message';
    if (advisory ? typeof actual !== 'string' : !bindings.matches(expected, actual))
      say(at, bindings.fill(expected), actual);
  } else if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) say(at, expected, actual);
    else expected.forEach((item, i) => compare(item, actual[i], `${at}/${i}`, bindings, say));
  } else if (typeof expected === 'object' && expected !== null) {
    if (typeof actual !== 'object' || actual === null || Array.isArray(actual)) return say(at, expected, actual);
    const [members, given] = [expected as Record<string, unknown>, actual as Record<string, unknown>];
    for (const name of Object.keys(given))
      if (!Object.hasOwn(members, name)) say(`${at}/${name}`, undefined, given[name]);
    for (const [name, member] of Object.entries(members)) {
      if (Object.hasOwn(given, name)) compare(member, given[name], `${at}/${name}`, bindings, say);
      else say(`${at}/${name}`, member, undefined);
    }
  } else if (expected !== actual) {
    say(at, expected, actual);
  }
}

function contained(expected: readonly unknown[], actual: unknown, bindings: Bindings, say: Say): void {
  let next = 0;
  for (const item of Array.isArray(actual) ? (actual as unknown[]) : []) {
    if (next === expected.length) break;
    const unlike: unknown[] = [];
    compare(expected[next], item, '', bindings, (what) => unlike.push(what));
    if (unlike.length === 0) next++;
  }
  if (next < expected.length) say('list', bindings.fillIn(expected), actual);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
