import type { Breath } from '#libs/core/kernel';
import {
  fails,
  verdictsAtEveryLevel,
  type Check,
  type CompatibilityLevel,
  type CompatibilityPolicy,
  type Direction,
  type SchemaEngine,
  type SchemaFormats,
  type SchemaReading,
  type SchemaType,
  type Verdict,
  type Warning,
} from '#libs/core/schema';
import { judgementOf, violationsOf, type CompatibilityQuestion } from './compatibility.js';
import { levelOf, policyOf } from './config.js';
import type { Candidate } from './content.js';
import type { VersionRow } from './model.js';
import { digestOf, type StoredVersions } from './subject-digests.js';

/** The question of {@link checkCompatibility} answered at every level. */
export interface Assessment {
  readonly candidate: SchemaReading;
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
  readonly warnings: readonly LevelWarnings[];
}

export interface LevelWarnings {
  readonly level: CompatibilityLevel;
  readonly warnings: readonly Warning[];
}

export interface AssessedQuestion extends Omit<CompatibilityQuestion, 'history' | 'proofs'> {
  /** The one in force when undefined. */
  readonly levels: readonly CompatibilityLevel[] | undefined;
  /** All live versions, newest first, where not all of them are compared: then `doubtful` yields the others of {@link doubtfulAtAnyLevel}. */
  readonly live?: LiveHistory;
}

/** The live versions of a subject, and those of them that have to be compared. */
export interface LiveHistory {
  readonly rows: readonly Pick<VersionRow, 'version'>[];
  readonly isCompared: (place: number) => boolean;
}

/** Versions gone through before it is asked whether others should go on. */
export const BETWEEN_BREATHS = 1_000;

/**
 * Asks {@link checkCompatibility} at every level; at the level in force the answer is the same.
 * @param breath given to others between some versions and others: a history that need not be compared may be very long.
 * @throws `too-many-versions-to-compare`, and what reading and comparing throw.
 */
export async function assessCompatibility(
  engine: SchemaEngine,
  asked: AssessedQuestion,
  breath: Breath,
): Promise<Assessment> {
  const question = { ...asked, history: true, proofs: true };
  const { candidate, config, live } = asked;
  const level = levelOf(config);
  const levels = [...new Set(asked.levels ?? [level])];
  const verdict = async (transitive: CompatibilityLevel, direction: Direction) => {
    const judged = await engine.judge(judgementOf(question, transitive));
    return live === undefined ? judged : completed(judged, live, { direction, type: candidate.reading.type, breath });
  };
  const backward = await verdict('BACKWARD_TRANSITIVE', 'new-reads-old');
  const forward = await verdict('FORWARD_TRANSITIVE', 'old-reads-new');
  const violations = await violationsOf(question);
  const warnings = [];
  for (const one of levels) {
    warnings.push({ level: one, warnings: await engine.warnings(judgementOf(question, one)) });
  }
  const policy = policyOf(config);
  await breath.take();
  return assessmentOf({ candidate: candidate.reading, level, levels, policy, violations }, backward, forward, warnings);
}

/** What follows from the two verdicts that look furthest. */
export function assessmentOf(
  known: Pick<Assessment, 'candidate' | 'level' | 'levels' | 'policy' | 'violations'>,
  backward: Verdict,
  forward: Verdict,
  warnings: readonly LevelWarnings[],
): Assessment {
  const { levels, violations } = known;
  const verdicts = verdictsAtEveryLevel(backward, forward);
  const kept = verdicts.every((verdict) => verdict.compatible || !levels.includes(verdict.level));
  return { ...known, verdicts, compatible: kept && violations.length === 0, warnings };
}

/** A check that found nothing, as it is told of a version that need not be compared. */
export function fitting(direction: Direction, version: number, type: SchemaType): Check {
  return { direction, version, earlier: { type, canonical: '' }, typesDiffer: false, differences: [], proofs: [] };
}

/**
 * The verdict as if all versions had been compared: what was passed over fits.
 * @param judged at a transitive level of one direction, of the versions that were compared.
 */
async function completed(
  judged: Verdict,
  { rows, isCompared }: LiveHistory,
  { direction, type, breath }: { direction: Direction; type: SchemaType; breath: Breath },
): Promise<Verdict> {
  const checks: Check[] = [];
  let next = 0;
  for (const [place, { version }] of rows.entries()) {
    if (place % BETWEEN_BREATHS === 0) await breath.take();
    const check = isCompared(place) ? judged.checks[next++]! : fitting(direction, version, type);
    checks.push(check);
    if (fails(check)) break;
  }
  return { ...judged, checks };
}

/**
 * The versions that have to be compared so that everything can be told at every level, by their places: the latest, and all that the candidate does not read, and is not read by,
 * for certain. What is left out adds nothing to an answer: it fits, and gives no reason to doubt that.
 * @param live newest first; no compatibility group divides them.
 */
export async function doubtfulAtAnyLevel(
  formats: SchemaFormats,
  { reading, source }: Pick<Candidate, 'source' | 'reading'>,
  live: readonly VersionRow[],
  versions: StoredVersions,
  breath: Breath,
): Promise<ReadonlySet<number>> {
  const digest = digestOf(formats, reading.type, reading.canonical, source.references);
  if (digest === undefined || live.length < 2) return new Set(live.keys());
  const digests = await versions.digests(live);
  await breath.take();
  const isCertain = digests.certain(digest, ['new-reads-old', 'old-reads-new']);
  const doubtful = new Set<number>();
  for (const [place, { schemaId }] of live.entries()) {
    if (place % BETWEEN_BREATHS === 0) await breath.take();
    if (place === 0 || !isCertain(schemaId)) doubtful.add(place);
  }
  return doubtful;
}
