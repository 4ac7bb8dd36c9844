import {
  LEVELS,
  verdictMessages,
  type CompatibilityLevel,
  type EarlierSource,
  type SchemaEngine,
  type SchemaFormats,
  type SchemaMetadata,
  type SchemaReading,
  type SchemaSource,
  type SourceJudgement,
  type Verdict,
} from '#libs/core/schema';
import { levelOf, policyOf } from './config.js';
import type { Candidate, LoadedVersion } from './content.js';
import { propertyOf, reservedNames } from './data-contract.js';
import { tooManyVersionsToCompare } from './errors.js';
import type { RegistryConfig, VersionRow } from './model.js';
import { digestOf, type StoredVersions } from './subject-digests.js';

/** An earlier version that takes part in a check. */
export interface ComparedVersion {
  readonly version: number;
  readonly metadata: SchemaMetadata | null;
  readonly source: SchemaSource;
}

export interface CompatibilityQuestion {
  readonly candidate: Candidate;
  readonly metadata: SchemaMetadata | null;
  /** Live versions, newest first; may be begun several times. */
  readonly earlier: () => AsyncIterable<ComparedVersion>;
  /** Those of them that take part and have to be compared, see {@link doubtfulVersions}; all that take part when absent. */
  readonly doubtful?: () => AsyncIterable<ComparedVersion>;
  /** How many of them have to be compared at most. */
  readonly count: number;
  /** How many of them one check may compare with. */
  readonly maxCompared: number;
  readonly config: RegistryConfig;
  /** False: the level's direction, but only against the given versions' newest, as for an explicit version. */
  readonly history: boolean;
  /** Look for documents that prove what breaks. False when absent. */
  readonly proofs?: boolean;
}

/** Whether a schema may follow, with the sentences of the reference where it may not. */
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
 * @throws `too-many-versions-to-compare`, and what reading and comparing throw.
 */
export async function checkCompatibility(
  engine: SchemaEngine,
  question: CompatibilityQuestion,
): Promise<CompatibilityAnswer> {
  const { config } = question;
  const violations = await violationsOf(question);
  const verdict = await engine.judge(judgementOf(question, levelOf(config)));
  const validateFields = config.validateFields === true;
  const messages = verdictMessages(engine.formats, verdict, { validateFields, violations });
  return { compatible: verdict.compatible && violations.length === 0, verdict, violations, messages };
}

/** The question as it is put to the engine. @throws `too-many-versions-to-compare`. */
export function judgementOf(question: CompatibilityQuestion, level: CompatibilityLevel): SourceJudgement {
  const { source: candidate, normalize } = question.candidate;
  const { count, maxCompared, history, config, proofs = false } = question;
  // With a group, how many belong to it only shows when they are loaded.
  if (history && LEVELS[level].against === 'all' && config.compatibilityGroup === undefined && count > maxCompared) {
    throw tooManyVersionsToCompare(maxCompared, count);
  }
  return { level, candidate, normalize, earlier: () => compared(question), policy: policyOf(config), proofs };
}

/** Broken rules about reserved fields, held against the latest version. */
export async function violationsOf({
  candidate,
  metadata,
  earlier,
  config,
}: Pick<CompatibilityQuestion, 'candidate' | 'metadata' | 'earlier' | 'config'>) {
  if (config.validateFields !== true) return [];
  const latest = await firstOf(earlier());
  return reservedFieldViolations(candidate.reading, metadata, latest?.metadata ?? null);
}

/** Names may be added to the reserved list but not taken from it, and no top-level field may carry one. */
function reservedFieldViolations(
  candidate: SchemaReading,
  metadata: SchemaMetadata | null,
  latest: SchemaMetadata | null,
): readonly string[] {
  const reserved = new Set(reservedNames(metadata));
  const removed = reservedNames(latest).filter((name) => !reserved.has(name));
  const used = candidate.topLevelFieldNames.filter((name) => reserved.has(name));
  return [
    ...removed.map(
      (name) =>
        `The new schema has reserved field ${name} removed from its metadata which is present in the old schema's metadata.`,
    ),
    ...used.map((name) => `The new schema has field that conflicts with the reserved field ${name}.`),
  ];
}

export async function* comparedVersions(versions: AsyncIterable<LoadedVersion>): AsyncGenerator<ComparedVersion> {
  for await (const { row, schema, source } of versions) {
    yield { version: row.version, metadata: schema.metadata, source };
  }
}

/**
 * The versions that have to be compared at the level in force: of those it asks for, all but those with which the candidate is compatible for certain. What they say is
 * what all say: a version that is compatible adds nothing to an answer.
 * @param live newest first.
 */
export async function doubtfulVersions(
  formats: SchemaFormats,
  { reading, references }: Candidate,
  config: RegistryConfig,
  live: readonly VersionRow[],
  versions: StoredVersions,
): Promise<readonly VersionRow[]> {
  const { ask, against } = LEVELS[levelOf(config)];
  // Which versions belong to a group only shows when they are loaded.
  if (ask.length === 0 || live.length === 0 || config.compatibilityGroup !== undefined) return live;
  const asked = against === 'latest' ? live.slice(0, 1) : live;
  const digest = digestOf(formats, reading.type, reading.canonical, references);
  if (digest === undefined) return asked;
  const isCertain = (await versions.digests(asked)).certain(digest, ask);
  return asked.filter((row) => !isCertain(row.schemaId));
}

/** Versions whose value of the group's property equals the candidate's; absent equals absent. */
async function* compared(question: CompatibilityQuestion): AsyncGenerator<EarlierSource> {
  const { earlier, doubtful = earlier, metadata, config, history, maxCompared } = question;
  let count = 0;
  const group = config.compatibilityGroup;
  const wanted = group === undefined ? undefined : propertyOf(metadata, group);
  for await (const one of doubtful()) {
    if (group !== undefined && propertyOf(one.metadata, group) !== wanted) continue;
    if (++count > maxCompared) throw tooManyVersionsToCompare(maxCompared, count);
    yield { version: one.version, source: one.source };
    if (!history) return;
  }
}

async function firstOf<T>(values: AsyncIterable<T>): Promise<T | undefined> {
  for await (const value of values) return value;
  return undefined;
}
