import type { RecordHeader } from '#libs/core/log';
import { ExactNumber, exactText, parseExact, VALUE_DEPTH } from '#libs/core/schema';
import type { Place } from './place.js';
import { type Mask, placeOf, readsValues, type TransformProgram, type TransformStep } from './program.js';
import type { TransformFailure, TransformInput, TransformOutcome } from './transforms.js';

/** What expressions see. */
export interface Bindings {
  /** As `parseExact` gives it. */
  readonly value: unknown;
  readonly key: unknown;
  /** The last one of each name, as text; null for one without value. */
  readonly headers: Readonly<Record<string, string | null>>;
  readonly timestamp: number;
  readonly partition: number;
  readonly offset: number;
}

/** Expressions made ready once and evaluated for each record. @throws TransformError from what they answer. */
export interface ExpressionLanguages {
  /** CEL. The answer is JSON as `parseExact` gives it, or bytes. @throws `invalid-transform` at once for what is no expression. */
  cel(text: string): (bindings: Bindings) => unknown;
  /** JSONata, with the value as its input; undefined for nothing. @throws `invalid-transform` at once for what is no expression. */
  jsonata(text: string): (bindings: Bindings) => Promise<unknown>;
}

/** A record for which a transform has no answer. */
export class TransformError extends Error {
  override readonly name = 'TransformError';

  constructor(
    readonly failure: TransformFailure,
    message: string,
  ) {
    super(message);
  }
}

/** A program ready to run. Never rejects for what is in a record. */
export type Pipeline = (input: TransformInput) => Promise<TransformOutcome>;

/** A record on its way through the steps. */
interface State {
  value: unknown;
  headers: readonly RecordHeader[];
  timestamp: number;
}

type Stage = (state: State, input: Bindings) => void | Promise<void>;

/** Makes a program ready. @throws `invalid-transform` for an expression that is none. */
export function pipelineOf(program: TransformProgram, languages: ExpressionLanguages): Pipeline {
  const condition = program.filter === null ? undefined : languages.cel(program.filter);
  const stages = program.steps.map((step) => stageOf(step, languages));
  const reads = readsValues(program);
  return async (input) => {
    try {
      const value = reads ? parsed(input.value) : null;
      const state: State = { value, headers: input.headers, timestamp: input.timestamp };
      const { partition, offset } = input;
      const key = parsed(input.key);
      const seen = (): Bindings => ({ ...state, key, headers: headerTexts(state.headers), partition, offset });
      if (condition !== undefined && !isTrue(condition(seen()))) return { kind: 'left-out' };
      for (const stage of stages) await stage(state, seen());
      const { headers, timestamp } = state;
      // What no step touched stays as it was spelled.
      return { kind: 'kept', value: state.value === value ? input.value : textOf(state.value), headers, timestamp };
    } catch (error) {
      if (!(error instanceof TransformError)) throw error;
      return { kind: 'failed', failure: error.failure, message: error.message };
    }
  };
}

/**
 * What those steps make of a record that need no value: other names of headers, and headers removed. A record that ends its key is given no more than this.
 */
export function headersOf(program: TransformProgram, headers: readonly RecordHeader[]): readonly RecordHeader[] {
  let present = headers;
  for (const step of program.steps) {
    const place = placeOf(step);
    if (place.kind !== 'header') continue;
    if ('remove' in step) present = present.filter((one) => one.key !== place.name);
    if ('rename' in step) present = renamed(present, place.name, step.to);
  }
  return present;
}

function stageOf(step: TransformStep, languages: ExpressionLanguages): Stage {
  if ('shape' in step) {
    const shape = languages.jsonata(step.shape);
    return async (state, seen) => {
      const made = await shape(seen);
      if (made === undefined) throw failed('the JSONata expression answers nothing');
      state.value = made;
    };
  }
  const place = placeOf(step);
  if ('set' in step) {
    const computed = languages.cel(step.cel);
    return (state, seen) => set(state, place, computed(seen), step.set);
  }
  if ('remove' in step) {
    if (place.kind === 'header')
      return (state) => void (state.headers = state.headers.filter((one) => one.key !== place.name));
    return (state) => void (state.value = at(state.value, pathOf(place), remove));
  }
  if ('rename' in step) {
    if (place.kind === 'header') return (state) => void (state.headers = renamed(state.headers, place.name, step.to));
    return (state) =>
      void (state.value = at(state.value, pathOf(place), (parent, name) => rename(parent, name, step.to)));
  }
  return (state) =>
    void (state.value = at(state.value, pathOf(place), (parent, name) => mask(parent, name, step.with)));
}

function pathOf(place: Place): readonly (string | number)[] {
  return place.kind === 'value' ? place.path : [];
}

function parsed(text: string): unknown {
  try {
    return parseExact(text, VALUE_DEPTH);
  } catch {
    throw new TransformError('undecodable', 'the value is not JSON text');
  }
}

function textOf(value: unknown): string {
  const text = exactText(value, VALUE_DEPTH);
  if (text === undefined) throw failed('the value became nothing that JSON can hold');
  return text;
}

