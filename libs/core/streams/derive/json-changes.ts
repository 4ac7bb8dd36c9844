import { isJsonObject, type JsonObject, type JsonValue, stableJson } from '#libs/core/kernel';

/** One place in which two values differ. `path` is a JSON pointer (RFC 6901). */
export interface JsonChange {
  readonly path: string;
  readonly op: 'add' | 'remove' | 'replace';
  /** Absent for `add`. */
  readonly before?: JsonValue;
  /** Absent for `remove`. */
  readonly after?: JsonValue;
}

/**
 * Where two values differ: members by name, list items by place. Members in the order of the earlier value, then those that are new. Done in their order to
 * the earlier value as a JSON patch (RFC 6902) does them, they make the later one: items that a list has lost are named from its end.
 */
export function jsonChanges(before: JsonValue, after: JsonValue, path = ''): JsonChange[] {
  if (isJsonObject(before) && isJsonObject(after)) {
    const names = [...Object.keys(before), ...Object.keys(after).filter((name) => !Object.hasOwn(before, name))];
    return names.flatMap((name) => memberChanges(own(before, name), own(after, name), `${path}/${pointerStep(name)}`));
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const both = Math.min(before.length, after.length);
    const changes: JsonChange[] = [];
    for (let at = 0; at < both; at++) changes.push(...jsonChanges(before[at]!, after[at]!, `${path}/${at}`));
    for (let at = before.length - 1; at >= both; at--)
      changes.push(...memberChanges(before[at], undefined, `${path}/${at}`));
    for (let at = both; at < after.length; at++) changes.push(...memberChanges(undefined, after[at], `${path}/${at}`));
    return changes;
  }
  return stableJson(before) === stableJson(after) ? [] : [{ path, op: 'replace', before, after }];
}

function memberChanges(before: JsonValue | undefined, after: JsonValue | undefined, path: string): JsonChange[] {
  if (before === undefined) return [{ path, op: 'add', after: after! }];
  if (after === undefined) return [{ path, op: 'remove', before }];
  return jsonChanges(before, after, path);
}

/** A member called `__proto__` is one like any other. */
const own = (object: JsonObject, name: string): JsonValue | undefined =>
  Object.hasOwn(object, name) ? object[name] : undefined;

const pointerStep = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');
