import type { SchemaMetadata, SchemaRuleSet, TagEdit } from '#libs/core/schema';
import { mergedRuleSets, VERSION_PROPERTY, withoutRules, withProperty } from './data-contract.js';
import { ruleSetInvalid } from './errors.js';
import type { StoredSchema } from './model.js';
import type { SentRegistration } from './sent-schema.js';

/** What a new version has that the one it is made of has not; absent and null mean the same. */
export interface SentRetagging {
  /** Number of the new version; the next one when left out. */
  readonly newVersion?: number | null;
  readonly tags?: readonly TagEdit[];
  /** In the place of what is there. */
  readonly metadata?: SchemaMetadata | null;
  readonly ruleSet?: SchemaRuleSet | null;
  /** Rules to add to those of the latest version, or to put in the place of those of the same name. */
  readonly rulesToMerge?: SchemaRuleSet | null;
  /** Names of rules to leave out. */
  readonly rulesToRemove?: readonly string[] | null;
}

/** A rule set is given, or changed. @throws `rule-set-invalid` for both. */
export function requireOneSource({ ruleSet, rulesToMerge, rulesToRemove }: SentRetagging): void {
  if (ruleSet && (rulesToMerge ?? rulesToRemove)) {
    throw ruleSetInvalid('ruleSet is given together with rulesToMerge or rulesToRemove');
  }
}

/** The registration that makes the new version. Its version property makes it differ from every version there is. */
export function retagged(base: StoredSchema, latest: StoredSchema, sent: SentRetagging): SentRegistration {
  const { newVersion, tags = [], rulesToMerge, rulesToRemove } = sent;
  const changesRules = (rulesToMerge ?? rulesToRemove ?? null) !== null;
  const merged = changesRules ? mergedRuleSets(latest.ruleSet, rulesToMerge) : null;
  return {
    schema: base.text,
    schemaType: base.schemaType,
    references: base.references,
    metadata: withProperty(sent.metadata ?? base.metadata, VERSION_PROPERTY, '0'),
    ruleSet: merged === null ? (sent.ruleSet ?? null) : withoutRules(merged, rulesToRemove ?? []),
    version: newVersion ?? 0,
    tags,
  };
}
