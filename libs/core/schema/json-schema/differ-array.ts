import type { JsonDiffer } from './differ.js';
import { compareUnevaluatedSchemas } from './differ-object.js';
import { compareBound } from './differ-scalar.js';
import type { Findings } from './findings.js';
import type { ArrayNode, SchemaNode } from './node.js';

/** Arrays: the schema of all items, items by position, additional and unevaluated items, bounds. */
export function compareArrays(differ: JsonDiffer, o: ArrayNode, u: ArrayNode, out: Findings): void {
  differ.compareOptional(o.allItems, u.allItems, out, 'items');
  if (out.ended) return;
  compareTuples(differ, o, u, out);
  if (out.ended) return;
  compareAdditional(differ, o, u, out);
  compareUnevaluatedSchemas(differ, o.unevaluated, u.unevaluated, 'UNEVALUATED_ITEMS', 'unevaluatedItems', out);
  compareBound(o.maxItems, u.maxItems, 'MAX_ITEMS', 'maxItems', out);
  compareBound(o.minItems, u.minItems, 'MIN_ITEMS', 'minItems', out);
  if (o.uniqueItems !== u.uniqueItems) {
    out.add(o.uniqueItems ? 'UNIQUE_ITEMS_REMOVED' : 'UNIQUE_ITEMS_ADDED', 'uniqueItems');
  }
  compareBound(o.maxContains, u.maxContains, 'MAX_CONTAINS', 'maxContains', out);
  compareBound(o.minContains, u.minContains, 'MIN_CONTAINS', 'minContains', out);
}

function compareTuples(differ: JsonDiffer, o: ArrayNode, u: ArrayNode, out: Findings): void {
  const [originals, updates] = [o.items ?? [], u.items ?? []];
  for (let i = 0; i < Math.max(originals.length, updates.length); i++) {
    const path = `items/${i}`;
    const [original, update] = [originals[i], updates[i]];
    if (original !== undefined && update !== undefined) out.include(differ.compare(original, update), path);
    else if (original !== undefined) removed(differ, original, u, out, path);
    else added(differ, update!, o, out, path);
    if (out.ended) return;
  }
}

function removed(differ: JsonDiffer, original: SchemaNode, u: ArrayNode, out: Findings, path: string): void {
  if (isOpen(u)) {
    out.add('ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL', path);
    return;
  }
  const covering = coveringItems(u);
  if (covering !== null) {
    const findings = differ.compare(original, covering);
    out.include(findings, path);
    out.add(
      findings.compatible
        ? 'ITEM_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL'
        : 'ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL',
      path,
    );
  } else {
    out.add(
      original.kind === 'false'
        ? 'ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL'
        : 'ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL',
      path,
    );
  }
}

function added(differ: JsonDiffer, update: SchemaNode, o: ArrayNode, out: Findings, path: string): void {
  if (isOpen(o)) {
    const empty = update.kind === 'empty' || update.kind === 'true';
    out.add(empty ? 'ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL' : 'ITEM_ADDED_TO_OPEN_CONTENT_MODEL', path);
    return;
  }
  const covering = coveringItems(o);
  if (covering === null) {
    out.add('ITEM_ADDED_TO_CLOSED_CONTENT_MODEL', path);
    return;
  }
  const findings = differ.compare(covering, update);
  out.include(findings, path);
  out.add(
    findings.compatible
      ? 'ITEM_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL'
      : 'ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL',
    path,
  );
}

/** Any further item may follow. A schema for all items does not close the model. */
function isOpen(node: ArrayNode): boolean {
  const { unevaluated } = node;
  return (
    node.permitsAdditional &&
    node.additional === null &&
    (unevaluated === null || unevaluated.kind === 'true' || unevaluated.kind === 'empty')
  );
}

export function coveringItems(node: ArrayNode): SchemaNode | null {
  if (node.additional !== null) return node.additional;
  const { unevaluated, permitsAdditional } = node;
  if (!permitsAdditional || unevaluated === null) return null;
  return unevaluated.kind === 'true' || unevaluated.kind === 'false' ? null : unevaluated;
}

function compareAdditional(differ: JsonDiffer, o: ArrayNode, u: ArrayNode, out: Findings): void {
  const path = 'additionalItems';
  if (o.permitsAdditional !== u.permitsAdditional) {
    out.add(o.permitsAdditional ? 'ADDITIONAL_ITEMS_REMOVED' : 'ADDITIONAL_ITEMS_ADDED', path);
  } else if (o.additional === null && u.additional !== null) out.add('ADDITIONAL_ITEMS_NARROWED', path);
  else if (o.additional !== null && u.additional === null) out.add('ADDITIONAL_ITEMS_EXTENDED', path);
  else differ.compareOptional(o.additional, u.additional, out, path);
}
