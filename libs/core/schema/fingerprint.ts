import { createHash } from 'node:crypto';
import type { SchemaReference } from './format.js';

/** What a schema version carries beside its text (data contract). Members are absent rather than empty where the client sent nothing. */
export interface SchemaMetadata {
  readonly tags?: Readonly<Record<string, readonly string[]>>;
  readonly properties?: Readonly<Record<string, string>>;
  readonly sensitive?: readonly string[];
}

export interface SchemaRule {
  readonly name?: string;
  readonly doc?: string;
  readonly kind?: string;
  readonly mode?: string;
  readonly type?: string;
  readonly tags?: readonly string[];
  readonly params?: Readonly<Record<string, string>>;
  readonly expr?: string;
  readonly onSuccess?: string;
  readonly onFailure?: string;
  readonly disabled?: boolean;
}

export interface SchemaRuleSet {
  readonly migrationRules?: readonly SchemaRule[];
  readonly domainRules?: readonly SchemaRule[];
  readonly encodingRules?: readonly SchemaRule[];
  readonly enableAt?: string;
}

/** The content whose identity is asked for. */
export interface SchemaContent {
  /** Canonical (or normalised) text. */
  readonly text: string;
  /** In the order registered. */
  readonly references?: readonly SchemaReference[];
  readonly metadata?: SchemaMetadata | null;
  readonly ruleSet?: SchemaRuleSet | null;
}

export interface Fingerprint {
  /** 16 bytes. */
  readonly md5: Uint8Array;
  /** The same as a UUID in lower case, no version bits forced. Equal over subjects, contexts and registries. */
  readonly guid: string;
}

/**
 * The identity of a schema content (registry contract, section 3.1): MD5 over text, references, metadata and rules, without separators. The type,
 * subject, version and id take no part. Distinct contents can in theory share a digest: compare the contents before reusing an id.
 */
export function fingerprint(content: SchemaContent): Fingerprint {
  const hash = createHash('md5');
  const add = (text: string | undefined): void => {
    if (text !== undefined) hash.update(text, 'utf8');
  };
  const present = (): void => void hash.update(PRESENT);

  add(content.text);
  for (const { name, subject, version } of content.references ?? []) {
    add(name);
    add(subject);
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(version);
    hash.update(bytes);
  }
  if (content.metadata) {
    present();
    for (const [path, tags] of sortedEntries(content.metadata.tags)) {
      add(path);
      [...tags].sort().forEach(add);
    }
    for (const [key, value] of sortedEntries(content.metadata.properties)) {
      add(key);
      add(value);
    }
    [...(content.metadata.sensitive ?? [])].sort().forEach(add);
  }
  if (content.ruleSet) {
    present();
    const { migrationRules = [], domainRules = [], encodingRules = [], enableAt } = content.ruleSet;
    for (const rule of [...migrationRules, ...domainRules, ...encodingRules]) {
      for (const text of [rule.name, rule.doc, rule.kind, rule.mode, rule.type]) add(text);
      [...(rule.tags ?? [])].sort().forEach(add);
      for (const [key, value] of sortedEntries(rule.params)) {
        add(key);
        add(value);
      }
      for (const text of [rule.expr, rule.onSuccess, rule.onFailure]) add(text);
      if (rule.disabled === true) present();
    }
    add(enableAt);
  }
  const md5 = new Uint8Array(hash.digest());
  return { md5, guid: guidOf(md5) };
}

/** 16 bytes in the text form of a UUID. */
export function guidOf(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const PRESENT = Uint8Array.of(1);

function sortedEntries<T>(record: Readonly<Record<string, T>> | undefined): [string, T][] {
  return Object.entries(record ?? {}).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
