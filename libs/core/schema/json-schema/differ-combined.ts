import type { JsonDiffer } from './differ.js';
import type { Findings } from './findings.js';
import { maximumMatching } from './matching.js';
import type { CombinedNode, SchemaNode } from './node.js';

/**
 * Where only one side is a combination: whether a member of it alone settles the pair. True when it does; otherwise the pair is compared like any other.
 */
export function tryCombined(differ: JsonDiffer, o: SchemaNode, u: SchemaNode, out: Findings): boolean {
  if (u.kind === 'combined' && o.kind !== 'combined') {
    const singleton = u.members.length === 1;
    if (!singleton && u.criterion === 'allOf') return false;
    for (const member of u.members) {
      const findings = differ.trial(o, member);
      if (findings === null) continue;
      out.include(findings);
      if (!singleton) out.add('SUM_TYPE_EXTENDED');
      return true;
    }
  } else if (o.kind === 'combined' && u.kind !== 'combined') {
    const singleton = o.members.length === 1;
    if (!singleton && o.criterion !== 'allOf') return false;
    for (const member of o.members) {
      const findings = differ.trial(member, u);
      if (findings === null) continue;
      out.include(findings);
      if (!singleton) out.add('PRODUCT_TYPE_NARROWED');
      return true;
    }
  }
  return false;
}

/** Both sides are combinations: the criterion, the number of members, and a largest matching of compatible members. */
export function compareCombined(differ: JsonDiffer, o: CombinedNode, u: CombinedNode, out: Findings): void {
  if (o.criterion !== u.criterion) {
    if (!extendsCriterion(o, u)) {
      out.add('COMBINED_TYPE_CHANGED');
      return;
    }
    out.add('COMBINED_TYPE_EXTENDED');
  }
  const [originals, updates] = [differ.sameness.distinct(o.members), differ.sameness.distinct(u.members)];
  if (originals.length < updates.length) {
    out.add(u.criterion === 'allOf' ? 'PRODUCT_TYPE_EXTENDED' : 'SUM_TYPE_EXTENDED');
  } else if (originals.length > updates.length) {
    out.add(o.criterion === 'allOf' ? 'PRODUCT_TYPE_NARROWED' : 'SUM_TYPE_NARROWED');
  }
  if (out.ended) return;
  const most = Math.min(originals.length, updates.length);
  const needed = out.endsWith('COMBINED_TYPE_SUBSCHEMAS_CHANGED') ? most : 0;
  const matched = matchedMembers(differ, originals, updates, needed);
  for (const { findings, index } of matched) out.include(findings, `${o.criterion}/${index}`);
  if (matched.length < most) out.add('COMBINED_TYPE_SUBSCHEMAS_CHANGED');
}

interface MatchedMembers {
  readonly original: SchemaNode;
  readonly update: SchemaNode;
  /** Place of `original` among its members. */
  readonly index: number;
  readonly findings: Findings;
}

/**
 * As many members as possible, each with one of the other side that it is compatible with.
 * @param needed a smaller number of them counts as none: the rest is not tried once there are too many that fit nothing.
 */
export function matchedMembers(
  differ: JsonDiffer,
  originals: readonly SchemaNode[],
  updates: readonly SchemaNode[],
  needed = 0,
): readonly MatchedMembers[] {
  const compared: (Findings | null)[][] = [];
  const edges: number[][] = [];
  let left = originals.length;
  for (const original of originals) {
    const row = updates.map((update) => differ.trial(original, update));
    const fitting = row.flatMap((findings, j) => (findings === null ? [] : [j]));
    if (fitting.length === 0 && --left < needed) return [];
    compared.push(row);
    edges.push(fitting);
  }
  return maximumMatching(edges, updates.length).flatMap((partner, index) =>
    partner === undefined
      ? []
      : [{ original: originals[index]!, update: updates[partner]!, index, findings: compared[index]![partner]! }],
  );
}

function extendsCriterion(o: CombinedNode, u: CombinedNode): boolean {
  const [one, other] = [o.members.length === 1, u.members.length === 1];
  return (
    u.criterion === 'anyOf' || (one && other) || (one && u.criterion === 'oneOf') || (other && o.criterion === 'allOf')
  );
}
