import { unknownCompatibilityLevel } from './errors.js';
import type { BreakProof, CompatibilityPolicy, Difference, Direction, ParsedSchema } from './format.js';
import type { SchemaFormats } from './formats.js';
import type { SchemaLimits } from './limits.js';
import type { StepBudget } from './step-budget.js';

/**
 * A compatibility level is a direction and a scope: who must be able to read whom, and against which earlier versions. A format only ever
 * answers one question, whether this reader can read that writer.
 */
export const LEVELS = {
  NONE: { ask: [], against: 'latest' },
  BACKWARD: { ask: ['new-reads-old'], against: 'latest' },
  BACKWARD_TRANSITIVE: { ask: ['new-reads-old'], against: 'all' },
  FORWARD: { ask: ['old-reads-new'], against: 'latest' },
  FORWARD_TRANSITIVE: { ask: ['old-reads-new'], against: 'all' },
  // Both directions are always asked, the older reader first: that is the order in which the reference lists the problems.
  FULL: { ask: ['old-reads-new', 'new-reads-old'], against: 'latest' },
  FULL_TRANSITIVE: { ask: ['old-reads-new', 'new-reads-old'], against: 'all' },
} as const satisfies Record<string, { readonly ask: readonly Direction[]; readonly against: 'latest' | 'all' }>;

export type CompatibilityLevel = keyof typeof LEVELS;
export const COMPATIBILITY_LEVELS = Object.keys(LEVELS) as readonly CompatibilityLevel[];

/** The level of a service that nobody configured. */
export const DEFAULT_LEVEL: CompatibilityLevel = 'BACKWARD';

/** The level of that name, in any case. @throws `compatibility-level-unknown`. */
export function compatibilityLevel(name: string): CompatibilityLevel {
  const level = COMPATIBILITY_LEVELS.find((one) => one === name.toUpperCase());
  if (level === undefined) throw unknownCompatibilityLevel(name, COMPATIBILITY_LEVELS);
  return level;
}

/** An earlier version to compare with. The schema may be given as a function, so that only versions that are compared get parsed. */
export interface EarlierVersion {
  readonly version: number | null;
  readonly schema: ParsedSchema | (() => ParsedSchema);
}

/** Differences of one check that are told, and characters of their places and details. A record of 4,000 fields can differ in all of them. */
export const LISTED_DIFFERENCES = 1_000;
const LISTED_CHARACTERS = 200_000;

/** One question asked of one earlier version, and what came of it. */
export interface Check {
  readonly direction: Direction;
  /** Number of the earlier version, null when it has none. */
  readonly version: number | null;
  /** The earlier schema. */
  readonly earlier: Pick<ParsedSchema, 'type' | 'canonical'>;
  /** True when the two are of different schema types: then there is nothing else to report. */
  readonly typesDiffer: boolean;
  /** The breaking ones, as many as anyone reads: at most {@link LISTED_DIFFERENCES}. Tolerated differences are not listed. */
  readonly differences: readonly Difference[];
  /** For each difference what proves it, as {@link SchemaFormat.proofs} tells; empty where nobody asked. */
  readonly proofs: readonly (BreakProof | null)[];
}

export interface Verdict {
  readonly compatible: boolean;
  readonly level: CompatibilityLevel;
  /** In the order asked, newest version first; ends with the first version that fails. */
  readonly checks: readonly Check[];
}

export interface Judgement {
  readonly level: CompatibilityLevel;
  readonly candidate: ParsedSchema;
  /** Live versions that take part, newest first (a compatibility group is filtered out before). May be lazy. */
  readonly earlier: Iterable<EarlierVersion>;
  /** STRICT when absent. */
  readonly policy?: CompatibilityPolicy;
  /** Look for proofs of what breaks. False when absent. */
  readonly proofs?: boolean;
  readonly limits?: Partial<SchemaLimits>;
  /** Taken from by all comparisons together; without it each has its own. */
  readonly steps?: StepBudget;
}

/**
 * Whether `candidate` may follow the earlier versions at this level. Versions are asked newest first, and none after the first that fails; within
 * one version all directions of the level are asked. No earlier version, or level NONE: compatible.
 * @throws `schema-too-complex` when a comparison exceeds its step budget.
 */
export function judge(formats: SchemaFormats, judgement: Judgement): Verdict {
  const { level, earlier } = judgement;
  const checks: Check[] = [];
  if (LEVELS[level].ask.length === 0) return { compatible: true, level, checks };
  for (const { version, schema } of earlier) {
    const judged = judgeVersion(formats, judgement, {
      version,
      schema: typeof schema === 'function' ? schema() : schema,
    });
    checks.push(...judged);
    if (judged.some(fails)) return { compatible: false, level, checks };
    if (LEVELS[level].against === 'latest') break;
  }
  return { compatible: true, level, checks };
}

/** The questions of a level asked of one earlier version. @throws `schema-too-complex`. */
export function judgeVersion(
  formats: SchemaFormats,
  { level, candidate, policy = 'STRICT', proofs = false, limits, steps }: Omit<Judgement, 'earlier'>,
  { version, schema: earlier }: { readonly version: number | null; readonly schema: ParsedSchema },
): readonly Check[] {
  const { ask } = LEVELS[level];
  if (earlier.type !== candidate.type) {
    const none = { differences: [], proofs: [] };
    return ask.slice(0, 1).map((direction) => ({ direction, version, earlier, typesDiffer: true, ...none }));
  }
  const format = formats.get(candidate.type);
  return ask.map((direction) => {
    const [reader, writer] = direction === 'new-reads-old' ? [candidate, earlier] : [earlier, candidate];
    const options = { policy, limits, steps };
    const differences = listed(format.differences(reader, writer, options).filter((one) => one.breaking));
    const proven = proofs && differences.length > 0 ? format.proofs(reader, writer, differences, options) : [];
    return { direction, version, earlier, typesDiffer: false, differences, proofs: proven };
  });
}

/** The first differences, up to both bounds; one at least where there are any. */
function listed(differences: readonly Difference[]): readonly Difference[] {
  let characters = 0;
  const end = differences.slice(0, LISTED_DIFFERENCES).findIndex(({ path, place, detail }) => {
    characters += path.length + place.length + detail.length;
    return characters > LISTED_CHARACTERS;
  });
  return differences.slice(0, end === -1 ? LISTED_DIFFERENCES : Math.max(1, end));
}

/** Whether the check alone makes the candidate incompatible. */
export function fails(check: Check): boolean {
  return check.typesDiffer || check.differences.length > 0;
}
