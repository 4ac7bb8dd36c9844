import type { JsonObject } from '#libs/core/kernel';
import { readAddress } from '#libs/core/schema';
import type { MigrationParameters } from './parameters.js';
import type { SampledRecord } from './sampled-records.js';
import type { SchemaIdRules } from './schema-id-rewriter.js';
import type { NamedBy, SchemaIds } from './schema-ids.js';

/** A schema that records name and the target context does not have. */
export interface Untranslated {
  /** Its id at the source, or its GUID. */
  readonly name: string;
  readonly subject: string;
}

/** Schemas that sampled values, and keys where these are rewritten, name and that would have to be registered, by name. */
export async function untranslatedIn(
  samples: readonly SampledRecord[],
  { schemaIds }: MigrationParameters,
  tools: { readonly schemaIds: SchemaIds },
): Promise<readonly Untranslated[]> {
  if (!schemaIds) return [];
  const names = new Map<string, NamedBy>();
  for (const { record } of samples) {
    for (const part of schemaIds.keys === true ? (['value', 'key'] as const) : (['value'] as const)) {
      const bytes = record[part];
      const named = bytes === null ? undefined : readAddress(part, bytes, record.headers)?.envelope;
      if (named?.form === 'id') names.set(String(named.schemaId), { id: named.schemaId });
      if (named?.form === 'guid') names.set(named.guid, { guid: named.guid });
    }
  }
  const found: Untranslated[] = [];
  for (const [name, named] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const translated = await tools.schemaIds.translate(schemaIds.from, schemaIds.to, named);
    if (translated.kind === 'unknown-there') found.push({ name, subject: translated.subject });
  }
  return found;
}

/** As the plan shows it. */
export function idsToJson(rules: SchemaIdRules, untranslated: readonly Untranslated[]): JsonObject {
  const { from, to, register, strict, keys = false } = rules;
  return { from: { ...from }, to, register, strict, keys, unknown: untranslated.map((one) => ({ ...one })) };
}
