import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { resolvedReferences, type ResolvedReference, type SchemaReference, type SchemaType } from '../format.js';

/**
 * Answers of the reference registry, recorded case by case (`test/fixtures/conformance`; what the members mean is told in the README there).
 */

export interface ReferencedCase {
  readonly subject: string;
  readonly version: number;
  readonly schema: string;
  readonly schemaType?: SchemaType;
  readonly references?: readonly SchemaReference[];
}

export interface CaseSchema {
  readonly schema: string;
  readonly schemaType?: SchemaType;
  readonly references?: readonly SchemaReference[];
}

export interface VerdictCase {
  readonly id: string;
  readonly format: SchemaType;
  readonly level: string;
  readonly policy: string | null;
  readonly earlier: readonly CaseSchema[];
  readonly new: CaseSchema;
  readonly referenced?: readonly ReferencedCase[];
  readonly compatible: boolean;
  readonly messages: readonly string[];
  readonly messages_stable?: boolean;
  readonly reference_bug?: boolean;
  readonly alternatives?: readonly { readonly compatible: boolean }[];
  readonly heavy?: boolean;
  /** Of a reference bug: what is wrong, and what another release answers. */
  readonly note?: string;
}

export interface ParseCase {
  readonly id: string;
  readonly format: SchemaType;
  readonly schema: string;
  readonly references?: readonly SchemaReference[];
  readonly referenced?: readonly ReferencedCase[];
  readonly accepted: boolean;
  readonly error_code: number | null;
  readonly message: string | null;
  readonly reference_bug?: boolean;
  readonly alternatives?: readonly { readonly accepted: boolean; readonly error_code: number | null }[];
}

export interface CanonicalCase {
  readonly id: string;
  readonly format: SchemaType;
  readonly schema: string;
  readonly references?: readonly SchemaReference[];
  readonly referenced?: readonly ReferencedCase[];
  readonly metadata?: object;
  readonly stored: string;
  readonly guid: string;
  readonly stored_normalized: string;
  readonly guid_normalized: string;
  readonly same_as?: readonly string[];
  readonly formats?: Readonly<Record<string, string>>;
}

/** The cases of one file of the fixture folder. */
export function conformanceCases<Case>(name: string): readonly Case[] {
  const path = fileURLToPath(new URL(`../../../../test/fixtures/conformance/${name}.jsonl.br`, import.meta.url));
  return brotliDecompressSync(readFileSync(path))
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Case);
}

/** Raised where a registry would not find what a reference names. */
export class UnknownReference extends Error {}

/** What a registry with these schemas would resolve the references to: depth first, the first occurrence of a name wins. */
export function resolveReferences(
  references: readonly SchemaReference[],
  registered: readonly (ReferencedCase & { readonly canonical: string })[],
  type: SchemaType,
): readonly ResolvedReference[] {
  const seen = new Map<string, ResolvedReference>();
  collectReferences(references, registered, type, seen);
  return resolvedReferences(seen, references);
}

function collectReferences(
  references: readonly SchemaReference[],
  registered: readonly (ReferencedCase & { readonly canonical: string })[],
  type: SchemaType,
  seen: Map<string, ResolvedReference>,
): void {
  for (const { name, subject, version } of references) {
    if (seen.has(name)) continue;
    const versions = registered.filter((one) => one.subject === subject);
    const found = version === -1 ? versions.at(-1) : versions.find((one) => one.version === version);
    if (found === undefined) throw new UnknownReference(`${subject} ${version}`);
    collectReferences(found.references ?? [], registered, type, seen);
    if (seen.has(name)) continue;
    seen.set(name, {
      name,
      schemaType: found.schemaType ?? type,
      text: found.canonical,
      references: found.references ?? [],
    });
  }
}
