import { createHash } from 'node:crypto';
import { isAppError, isJsonObject, type JsonObject, type JsonValue, stableJson } from '#libs/core/kernel';
import type { RequestForm } from '../request-form.js';
import { type Place, parsePlace } from './place.js';

/** How a mask hides a value. `redact`: `"***"`. `null`: nothing. `last4`: all but the last four characters of a text become `*`. */
export const MASKS = ['redact', 'null', 'last4'] as const;
export type Mask = (typeof MASKS)[number];

/** One step of a transform, as it is asked for and stored. Places are read by {@link parsePlace}. */
export type TransformStep =
  /** The whole value anew, by a JSONata expression. */
  | { readonly shape: string }
  /** A computed part, by a CEL expression. */
  | { readonly set: string; readonly cel: string }
  | { readonly remove: string }
  /** Another name in the same place, or another name of a header. */
  | { readonly rename: string; readonly to: string }
  | { readonly mask: string; readonly with: Mask };

/** What becomes of each record, in one direction. Plain data. */
export interface TransformProgram {
  /** CEL: records for which it is not true are left out. Null: none are. */
  readonly filter: string | null;
  /** One after another, each working on what the one before has left. */
  readonly steps: readonly TransformStep[];
}

export const NO_TRANSFORM: TransformProgram = { filter: null, steps: [] };

/** Most steps, and characters of an expression: a program is stored with its operation and done for each record. */
const MAX_STEPS = 50;
const MAX_LENGTH = 10_000;

/** The place a step writes. */
export function placeOf(step: TransformStep): Place {
  if ('shape' in step) return { kind: 'value', path: [] };
  if ('set' in step) return parsePlace(step.set);
  if ('remove' in step) return parsePlace(step.remove);
  if ('rename' in step) return parsePlace(step.rename);
  return parsePlace(step.mask);
}

/** Whether values are read at all; otherwise bytes are not looked at. */
export function readsValues({ filter, steps }: TransformProgram): boolean {
  return filter !== null || steps.some((step) => 'set' in step || placeOf(step).kind === 'value');
}

/** Whether values may become others. */
export function writesValues({ steps }: TransformProgram): boolean {
  return steps.some((step) => placeOf(step).kind === 'value');
}

/** Names exactly this program: the version of a transform. SHA-256 in hex. */
export function transformVersion(program: TransformProgram): string {
  return createHash('sha256')
    .update(stableJson(program as unknown as JsonValue))
    .digest('hex');
}

/**
 * The program that undoes another one, where that can be told from its steps: renames, backwards. Undefined where something is computed, shaped, hidden or
 * removed. Records that were left out do not come back.
 */
export function inverseOf({ steps }: TransformProgram): TransformProgram | undefined {
  const undone: TransformStep[] = [];
  for (const step of steps) {
    if (!('rename' in step)) return undefined;
    const place = parsePlace(step.rename);
    if (place.kind === 'header') undone.unshift({ rename: headerText(step.to), to: place.name });
    else if (place.kind === 'value')
      undone.unshift({ rename: pathText([...place.path.slice(0, -1), step.to]), to: String(place.path.at(-1)) });
  }
  return { filter: null, steps: undone };
}

/** Reads the steps of a request; what is wrong is noted in the form. */
export function parseSteps(form: RequestForm, value: JsonValue | undefined, path: string): TransformStep[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) {
    form.problem(path, 'must be a list of steps');
    return [];
  }
  if (value.length > MAX_STEPS) form.problem(path, `has ${value.length} steps, more than ${MAX_STEPS}`);
  return value.slice(0, MAX_STEPS).flatMap((one, i) => {
    const step = parseStep(form, one, `${path}[${i}]`);
    return step === undefined ? [] : [step];
  });
}

/** Reads an expression; what is wrong is noted in the form. */
export function parseExpression(form: RequestForm, value: JsonValue | undefined, path: string): string | undefined {
  const text = form.text(value, path);
  if (text !== undefined && text.length > MAX_LENGTH) form.problem(path, `is longer than ${MAX_LENGTH} characters`);
  return text;
}

const FORMS = ['shape', 'set', 'remove', 'rename', 'mask'] as const;

function parseStep(form: RequestForm, json: JsonValue, path: string): TransformStep | undefined {
  const named = isJsonObject(json) ? FORMS.filter((one) => Object.hasOwn(json, one)) : [];
  const [name] = named;
  if (name === undefined || named.length > 1 || !isJsonObject(json)) {
    form.problem(path, `must be an object with one of ${FORMS.join(', ')}`);
    return undefined;
  }
  const read = (member: string): string =>
    parseExpression(form, json[member], `${path}.${member}`) ?? form.missing(`${path}.${member}`, '');
  const known: Readonly<Record<(typeof FORMS)[number], readonly string[]>> = {
    shape: ['shape'],
    set: ['set', 'cel'],
    remove: ['remove'],
    rename: ['rename', 'to'],
    mask: ['mask', 'with'],
  };
  form.object(json, path, known[name]);
  if (name === 'shape') return { shape: read('shape') };
  const text = read(name);
  const place = placeIn(form, text, `${path}.${name}`);
  if (place === undefined) return undefined;
  const isPart = place.kind === 'header' || (place.kind === 'value' && place.path.length > 0);
  switch (name) {
    case 'set':
      return { set: text, cel: read('cel') };
    case 'remove':
      if (!isPart) form.problem(`${path}.remove`, 'must name a field or a header');
      return { remove: text };
    case 'rename':
      if (!isPart || (place.kind === 'value' && typeof place.path.at(-1) !== 'string')) {
        form.problem(`${path}.rename`, 'must name a field or a header');
      }
      return { rename: text, to: read('to') };
    case 'mask':
      if (place.kind !== 'value' || !isPart) form.problem(`${path}.mask`, 'must name a field of the value');
      return { mask: text, with: form.choice(json['with'], `${path}.with`, MASKS, 'redact') };
  }
}

function placeIn(form: RequestForm, text: string, path: string): Place | undefined {
  if (text === '') return undefined;
  try {
    return parsePlace(text);
  } catch (error) {
    if (!isAppError(error)) throw error;
    form.problem(path, error.message);
    return undefined;
  }
}

function headerText(name: string): string {
  return `header[${JSON.stringify(name)}]`;
}

function pathText(path: readonly (string | number)[]): string {
  return `value${path.map((step) => `[${JSON.stringify(step)}]`).join('')}`;
}

/** A program as the plan's parameters hold it. */
export function programToJson(program: TransformProgram): JsonObject {
  return JSON.parse(JSON.stringify(program)) as JsonObject;
}
