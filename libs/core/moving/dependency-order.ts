import { parseSubject, subjectText } from '#libs/core/registry';
import { keyOf, type EntryKey, type MovedVersion } from './entry.js';
import type { ImportStaging, StagedPlace } from './staging.js';

const PAGE = 200;

/** Puts the staged versions into an order in which each comes after those it refers to. Repeatable. */
export async function orderByReferences(staging: ImportStaging, id: string, signal: AbortSignal): Promise<void> {
  const keys = new Map<string, EntryKey>();
  const references = new Map<string, readonly string[]>();
  for (let after: StagedPlace | undefined; ;) {
    signal.throwIfAborted();
    const page = await staging.versions(id, after, PAGE);
    for (const { entry } of page) {
      if (entry.content.references.length === 0) continue;
      keys.set(nameOf(entry), keyOf(entry));
      references.set(
        nameOf(entry),
        entry.content.references.map((one) => targetOf(entry, one)),
      );
    }
    after = page.at(-1)?.place;
    if (after === undefined) break;
  }
  const ranks = [...ranksOf(references)].map(([name, rank]) => ({ key: keys.get(name)!, rank }));
  for (let at = 0; at < ranks.length; at += PAGE) await staging.rank(id, ranks.slice(at, at + PAGE));
}

/**
 * How many others stand below each name, one referring to the next; names that refer to nothing have none and are left out. A circle, which no registry has, is cut where it
 * is met.
 */
function ranksOf(references: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, number> {
  const ranks = new Map<string, number>();
  for (const start of references.keys()) {
    const stack = [start];
    const open = new Set<string>();
    for (let name = stack.at(-1); name !== undefined; name = stack.at(-1)) {
      const targets = references.get(name)!;
      const waiting = open.has(name)
        ? []
        : targets.filter((one) => references.has(one) && !ranks.has(one) && one !== name);
      open.add(name);
      const next = waiting.filter((one) => !open.has(one));
      if (next.length > 0) stack.push(...next);
      else {
        stack.pop();
        if (!ranks.has(name)) ranks.set(name, 1 + Math.max(0, ...targets.map((one) => ranks.get(one) ?? 0)));
      }
    }
  }
  return ranks;
}

function nameOf({ subject, version }: MovedVersion): string {
  return `${subjectText(subject)} ${version}`;
}

function targetOf(
  { subject: { context } }: MovedVersion,
  { subject, version }: { readonly subject: string; readonly version: number },
): string {
  return `${subjectText(parseSubject(subject, context))} ${version}`;
}
