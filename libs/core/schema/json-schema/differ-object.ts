import type { JsonDiffer } from './differ.js';
import { compareBound } from './differ-scalar.js';
import type { Findings } from './findings.js';
import type { ObjectNode, SchemaNode } from './node.js';
import type { PatternFinder } from './regex.js';

/** Objects: required, properties, dependencies, additional and unevaluated properties, bounds. */
export function compareObjects(differ: JsonDiffer, o: ObjectNode, u: ObjectNode, out: Findings): void {
  compareRequired(o, u, out);
  if (out.ended) return;
  compareProperties(differ, o, u, out);
  if (out.ended) return;
  compareDependencies(differ, o, u, out);
  compareAdditional(differ, o, u, out);
  compareUnevaluated(differ, o, u, out);
  compareBound(o.maxProperties, u.maxProperties, 'MAX_PROPERTIES', 'maxProperties', out);
  compareBound(o.minProperties, u.minProperties, 'MIN_PROPERTIES', 'minProperties', out);
}

/** Only properties that both sides declare; required names that are declared nowhere are never compared. */
function compareRequired(o: ObjectNode, u: ObjectNode, out: Findings): void {
  for (const name of o.properties.keys()) {
    const property = u.properties.get(name);
    if (property === undefined || o.required.has(name) === u.required.has(name)) continue;
    if (o.required.has(name)) out.add('REQUIRED_ATTRIBUTE_REMOVED', 'required', name);
    else if (hasDefault(property)) out.add('REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED', 'required', name);
    else out.add('REQUIRED_ATTRIBUTE_ADDED', 'required', name);
  }
}

function compareProperties(differ: JsonDiffer, o: ObjectNode, u: ObjectNode, out: Findings): void {
  for (const [name, original] of o.properties) {
    const update = u.properties.get(name);
    if (update === undefined) removed(differ, name, original, u, out, ['properties', name]);
    else out.include(differ.compare(original, update), 'properties', name);
    if (out.ended) return;
  }
  for (const [name, update] of u.properties) {
    if (o.properties.has(name)) continue;
    added(differ, name, update, o, u, out, ['properties', name]);
    if (out.ended) return;
  }
}

/** A property that only the original declares: the update's content model decides what becomes of data that has it. */
function removed(
  differ: JsonDiffer,
  name: string,
  original: SchemaNode,
  u: ObjectNode,
  out: Findings,
  path: readonly string[],
): void {
  if (isOpen(u)) {
    out.add('PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL', ...path);
    return;
  }
  const covering = coveringSchema(differ.patterns, u, name);
  if (covering !== null) {
    const findings = differ.compare(original, covering);
    out.include(findings, ...path);
    out.add(
      findings.compatible
        ? 'PROPERTY_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL'
        : 'PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL',
      ...path,
    );
  } else {
    out.add(
      original.kind === 'false'
        ? 'PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL'
        : 'PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL',
      ...path,
    );
  }
}

/** A property that only the update declares: the original's content model decides whether data may hold it already, as something else. */
function added(
  differ: JsonDiffer,
  name: string,
  update: SchemaNode,
  o: ObjectNode,
  u: ObjectNode,
  out: Findings,
  path: readonly string[],
): void {
  const required = u.required.has(name);
  if (isOpen(o)) {
    if (update.kind === 'empty' || update.kind === 'true') {
      out.add('PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL', ...path);
    } else if (!required) {
      out.add('OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL', ...path);
    } else if (hasDefault(update)) {
      out.add('REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL', ...path);
    } else {
      out.add('REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL', ...path);
    }
    return;
  }
  const covering = coveringSchema(differ.patterns, o, name);
  if (covering !== null) {
    const findings = differ.compare(covering, update);
    out.include(findings, ...path);
    out.add(
      findings.compatible
        ? 'PROPERTY_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL'
        : 'PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL',
      ...path,
    );
  }
  if (!required) out.add('OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL', ...path);
  else if (hasDefault(update)) out.add('REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL', ...path);
  else out.add('REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL', ...path);
}

/** Any further property may occur, with any value. An object with `patternProperties` is never open, whatever else it permits. */
export function isOpen(node: ObjectNode): boolean {
  return node.patternProperties.size === 0 && takesFurther(node);
}

/** Any further property may occur beside those that patterns are given for. */
export function takesFurther(node: ObjectNode): boolean {
  const { unevaluated } = node;
  return (
    node.additional === null &&
    node.permitsAdditional &&
    (unevaluated === null || unevaluated.kind === 'true' || unevaluated.kind === 'empty')
  );
}

