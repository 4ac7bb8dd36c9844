import { AppError, isJsonObject, type JsonObject } from '#libs/core/kernel';
import {
  COMPATIBILITY_POLICIES,
  compatibilityLevel,
  ExactNumber,
  type SchemaMetadata,
  type SchemaRule,
  type SchemaRuleSet,
} from '#libs/core/schema';
import type { ConfigUpdate } from './config.js';
import type { SentReference } from './references.js';
import type { SentRegistration } from './sent-schema.js';

/**
 * The objects of the contract as JSON, read as the reference's parser reads them (contract 1.3): unknown members are ignored, scalars become what is expected where that
 * makes sense, structures in the place of scalars are refused (`invalid-request`). Requests, answers of other registries and dumps are all read here.
 */

/** A schema with its numbers, as it stands in a body or inside another object. */
export function registrationFrom(object: JsonObject): Omit<SentRegistration, 'tags' | 'propagateTags'> {
  return {
    schema: string(object, 'schema'),
    schemaType: string(object, 'schemaType'),
    references: list(object, 'references')?.map(reference),
    metadata: metadata(object, 'metadata'),
    ruleSet: ruleSet(object, 'ruleSet'),
    version: integer(object, 'version'),
    id: integer(object, 'id'),
  };
}

/**
 * Settings: absent members stay, null clears.
 * @param level the member that holds the level: answers call it `compatibilityLevel`. @throws also `compatibility-level-unknown`
 */
export function configFrom(object: JsonObject, level: 'compatibility' | 'compatibilityLevel'): ConfigUpdate {
  const update: Record<string, unknown> = {};
  const set = (name: string, value: unknown, given = name) => {
    if (Object.hasOwn(object, given)) update[name] = value ?? null;
  };
  for (const name of ['alias', 'compatibilityGroup']) set(name, string(object, name));
  for (const name of ['aliasForDeks', 'normalize', 'validateFields', 'validateNewSchemas', 'validateRules']) {
    set(name, boolean(object, name));
  }
  const named = string(object, level);
  set('compatibility', named === null || named === undefined ? named : compatibilityLevel(named), level);
  const policy = string(object, 'compatibilityPolicy')?.toUpperCase();
  const known = COMPATIBILITY_POLICIES.find((one) => one === policy);
  // An unknown policy is no error and no change.
  if (policy === undefined || known !== undefined) set('compatibilityPolicy', known);
  for (const name of ['defaultMetadata', 'overrideMetadata']) set(name, metadata(object, name));
  for (const name of ['defaultRuleSet', 'overrideRuleSet']) set(name, ruleSet(object, name));
  return update;
}

function reference(value: unknown, index: number): SentReference {
  if (value === null) return {};
  if (!isJsonObject(value)) throw unreadable(`references[${index}]`, 'an object', value);
  return { name: string(value, 'name'), subject: string(value, 'subject'), version: integer(value, 'version') };
}

export function metadata(from: JsonObject, name: string): SchemaMetadata | null | undefined {
  const object = member(from, name);
  if (object === undefined || object === null) return object;
  if (!isJsonObject(object)) throw unreadable(name, 'an object', object);
  const tags = map(object, 'tags', (value, at) => {
    if (!Array.isArray(value)) throw unreadable(at, 'a list', value);
    return [...new Set(value.map((tag) => scalarText(tag, at)))].sort();
  });
  const properties = map(object, 'properties', (value, at) => scalarText(value, at));
  const sensitive = list(object, 'sensitive')?.map((value) => scalarText(value, 'sensitive'));
  return filled({ tags, properties, sensitive: sensitive && [...new Set(sensitive)].sort() });
}

export function ruleSet(from: JsonObject, name: string): SchemaRuleSet | null | undefined {
  const object = member(from, name);
  if (object === undefined || object === null) return object;
  if (!isJsonObject(object)) throw unreadable(name, 'an object', object);
  return filled({
    migrationRules: list(object, 'migrationRules')?.map(rule),
    domainRules: list(object, 'domainRules')?.map(rule),
    encodingRules: list(object, 'encodingRules')?.map(rule),
    enableAt: choice(object, 'enableAt', ['ALL', 'CLIENT', 'GATEWAY', 'SERVER', 'NONE']),
  });
}

