import { isJsonObject } from '#libs/core/kernel';
import type { DigestPart, SchemaDigest } from '../digest.js';

/**
 * A record by its fields. A field that is there on both sides with the same text as its type reads the other, given that the same named types are declared in the same
 * order; a field of the reader that the writer lacks takes its default.
 * @param canonical the canonical text of a schema without references.
 * @returns undefined for what is no record, and where aliases may change what a field means.
 */
export function avroDigest(canonical: string): SchemaDigest | undefined {
  if (!canonical.startsWith('{"type":"record"') || canonical.includes('"aliases"')) return undefined;
  const { name, namespace, fields } = JSON.parse(canonical) as Record<string, unknown>;
  if (!Array.isArray(fields)) return undefined;
  const parts: DigestPart[] = [];
  const declarations: string[] = [];
  for (const field of fields) {
    if (!isJsonObject(field) || typeof field['name'] !== 'string') return undefined;
    const content = JSON.stringify(field['type']);
    parts.push({ name: field['name'], content, required: !Object.hasOwn(field, 'default') });
    if (content.includes('"name":')) declarations.push(content);
  }
  return { frame: JSON.stringify(['AVRO', name, namespace, ...declarations]), parts };
}
