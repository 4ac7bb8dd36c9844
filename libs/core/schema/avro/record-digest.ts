import { isJsonObject } from '#libs/core/kernel';

/** As much of a record as it takes to tell at once that it reads another one: most versions of a subject differ in a field or two. */
export interface RecordDigest {
  /** Name and namespace. */
  readonly name: string;
  /** The types of the fields that declare named types, in their order. */
  readonly declarations: string;
  /** The types of all fields, by the fields' names. */
  readonly types: ReadonlyMap<string, string>;
  /** Fields without a default. */
  readonly required: readonly string[];
}

/**
 * @param canonical the canonical text of a schema without references.
 * @returns undefined for what is no record, and where aliases may change what a field means.
 */
export function recordDigest(canonical: string): RecordDigest | undefined {
  if (!canonical.startsWith('{"type":"record"') || canonical.includes('"aliases"')) return undefined;
  const { name, namespace, fields } = JSON.parse(canonical) as Record<string, unknown>;
  if (!Array.isArray(fields)) return undefined;
  const types = new Map<string, string>();
  const required: string[] = [];
  const declarations: string[] = [];
  for (const field of fields) {
    if (!isJsonObject(field) || typeof field['name'] !== 'string') return undefined;
    const type = JSON.stringify(field['type']);
    types.set(field['name'], type);
    if (!Object.hasOwn(field, 'default')) required.push(field['name']);
    if (type.includes('"name":')) declarations.push(type);
  }
  return { name: JSON.stringify([name, namespace]), declarations: declarations.join('\n'), types, required };
}

/**
 * Whether data of the writer can be read for certain: records of one name, the same named types declared, each field of the reader there with the same text as
 * its type, or not there and with a default. Equal texts mean equal types then, which read each other. False says nothing: the schemas have to be compared.
 */
export function certainlyReads(reader: RecordDigest, writer: RecordDigest): boolean {
  if (reader.name !== writer.name || reader.declarations !== writer.declarations) return false;
  if (!reader.required.every((name) => writer.types.has(name))) return false;
  for (const [name, type] of reader.types) {
    const written = writer.types.get(name);
    if (written !== undefined && written !== type) return false;
  }
  return true;
}
