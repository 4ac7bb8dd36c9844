import type { JsonObject, JsonValue } from '#libs/core/kernel';
import type { Observation } from './observation.js';
import type { ProposalOptions } from './propose-avro.js';
import { enumCandidates, isMap } from './shape.js';
import type { TextForm } from './text-forms.js';

/** Forms that JSON Schema has a `format` for. */
const FORMATS: readonly TextForm[] = ['uuid', 'date-time', 'date', 'time', 'email', 'uri', 'ipv4'];

/**
 * A JSON Schema of draft 7 that takes every sample. Objects are closed: with an open one no optional property could be added later without breaking compatibility
 * under the strict policy (contract 3.9).
 */
export function proposeJsonSchema(observed: Observation, options: ProposalOptions): string {
  const schema = { $schema: 'http://json-schema.org/draft-07/schema#', title: options.name };
  return JSON.stringify({ ...schema, ...typed(observed, options) });
}

/** One schema for all kinds at a place: each keyword concerns one kind of value only. */
function typed(observed: Observation, options: ProposalOptions): JsonObject {
  const { counts } = observed;
  const types: string[] = [];
  const more: JsonObject = {};
  if (counts.null > 0) types.push('null');
  if (counts.boolean > 0) types.push('boolean');
  if (counts.number > 0) types.push('number');
  else if (counts.integer > 0) types.push('integer');
  if (counts.string > 0) {
    types.push('string');
    const symbols = options.enums ? enumCandidates(observed) : undefined;
    const format = FORMATS.find((one) => observed.forms?.has(one));
    const alone = types.every((type) => type === 'null' || type === 'string') && counts.array + counts.object === 0;
    if (symbols !== undefined && alone) more['enum'] = [...(counts.null > 0 ? [null] : []), ...symbols];
    else if (format !== undefined) more['format'] = format;
  }
  if (counts.array > 0) {
    types.push('array');
    if (observed.items !== undefined) more['items'] = typed(observed.items, options);
  }
  if (counts.object > 0) {
    types.push('object');
    Object.assign(more, objectKeywords(observed, options));
  }
  return { type: types.length === 1 ? types[0]! : types, ...more };
}

function objectKeywords(observed: Observation, options: ProposalOptions): JsonObject {
  if (isMap(observed, () => true)) {
    return observed.members?.size === 0 ? {} : { additionalProperties: typed(observed.mapValues, options) };
  }
  const members = [...observed.members!];
  const required = members.filter(([, member]) => member.seen === observed.counts.object).map(([name]) => name);
  return {
    properties: Object.fromEntries(
      members.map(([name, member]): [string, JsonValue] => [name, typed(member, options)]),
    ),
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  };
}
