import { isJsonObject, stableJson, type JsonValue } from '#libs/core/kernel';

/** One fact that moved since a plan was made. A side that is absent is null. */
export interface Difference {
  /** JSON pointer into the fingerprint. */
  readonly path: string;
  readonly planned: JsonValue;
  readonly now: JsonValue;
}

/** Where two JSON values differ, in order of the keys, at most `limit` places. Empty when they are equal. */
export function differences(planned: JsonValue, now: JsonValue, limit = 100): Difference[] {
  const found: Difference[] = [];
  const pending: { path: string; planned: JsonValue | undefined; now: JsonValue | undefined }[] = [
    { path: '', planned, now },
  ];
  for (let one = pending.shift(); one !== undefined && found.length < limit; one = pending.shift()) {
    if (isSame(one.planned, one.now)) continue;
    const members = childrenOf(one.planned, one.now);
    if (members === undefined) found.push({ path: one.path, planned: one.planned ?? null, now: one.now ?? null });
    else pending.unshift(...members.map((member) => ({ ...member, path: `${one.path}/${member.path}` })));
  }
  return found;
}

/** A member that is null is not one that is absent. */
function isSame(planned: JsonValue | undefined, now: JsonValue | undefined): boolean {
  return (planned === undefined) === (now === undefined) && stableJson(planned) === stableJson(now);
}

/** The members of two objects or two arrays side by side; undefined where the values can only be compared whole. */
function childrenOf(planned: JsonValue | undefined, now: JsonValue | undefined) {
  if (Array.isArray(planned) && Array.isArray(now)) {
    return Array.from({ length: Math.max(planned.length, now.length) }, (_, i) => ({
      path: String(i),
      planned: planned[i],
      now: now[i],
    }));
  }
  if (isJsonObject(planned) && isJsonObject(now)) {
    const keys = new Set([...Object.keys(planned), ...Object.keys(now)]);
    return [...keys].sort().map((key) => ({ path: escape(key), planned: own(planned, key), now: own(now, key) }));
  }
  return undefined;
}

function own(object: { [key: string]: JsonValue }, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** RFC 6901. */
function escape(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