/** The schema that further properties of this name must meet in an object that is not open, or null when none may occur. */
export function coveringSchema(patterns: PatternFinder, node: ObjectNode, name: string): SchemaNode | null {
  for (const [pattern, schema] of node.patternProperties) {
    if (patterns.finds(pattern, name)) return schema;
  }
  if (node.additional !== null) return node.additional;
  const { unevaluated, permitsAdditional } = node;
  if (!permitsAdditional || unevaluated === null) return null;
  return unevaluated.kind === 'true' || unevaluated.kind === 'false' ? null : unevaluated;
}

function compareDependencies(differ: JsonDiffer, o: ObjectNode, u: ObjectNode, out: Findings): void {
  for (const name of new Set([...o.propertyDependencies.keys(), ...u.propertyDependencies.keys()])) {
    const path = ['dependencies', name];
    const [original, update] = [o.propertyDependencies.get(name), u.propertyDependencies.get(name)];
    if (update === undefined) out.add('DEPENDENCY_ARRAY_REMOVED', ...path);
    else if (original === undefined) out.add('DEPENDENCY_ARRAY_ADDED', ...path);
    else {
      const lost = [...original].some((one) => !update.has(one));
      const gained = [...update].some((one) => !original.has(one));
      if (lost && gained) out.add('DEPENDENCY_ARRAY_CHANGED', ...path);
      else if (gained) out.add('DEPENDENCY_ARRAY_EXTENDED', ...path);
      else if (lost) out.add('DEPENDENCY_ARRAY_NARROWED', ...path);
    }
  }
  for (const name of new Set([...o.schemaDependencies.keys(), ...u.schemaDependencies.keys()])) {
    const path = ['dependencies', name];
    const [original, update] = [o.schemaDependencies.get(name), u.schemaDependencies.get(name)];
    if (update === undefined) out.add('DEPENDENCY_SCHEMA_REMOVED', ...path);
    else if (original === undefined) out.add('DEPENDENCY_SCHEMA_ADDED', ...path);
    else out.include(differ.compare(original, update), ...path);
    if (out.ended) return;
  }
}

function compareAdditional(differ: JsonDiffer, o: ObjectNode, u: ObjectNode, out: Findings): void {
  const path = 'additionalProperties';
  if (o.permitsAdditional !== u.permitsAdditional) {
    out.add(u.permitsAdditional ? 'ADDITIONAL_PROPERTIES_ADDED' : 'ADDITIONAL_PROPERTIES_REMOVED', path);
  } else if (o.additional === null && u.additional !== null) out.add('ADDITIONAL_PROPERTIES_NARROWED', path);
  else if (o.additional !== null && u.additional === null) out.add('ADDITIONAL_PROPERTIES_EXTENDED', path);
  else differ.compareOptional(o.additional, u.additional, out, path);
}

function compareUnevaluated(differ: JsonDiffer, o: ObjectNode, u: ObjectNode, out: Findings): void {
  compareUnevaluatedSchemas(
    differ,
    o.unevaluated,
    u.unevaluated,
    'UNEVALUATED_PROPERTIES',
    'unevaluatedProperties',
    out,
  );
}

/** The keyword of the modern drafts, for properties and items alike. */
export function compareUnevaluatedSchemas(
  differ: JsonDiffer,
  o: SchemaNode | null,
  u: SchemaNode | null,
  name: 'UNEVALUATED_PROPERTIES' | 'UNEVALUATED_ITEMS',
  path: string,
  out: Findings,
): void {
  if (o === null && u === null) return;
  if (o === null) out.add(u!.kind === 'false' ? `${name}_REMOVED` : `${name}_NARROWED`, path);
  else if (u === null) out.add(o.kind === 'false' ? `${name}_ADDED` : `${name}_EXTENDED`, path);
  else if (o.kind === 'false' && u.kind !== 'false') out.add(`${name}_ADDED`, path);
  else if (o.kind !== 'false' && u.kind === 'false') out.add(`${name}_REMOVED`, path);
  else if (o.kind === 'true' && u.kind !== 'true') out.add(`${name}_NARROWED`, path);
  else if (o.kind !== 'true' && u.kind === 'true') out.add(`${name}_EXTENDED`, path);
  else out.include(differ.compare(o, u), path);
}

/** A default beside a `$ref` is not the property's. */
export function hasDefault(node: SchemaNode): boolean {
  return node.kind !== 'reference' && node.defaultText !== undefined;
}
