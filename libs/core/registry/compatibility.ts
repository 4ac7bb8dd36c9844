import {
  judge,
  verdictMessages,
  type EarlierVersion,
  type ParsedSchema,
  type SchemaFormats,
  type SchemaMetadata,
  type Verdict,
} from '#libs/core/schema';
import { levelOf, policyOf } from './config.js';
import { propertyOf, reservedNames } from './data-contract.js';
import type { RegistryConfig } from './model.js';

/** An earlier version that takes part in a check. */
export interface ComparedVersion {
  readonly version: number;
  readonly metadata: SchemaMetadata | null;
  /** Parsed when first asked for. */
  readonly schema: () => ParsedSchema;
}

export interface CompatibilityQuestion {
  readonly candidate: ParsedSchema;
  readonly metadata: SchemaMetadata | null;
  /** Live versions, newest first. */
  readonly earlier: readonly ComparedVersion[];
  readonly config: RegistryConfig;
  /** False: the level's direction, but only against the given versions' newest, as for an explicit version. */
  readonly history: boolean;
}

export interface CompatibilityAnswer {
  readonly compatible: boolean;
  readonly verdict: Verdict;
  /** Broken rules that are not about reading data: reserved fields. They count at every level. */
  readonly violations: readonly string[];
  /** Everything as the Confluent API lists it. Empty when compatible. */
  readonly messages: readonly string[];
}

/**
 * Whether a schema may follow the versions there are: reserved fields against the latest version, then the level against the versions of the same
 * compatibility group.
 */
export function checkCompatibility(formats: SchemaFormats, question: CompatibilityQuestion): CompatibilityAnswer {
  const { candidate, metadata, config } = question;
  const violations =
    config.validateFields === true ? reservedFieldViolations(candidate, metadata, question.earlier[0]) : [];
  const earlier = sameGroup(question.earlier, metadata, config.compatibilityGroup).map(
    ({ version, schema }): EarlierVersion => ({ version, schema }),
  );
  const verdict = judge(formats, {
    level: levelOf(config),
    candidate,
    earlier: question.history ? earlier : earlier.slice(0, 1),
    policy: policyOf(config),
  });
  const messages = verdictMessages(formats, verdict, { validateFields: config.validateFields === true, violations });
  return { compatible: verdict.compatible && violations.length === 0, verdict, violations, messages };
}

/** Names may be added to the reserved list but not taken from it, and no top-level field may carry one. */
function reservedFieldViolations(
  candidate: ParsedSchema,
  metadata: SchemaMetadata | null,
  latest: ComparedVersion | undefined,
): readonly string[] {
  const reserved = new Set(reservedNames(metadata));
  const removed = reservedNames(latest?.metadata).filter((name) => !reserved.has(name));
  const used = candidate.topLevelFieldNames.filter((name) => reserved.has(name));
  return [
    ...removed.map(
      (name) =>
        `The new schema has reserved field ${name} removed from its metadata which is present in the old schema's metadata.`,
    ),
    ...used.map((name) => `The new schema has field that conflicts with the reserved field ${name}.`),
  ];
}

/** Versions whose value of the group's property equals the candidate's; absent equals absent. */
function sameGroup(
  earlier: readonly ComparedVersion[],
  metadata: SchemaMetadata | null,
  group: string | undefined,
): readonly ComparedVersion[] {
  if (group === undefined) return earlier;
  const wanted = propertyOf(metadata, group);
  return earlier.filter((version) => propertyOf(version.metadata, group) === wanted);
}
