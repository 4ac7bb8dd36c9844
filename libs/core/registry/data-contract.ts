import type { SchemaMetadata, SchemaRuleSet } from '#libs/core/schema';
import { metadataTooLarge } from './errors.js';
import { METADATA_ENTRIES } from './limits.js';

/** Metadata property with the version number, kept by the registry where a caller asks for explicit versions (contract 3.5). */
export const VERSION_PROPERTY = 'confluent:version';
const RULE_LISTS = ['migrationRules', 'domainRules', 'encodingRules'] as const;

/** Metadata property with a comma-separated list of field names that must not be used. */
const RESERVED_PROPERTY = 'confluent:reserved';

/** Both contents with the later winning, entry by entry; an empty object is content, absence is not. */
export function mergedMetadata(
  earlier: SchemaMetadata | null | undefined,
  later: SchemaMetadata | null | undefined,
): SchemaMetadata | null {
  if (!earlier) return later ?? null;
  if (!later) return earlier;
  const sensitive = [...new Set([...(earlier.sensitive ?? []), ...(later.sensitive ?? [])])].sort();
  return {
    ...(earlier.tags || later.tags ? { tags: mergedEntries(earlier.tags, later.tags) } : {}),
    ...(earlier.properties || later.properties
      ? { properties: mergedEntries(earlier.properties, later.properties) }
      : {}),
    ...(sensitive.length > 0 ? { sensitive } : {}),
  };
}

/**
 * Both rule sets, list by list: the later rules after those of the earlier whose names they do not repeat. Clients run them in this order. A name stands for one rule of a set, whatever its
 * list, so a later rule takes the place of an earlier one of another list, too.
 */
export function mergedRuleSets(
  earlier: SchemaRuleSet | null | undefined,
  later: SchemaRuleSet | null | undefined,
): SchemaRuleSet | null {
  if (!earlier) return later ?? null;
  if (!later) return earlier;
  const repeated = new Set(RULE_LISTS.flatMap((list) => (later[list] ?? []).map((rule) => rule.name)));
  const result: { -readonly [Key in keyof SchemaRuleSet]: SchemaRuleSet[Key] } = {};
  for (const list of RULE_LISTS) {
    const rules = [...(earlier[list] ?? []).filter((rule) => !repeated.has(rule.name)), ...(later[list] ?? [])];
    if (rules.length > 0) result[list] = rules;
  }
  const enableAt = later.enableAt ?? earlier.enableAt;
  return enableAt === undefined ? result : { ...result, enableAt };
}

/** The rule set without the rules of these names, in whatever list; a list that loses its last rule goes. */
export function withoutRules(ruleSet: SchemaRuleSet, names: readonly string[]): SchemaRuleSet {
  const result: { -readonly [Key in keyof SchemaRuleSet]: SchemaRuleSet[Key] } = { ...ruleSet };
  for (const list of RULE_LISTS) {
    const left = ruleSet[list]?.filter((rule) => rule.name === undefined || !names.includes(rule.name));
    if (left === undefined || left.length === 0) delete result[list];
    else result[list] = left;
  }
  return result;
}

/** The value of a metadata property; undefined where there is none. */
export function propertyOf(metadata: SchemaMetadata | null | undefined, name: string): string | undefined {
  const properties = metadata?.properties;
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/** The metadata with a property set. */
export function withProperty(metadata: SchemaMetadata | null, name: string, value: string): SchemaMetadata {
  return mergedMetadata(metadata, { properties: plain([[name, value]]) })!;
}

/** The metadata without a property; null when nothing else was there. */
export function withoutProperty(metadata: SchemaMetadata | null, name: string): SchemaMetadata | null {
  if (propertyOf(metadata, name) === undefined) return metadata;
  const { properties, ...others } = metadata!;
  const rest = Object.entries(properties!).filter(([key]) => key !== name);
  if (rest.length > 0) return { ...others, properties: plain(rest) };
  return Object.keys(others).length > 0 ? others : null;
}

/** The names listed under {@link RESERVED_PROPERTY}. */
export function reservedNames(metadata: SchemaMetadata | null | undefined): readonly string[] {
  const list = propertyOf(metadata, RESERVED_PROPERTY);
  return list === undefined
    ? []
    : [...new Set(list.split(',').map((name) => name.trim()))].filter((name) => name !== '');
}

/** An object of own entries only, in order of their keys; `__proto__` is a key like any other. */
export function plain<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  const result: Record<string, T> = {};
  for (const [key, value] of [...entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
    Object.defineProperty(result, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return result;
}

function mergedEntries<T>(
  earlier: Readonly<Record<string, T>> | undefined,
  later: Readonly<Record<string, T>> | undefined,
): Record<string, T> {
  return plain(new Map([...Object.entries(earlier ?? {}), ...Object.entries(later ?? {})]));
}

/** @throws `metadata-too-large` */
export function requireBoundedMetadata(metadata: SchemaMetadata | null | undefined): void {
  if (!metadata) return;
  const { properties = {}, tags = {}, sensitive = [] } = metadata;
  const measured = Object.keys(properties).length + Object.keys(tags).length + sensitive.length;
  if (measured > METADATA_ENTRIES) throw metadataTooLarge(METADATA_ENTRIES, measured);
}
