import type { DoubtfulJudgement, Direction, Doubt, WarningRule } from './format.js';
import type { SchemaFormats } from './formats.js';
import { judge, LEVELS, type CompatibilityLevel, type EarlierVersion, type Judgement } from './levels.js';
import { readersOf, sidesOf, type Remark } from './remark.js';

/** A doubtful judgement for people. Wire shape of the native API; never part of the verdict. Its rule is one of the format's `warningRules`, or {@link NOT_TRANSITIVE}. */
export interface Warning extends Remark {
  readonly doubt: Doubt;
}

/** The level compares with the latest version only, and an older one would fail. Belongs to no format. */
export const NOT_TRANSITIVE: WarningRule = {
  id: 'schema/unsound-not-transitive',
  doubt: 'unsound',
  title: 'older versions are not compared',
};

/** For each level that compares with the latest version only, the one that compares with all in the same directions. */
export const TRANSITIVE_LEVELS: Partial<Record<CompatibilityLevel, CompatibilityLevel>> = {
  BACKWARD: 'BACKWARD_TRANSITIVE',
  FORWARD: 'FORWARD_TRANSITIVE',
  FULL: 'FULL_TRANSITIVE',
};

/**
 * Where the verdict that {@link judge} gives on the same judgement is kept from the reference registry although it is unsound or stricter than need be: of
 * the versions the level compares, newest first, then the older version that a level without transitivity leaves out, if it fails. Empty at level NONE.
 * Reads the earlier versions once; costs about as much as judging the transitive level does.
 * @throws `schema-too-complex` as `judge` does.
 */
export function verdictWarnings(formats: SchemaFormats, judgement: Judgement): readonly Warning[] {
  const { level, candidate, policy, limits, steps } = judgement;
  const { ask, against } = LEVELS[level];
  const earlier = [...judgement.earlier].map(parsedOnce);
  const compared = against === 'latest' ? earlier.slice(0, 1) : earlier;
  const warnings: Warning[] = [];
  for (const { version, schema } of compared) {
    const old = schema();
    if (ask.length === 0 || old.type !== candidate.type) break;
    for (const direction of ask) {
      const [reader, writer] = direction === 'new-reads-old' ? [candidate, old] : [old, candidate];
      const doubts = formats.get(candidate.type).doubts(reader, writer, direction, { policy, limits, steps });
      warnings.push(...doubts.map((doubt) => warning(doubt, direction, version)));
    }
    if (!judge(formats, { ...judgement, earlier: [{ version, schema }] }).compatible) break;
  }
  return [...warnings, ...leftOut(formats, { ...judgement, earlier })];
}

function parsedOnce({ version, schema }: EarlierVersion) {
  let parsed = typeof schema === 'function' ? undefined : schema;
  return { version, schema: () => (parsed ??= typeof schema === 'function' ? schema() : schema) };
}

function warning(doubt: DoubtfulJudgement, direction: Direction, version: number | null): Warning {
  const { reader, writer, ...rest } = doubt;
  const { before, after, position } = sidesOf({ reader, writer }, direction);
  return {
    ...rest,
    direction,
    version,
    before,
    after,
    whom: concerned(doubt.doubt, direction, version),
    position,
  };
}

function concerned(doubt: Doubt, direction: Direction, version: number | null): string {
  const [readers, records] = readersOf(direction, version);
  return doubt === 'unsound'
    ? `${readers} may fail on, or misread, ${records}.`
    : `${readers} can read ${records} here.`;
}

function leftOut(formats: SchemaFormats, judgement: Judgement): readonly Warning[] {
  const level = TRANSITIVE_LEVELS[judgement.level];
  const older = [...judgement.earlier].slice(1);
  if (level === undefined || older.length === 0) return [];
  const verdict = judge(formats, { ...judgement, level, earlier: older });
  const failed = verdict.checks.find((check) => check.typesDiffer || check.differences.length > 0);
  if (verdict.compatible || failed === undefined) return [];
  const { direction, version, earlier } = failed;
  const [first] = failed.differences;
  const reason =
    first === undefined
      ? `It is of type ${earlier.type}.`
      : formats.get(judgement.candidate.type).explain(first, direction).what;
  const { id, doubt } = NOT_TRANSITIVE;
  return [
    {
      ruleId: id,
      doubt,
      direction,
      version,
      path: first?.path ?? '/',
      place: first?.place ?? 'the schema',
      before: null,
      after: null,
      what: `Level ${judgement.level} compares with the latest version only; ${version === null ? 'an older version' : `version ${version}`} would fail. ${reason}`,
      breaks: 'Records of that version may still be retained, or consumers still be on it.',
      whom: concerned(doubt, direction, version),
      fix: `Set the level to ${level}, or make sure that nothing of that version is left.`,
      position: null,
    },
  ];
}