function isTrue(answer: unknown): boolean {
  if (typeof answer === 'boolean') return answer;
  throw failed('the condition answers neither true nor false');
}

function headerTexts(headers: readonly RecordHeader[]): Record<string, string | null> {
  const texts = Object.create(null) as Record<string, string | null>;
  for (const { key, value } of headers) texts[key] = value && Buffer.from(value).toString('utf8');
  return texts;
}

function renamed(headers: readonly RecordHeader[], from: string, to: string): readonly RecordHeader[] {
  return headers.map((one) => (one.key === from ? { key: to, value: one.value } : one));
}

type Parent = Record<string, unknown> | unknown[];

/** A copy of a value in which the parent of a path was changed. Values without such a parent stay as they are. */
function at(
  value: unknown,
  path: readonly (string | number)[],
  change: (parent: Parent, name: string | number) => Parent,
): unknown {
  const [step, ...rest] = path;
  if (step === undefined || !holds(value, step)) return value;
  if (rest.length === 0) return change(value, step);
  return replaced(value, step, at(member(value, step), rest, change));
}

function holds(value: unknown, step: string | number): value is Parent {
  if (Array.isArray(value)) return typeof step === 'number' && step < value.length;
  return typeof value === 'object' && value !== null && !(value instanceof ExactNumber) && Object.hasOwn(value, step);
}

function member(parent: Parent, step: string | number): unknown {
  return (parent as Record<string | number, unknown>)[step];
}

function replaced(parent: Parent, step: string | number, by: unknown): Parent {
  if (Array.isArray(parent)) return parent.map((one: unknown, i) => (i === step ? by : one));
  return objectOf(Object.entries(parent).map(([name, one]) => [name, name === String(step) ? by : one]));
}

function remove(parent: Parent, step: string | number): Parent {
  if (Array.isArray(parent)) return parent.filter((_, i) => i !== step);
  return objectOf(Object.entries(parent).filter(([name]) => name !== String(step)));
}

function rename(parent: Parent, step: string | number, to: string): Parent {
  if (Array.isArray(parent)) return parent;
  if (String(step) !== to && Object.hasOwn(parent, to)) throw failed(`there is a field '${to}' already`);
  return objectOf(Object.entries(parent).map(([name, one]) => [name === String(step) ? to : name, one]));
}

function mask(parent: Parent, step: string | number, how: Mask): Parent {
  const value = member(parent, step);
  if (how === 'null') return replaced(parent, step, null);
  if (how === 'last4' && typeof value === 'string') {
    const characters = [...value];
    const hidden = Math.max(0, characters.length - 4);
    return replaced(parent, step, '*'.repeat(hidden) + characters.slice(hidden).join(''));
  }
  return replaced(parent, step, '***');
}

/** Members in this order; a member called `__proto__` is one like any other. */
function objectOf(members: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  return Object.fromEntries(members);
}

function set(state: State, place: Place, value: unknown, where: string): void {
  switch (place.kind) {
    case 'value':
      if (value instanceof Uint8Array) throw failed(`bytes have no place in JSON; '${where}' can take text`);
      state.value = assigned(state.value, place.path, value, where);
      return;
    case 'header':
      state.headers = withHeader(state.headers, place.name, headerBytes(value, where));
      return;
    case 'timestamp':
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
        throw failed('a timestamp is a whole number of milliseconds since 1970');
      }
      state.timestamp = value;
  }
}

function assigned(value: unknown, path: readonly (string | number)[], to: unknown, where: string): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return to;
  if (Array.isArray(value)) {
    if (typeof step !== 'number' || step >= value.length) throw failed(`there is no such item for '${where}'`);
    return replaced(value as unknown[], step, assigned(value[step], rest, to, where));
  }
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber) {
    throw failed(`what '${where}' is to be set in is not an object`);
  }
  const parent = value as Record<string, unknown>;
  const name = String(step);
  if (Object.hasOwn(parent, name)) return replaced(parent, step, assigned(parent[name], rest, to, where));
  return objectOf([...Object.entries(parent), [name, assigned(rest.length === 0 ? null : {}, rest, to, where)]]);
}

/** The last header of the name has the value, those before it are gone. */
function withHeader(headers: readonly RecordHeader[], name: string, value: Uint8Array | null): readonly RecordHeader[] {
  const last = headers.findLastIndex((one) => one.key === name);
  if (last < 0) return [...headers, { key: name, value }];
  return headers.flatMap((one, i) => (one.key !== name ? [one] : i === last ? [{ key: name, value }] : []));
}

function headerBytes(value: unknown, where: string): Uint8Array | null {
  if (value === null || value instanceof Uint8Array) return value;
  if (typeof value === 'string') return Buffer.from(value);
  if (value instanceof ExactNumber) return Buffer.from(value.text);
  if (typeof value === 'number' || typeof value === 'boolean') return Buffer.from(String(value));
  throw failed(`'${where}' takes text, a number, true, false, bytes or null`);
}

function failed(why: string): TransformError {
  return new TransformError('transform-failed', why);
}
