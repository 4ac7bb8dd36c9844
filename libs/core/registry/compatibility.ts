import {
  judge,
  verdictMessages,
  verdictsAtEveryLevel,
  verdictWarnings,
  type CompatibilityLevel,
  type CompatibilityPolicy,
  type EarlierVersion,
  type ParsedSchema,
  type SchemaFormats,
  type SchemaMetadata,
  type Verdict,
  type Warning,
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
  const { candidate, config } = question;
  const violations = violationsOf(question);
  const earlier = comparedVersions(question);
  const verdict = judge(formats, {
    level: levelOf(config),
    candidate,
    earlier: question.history ? earlier : earlier.slice(0, 1),
    policy: policyOf(config),
  });
  const messages = verdictMessages(formats, verdict, { validateFields: config.validateFields === true, violations });
  return { compatible: verdict.compatible && violations.length === 0, verdict, violations, messages };
}

/** The same question answered at every level. */
export interface Assessment {
  readonly candidate: ParsedSchema;
  /** The level in force. */
  readonly level: CompatibilityLevel;
  readonly policy: CompatibilityPolicy;
  /** In the order of the levels. */
  readonly verdicts: readonly Verdict[];
  /** See {@link CompatibilityAnswer.violations}. */
  readonly violations: readonly string[];
  /** The levels that count. */
  readonly levels: readonly CompatibilityLevel[];
  /** Whether the schema may follow at every level that counts. */
  readonly compatible: boolean;
  /** What is doubtful about the verdicts at the levels that count; they are no less the verdicts. */
  readonly warnings: readonly { readonly level: CompatibilityLevel; readonly warnings: readonly Warning[] }[];
}

/** Asks {@link checkCompatibility} at every level; at the level in force the answer is the same. */
export function assessCompatibility(
  formats: SchemaFormats,
  question: Omit<CompatibilityQuestion, 'history'> & { readonly levels: readonly CompatibilityLevel[] | undefined },
): Assessment {
  const { candidate, config } = question;
  const policy = policyOf(config);
  const level = levelOf(config);
  const levels = [...new Set(question.levels ?? [level])];
  const earlier = comparedVersions(question);
  const backward = judge(formats, { level: 'BACKWARD_TRANSITIVE', candidate, earlier, policy });
  const forward = judge(formats, { level: 'FORWARD_TRANSITIVE', candidate, earlier, policy });
  const verdicts = verdictsAtEveryLevel(backward, forward);
  const violations = violationsOf(question);
  const kept = verdicts.every((verdict) => verdict.compatible || !levels.includes(verdict.level));
  return {
    candidate,
    level,
    policy,
    verdicts,
    violations,
    levels,
    compatible: kept && violations.length === 0,
    warnings: levels.map((one) => ({
      level: one,
      warnings: verdictWarnings(formats, { level: one, candidate, earlier, policy }),
    })),
  };
}

function violationsOf({ candidate, metadata, earlier, config }: Omit<CompatibilityQuestion, 'history'>) {
  return config.validateFields === true ? reservedFieldViolations(candidate, metadata, earlier[0]) : [];
}

function comparedVersions({ earlier, metadata, config }: Omit<CompatibilityQuestion, 'history'>) {
  return sameGroup(earlier, metadata, config.compatibilityGroup).map(({ version, schema }): EarlierVersion => ({
    version,
    schema,
  }));
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
