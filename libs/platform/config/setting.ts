import { z } from 'zod';

/** One setting: what it may hold, what holds without it, and what it means. */
export interface Setting<T> {
  /** Takes the value as a file has it, or as text from the environment. Its messages say what is allowed, not what was given. */
  readonly schema: z.ZodType<T>;
  /** Undefined: not set. */
  readonly default: T;
  /** For people: one sentence. */
  readonly doc: string;
  /** Name of what it holds, for the table: `bytes`, `one of a, b`. */
  readonly type: string;
  /** Never shown; can be given as the name of a file that holds it, under the same key with `File` (`_FILE`) at its end. */
  readonly secret: boolean;
}

/** A tree of settings; its leaves have dotted keys (`http.port`). */
export interface SettingTree {
  readonly [name: string]: Setting<unknown> | SettingTree;
}

/** The values of a tree of settings. */
export type ValuesOf<Tree> = {
  readonly [Name in keyof Tree]: Tree[Name] extends Setting<infer T> ? T : ValuesOf<Tree[Name]>;
};

export function isSetting(node: Setting<unknown> | SettingTree): node is Setting<unknown> {
  return 'schema' in node && node.schema instanceof z.ZodType;
}

export function setting<T>(
  type: string,
  schema: z.ZodType<T>,
  defaultValue: T,
  doc: string,
  more: { readonly secret?: boolean } = {},
): Setting<T> {
  return { type, schema, default: defaultValue, doc, secret: more.secret ?? false };
}

export function text(defaultValue: string, doc: string): Setting<string> {
  return setting('text', z.string('must be text').min(1, 'must not be empty').max(4_096), defaultValue, doc);
}

export function optionalText(doc: string, more: { readonly secret?: boolean } = {}): Setting<string | undefined> {
  return setting(
    'text',
    z.string('must be text').min(1, 'must not be empty').max(4_096).optional(),
    undefined,
    doc,
    more,
  );
}

export function flag(defaultValue: boolean, doc: string): Setting<boolean> {
  const schema = z.preprocess(
    (given) => (given === 'true' ? true : given === 'false' ? false : given),
    z.boolean('must be true or false'),
  );
  return setting('true or false', schema, defaultValue, doc);
}

export function oneOf<const T extends string>(choices: readonly T[], defaultValue: T, doc: string): Setting<T> {
  const list = choices.join(', ');
  return setting<T>(
    `one of ${list}`,
    z.enum(choices as readonly [T, ...T[]], `must be one of ${list}`) as never,
    defaultValue,
    doc,
  );
}

export function count(min: number, max: number, defaultValue: number, doc: string): Setting<number> {
  return number('number', min, max, defaultValue, doc, {});
}

const BYTES = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** A size: a number of bytes, or text such as `128MiB`. */
export function bytes(min: number, max: number, defaultValue: number, doc: string): Setting<number> {
  return number('bytes', min, max, defaultValue, doc, BYTES);
}

const MILLISECONDS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A time: a number of milliseconds, or text such as `30s`, `24h`, `7d`. */
export function milliseconds(min: number, max: number, defaultValue: number, doc: string): Setting<number> {
  return number('milliseconds', min, max, defaultValue, doc, MILLISECONDS);
}

function number(
  type: string,
  min: number,
  max: number,
  defaultValue: number,
  doc: string,
  units: Readonly<Record<string, number>>,
): Setting<number> {
  const forms = Object.keys(units).length === 0 ? '' : `, or with a unit (${Object.keys(units).join(', ')})`;
  const message = `must be a whole number of ${type === 'number' ? `${min} to ${max}` : `${type} from ${min} to ${max}${forms}`}`;
  const schema = z.preprocess((given) => inUnits(given, units), z.int(message).min(min, message).max(max, message));
  return setting(`${type}, ${min} to ${max}`, schema, defaultValue, doc);
}

function inUnits(given: unknown, units: Readonly<Record<string, number>>): unknown {
  if (typeof given !== 'string') return given;
  const [, digits, unit = ''] = /^\s*([0-9_]{1,20})\s*([a-zA-Z]*)\s*$/.exec(given) ?? [];
  if (digits === undefined) return given;
  const factor = unit === '' ? 1 : Object.hasOwn(units, unit) ? units[unit]! : NaN;
  return Number(digits.replaceAll('_', '')) * factor;
}
