import { decimalOf } from '../java-numbers.js';
import type { Findings } from './findings.js';
import type { JsonDifferenceKind } from './kinds.js';
import type { EnumNode, NumberNode, StringNode } from './node.js';

export function compareStrings(o: StringNode, u: StringNode, out: Findings): void {
  compareBound(o.maxLength, u.maxLength, 'MAX_LENGTH', 'maxLength', out);
  compareBound(o.minLength, u.minLength, 'MIN_LENGTH', 'minLength', out);
  if (o.pattern === u.pattern) return;
  if (o.pattern === null) out.add('PATTERN_ADDED', 'pattern');
  else if (u.pattern === null) out.add('PATTERN_REMOVED', 'pattern');
  // Which strings two patterns share is not looked into: another text is another pattern.
  else out.add('PATTERN_CHANGED', 'pattern');
}

export function compareNumbers(o: NumberNode, u: NumberNode, out: Findings): void {
  compareBound(number(o.maximum), number(u.maximum), 'MAXIMUM', 'maximum', out);
  compareBound(number(o.minimum), number(u.minimum), 'MINIMUM', 'minimum', out);
  compareExclusiveMaximum(o, u, out);
  compareBound(number(o.exclusiveMinimum), number(u.exclusiveMinimum), 'EXCLUSIVE_MINIMUM', 'exclusiveMinimum', out);
  const multiple = multipleOfDifference(o.multipleOf, u.multipleOf);
  if (multiple !== null) out.add(multiple, 'multipleOf');
  if (o.integer !== u.integer) out.add(o.integer ? 'TYPE_EXTENDED' : 'TYPE_NARROWED');
}

/**
 * Where the update has a `maximum` too, the reference holds the original's exclusive maximum against that one; a bound lowered beneath a higher `maximum` goes
 * unnoticed. Where it has none, the reference fails and the ordinary comparison stands in.
 */
function compareExclusiveMaximum(o: NumberNode, u: NumberNode, out: Findings): void {
  const [original, update, maximum] = [number(o.exclusiveMaximum), number(u.exclusiveMaximum), number(u.maximum)];
  const lowered = original !== null && update !== null && original > update;
  if (lowered && maximum !== null && original <= maximum) return;
  compareBound(original, update, 'EXCLUSIVE_MAXIMUM', 'exclusiveMaximum', out);
}

export function compareEnums(o: EnumNode, u: EnumNode, out: Findings): void {
  const lost = [...o.values].some((value) => !u.values.has(value));
  const gained = [...u.values].some((value) => !o.values.has(value));
  if (lost && gained) out.add('ENUM_ARRAY_CHANGED', 'enum');
  else if (lost) out.add('ENUM_ARRAY_NARROWED', 'enum');
  else if (gained) out.add('ENUM_ARRAY_EXTENDED', 'enum');
}

/** The kinds that come in four: `<name>_ADDED`, `_REMOVED`, `_INCREASED`, `_DECREASED`. */
type BoundName =
  | 'MAX_LENGTH'
  | 'MIN_LENGTH'
  | 'MAXIMUM'
  | 'MINIMUM'
  | 'EXCLUSIVE_MAXIMUM'
  | 'EXCLUSIVE_MINIMUM'
  | 'MAX_PROPERTIES'
  | 'MIN_PROPERTIES'
  | 'MAX_ITEMS'
  | 'MIN_ITEMS'
  | 'MAX_CONTAINS'
  | 'MIN_CONTAINS';

export function compareBound(
  o: number | null,
  u: number | null,
  name: BoundName,
  keyword: string,
  out: Findings,
): void {
  if (o === null && u !== null) out.add(`${name}_ADDED`, keyword);
  else if (o !== null && u === null) out.add(`${name}_REMOVED`, keyword);
  else if (o! < u!) out.add(`${name}_INCREASED`, keyword);
  else if (o! > u!) out.add(`${name}_DECREASED`, keyword);
}

function number(text: string | null): number | null {
  return text === null ? null : Number(text);
}

/**
 * Release 8.3 compares the whole parts (and fails on a whole part of zero), and takes `2` and `2.0` for different. Where a whole part is zero, the exact
 * decimals decide.
 */
function multipleOfDifference(o: string | null, u: string | null): JsonDifferenceKind | null {
  if (o === null) return u === null ? null : 'MULTIPLE_OF_ADDED';
  if (u === null) return 'MULTIPLE_OF_REMOVED';
  const [original, update] = [decimalOf(o), decimalOf(u)];
  if (original === undefined || update === undefined) return o === u ? null : 'MULTIPLE_OF_CHANGED';
  if (original.digits === update.digits && original.scale === update.scale && original.negative === update.negative)
    return null;
  let [a, b] = [BigInt(Math.trunc(Number(o)) | 0), BigInt(Math.trunc(Number(u)) | 0)];
  if (a === 0n || b === 0n) {
    const scale = Math.max(original.scale, update.scale);
    // Numbers that far apart divide nothing that anyone writes.
    if (scale - Math.min(original.scale, update.scale) > 400) return 'MULTIPLE_OF_CHANGED';
    a = BigInt(original.digits) * 10n ** BigInt(scale - original.scale);
    b = BigInt(update.digits) * 10n ** BigInt(scale - update.scale);
    if (a === b || a === 0n || b === 0n) return a === b ? null : 'MULTIPLE_OF_CHANGED';
  }
  if (b % a === 0n) return 'MULTIPLE_OF_EXPANDED';
  return a % b === 0n ? 'MULTIPLE_OF_REDUCED' : 'MULTIPLE_OF_CHANGED';
}