/** A rule is complete once it is read: the reference fills in kind and mode then, whatever the list, and they count in the identity of the schema. */
function rule(value: unknown): SchemaRule {
  if (!isJsonObject(value)) throw unreadable('rule', 'an object', value);
  const tags = list(value, 'tags')?.map((tag) => scalarText(tag, 'tags'));
  return filled({
    name: string(value, 'name') ?? undefined,
    doc: string(value, 'doc') || undefined,
    kind: choice(value, 'kind', ['TRANSFORM', 'CONDITION']) ?? 'TRANSFORM',
    mode: choice(value, 'mode', ['DOWNGRADE', 'READ', 'UPGRADE', 'UPDOWN', 'WRITE', 'WRITEREAD']) ?? 'WRITEREAD',
    type: string(value, 'type') ?? undefined,
    tags: tags && [...new Set(tags)].sort(),
    params: map(value, 'params', (param, at) => scalarText(param, at)),
    expr: string(value, 'expr') || undefined,
    onSuccess: string(value, 'onSuccess') ?? undefined,
    onFailure: string(value, 'onFailure') ?? undefined,
    disabled: boolean(value, 'disabled') === true ? true : undefined,
  });
}

export function member(from: JsonObject, name: string): unknown {
  return Object.hasOwn(from, name) ? from[name] : undefined;
}

export function string(from: JsonObject, name: string): string | null | undefined {
  const value = member(from, name);
  return value === undefined || value === null ? value : scalarText(value, name);
}

export function integer(from: JsonObject, name: string): number | null | undefined {
  const value = member(from, name);
  if (value === undefined || value === null) return value;
  if (value === '') return null;
  const number = typeof value === 'string' && /^\s*[+-]?[0-9]+\s*$/.test(value) ? Number(value) : double(value);
  if (typeof number !== 'number' || Math.abs(number) > 2_147_483_648) throw unreadable(name, 'an integer', value);
  return Math.trunc(number);
}

export function boolean(from: JsonObject, name: string): boolean | null | undefined {
  const value = double(member(from, name));
  if (value === undefined || value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return value !== 0;
  const text = typeof value === 'string' ? value.trim().toLowerCase() : undefined;
  if (text === '') return null;
  if (text === 'true' || text === 'false') return text === 'true';
  throw unreadable(name, 'true or false', value);
}

export function choice(from: JsonObject, name: string, known: readonly string[]): string | undefined {
  const value = string(from, name);
  if (value === undefined || value === null) return undefined;
  if (known.includes(value)) return value;
  throw unreadable(name, `one of ${known.join(', ')}`, value);
}

export function list(from: JsonObject, name: string): readonly unknown[] | undefined {
  const value = member(from, name);
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw unreadable(name, 'a list', value);
  return value;
}

/** A map with its keys sorted; `__proto__` is a key like any other. */
function map<T>(
  from: JsonObject,
  name: string,
  read: (value: unknown, at: string) => T,
): Record<string, T> | undefined {
  const value = member(from, name);
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) throw unreadable(name, 'an object', value);
  const result: Record<string, T> = {};
  for (const key of Object.keys(value).sort()) {
    Object.defineProperty(result, key, {
      value: read(value[key], `${name}.${key}`),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return result;
}

export function scalarText(value: unknown, at: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value instanceof ExactNumber) return value.text;
  throw unreadable(at, 'a string', value);
}

/** A number, however it was spelled, as a plain one; anything else as it is. */
function double(value: unknown): unknown {
  return value instanceof ExactNumber ? Number(value.text) : value;
}

/** Without the members that hold nothing: neither the identity of a schema nor an answer tells them from members that are not there. */
function filled<T extends object>(object: T): T {
  const holds = (value: unknown) =>
    typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : true;
  return compact(Object.fromEntries(Object.entries(object).filter(([, value]) => holds(value))) as T);
}

/** Without the members that are undefined. */
function compact<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

export function unreadable(path: string, expected: string, value: unknown): AppError {
  const found =
    value === null
      ? 'null'
      : Array.isArray(value)
        ? 'a list'
        : isJsonObject(value)
          ? 'an object'
          : value instanceof ExactNumber
            ? value.text
            : JSON.stringify(value);
  return new AppError({
    kind: 'invalid',
    code: 'invalid-request',
    message: `Cannot read ${path === '' ? 'the body' : `'${path}'`}: expected ${expected}, found ${String(found).slice(0, 200)}`,
    items: [{ path, message: `expected ${expected}` }],
  });
}
