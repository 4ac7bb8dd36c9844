import {
  fingerprint,
  type SchemaMetadata,
  type SchemaReading,
  type SchemaReference,
  type SchemaRuleSet,
  type SchemaSource,
} from '#libs/core/schema';
import { propertyOf, VERSION_PROPERTY, withoutProperty } from './data-contract.js';
import type { SchemaRecord, StoredSchema, VersionRow } from './model.js';
import type { ReferenceTarget } from './store.js';

/** A schema somebody sent, understood, with its references found. */
export interface Candidate {
  readonly source: SchemaSource;
  /** Whether it is the normalised schema that was read, compared and will be stored. */
  readonly normalize: boolean;
  readonly reading: SchemaReading;
  /** As they will be stored: versions as numbers. */
  readonly references: readonly SchemaReference[];
  readonly targets: readonly ReferenceTarget[];
  /** Whether some reference was given as "latest". */
  readonly namedLatest: boolean;
}

/** A stored version with its schema. */
export interface LoadedVersion {
  readonly row: VersionRow;
  readonly schema: StoredSchema;
  readonly source: SchemaSource;
}

/** The candidate as a content with an identity (contract 3.1). */
export function contentOf(
  candidate: Candidate,
  metadata: SchemaMetadata | null,
  ruleSet: SchemaRuleSet | null,
): SchemaRecord {
  const { reading, references } = candidate;
  const text = reading.canonical;
  const { guid } = fingerprint({ text, references, metadata, ruleSet });
  return { guid, schemaType: reading.type, text, references, metadata, ruleSet };
}

/**
 * Whether a stored version counts as the same as what was sent although it is not identical (contract 3.3): the schemas are equal once references are
 * resolved, where the sender left references open or inlined their types; the version property in metadata is overlooked when the sender has none.
 * @param read reads the stored schema; only asked where the rest agrees.
 */
export async function isEquivalent(
  candidate: Candidate,
  metadata: SchemaMetadata | null,
  ruleSet: SchemaRuleSet | null,
  { schema }: LoadedVersion,
  read: () => Promise<SchemaReading>,
): Promise<boolean> {
  if (schema.schemaType !== candidate.reading.type) return false;
  if (!sameMetadata(metadata, schema.metadata) || !sameJson(ruleSet, schema.ruleSet)) return false;
  const referencesAgree =
    candidate.namedLatest || candidate.references.length === 0 || sameJson(candidate.references, schema.references);
  if (!referencesAgree || candidate.reading.equivalence === null) return false;
  return candidate.reading.equivalence === (await read()).equivalence;
}

function sameMetadata(sent: SchemaMetadata | null, stored: SchemaMetadata | null): boolean {
  if (sameJson(sent, stored)) return true;
  return propertyOf(sent, VERSION_PROPERTY) === undefined && sameJson(sent, withoutProperty(stored, VERSION_PROPERTY));
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
}
