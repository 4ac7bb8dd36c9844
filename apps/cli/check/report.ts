import { LEVELS_OF_FINDINGS, type CheckFinding, type FindingLevel } from './finding.js';
import type { SchemaReport } from './judge.js';

/** Everything that a check found. */
export interface CheckReport {
  /** What it was held against, for people; null where nothing was, as in lint. */
  readonly against: string | null;
  readonly failOn: FindingLevel;
  /** Whether nothing counts at the fail level. */
  readonly passed: boolean;
  readonly counts: Readonly<Record<FindingLevel | 'waived', number>>;
  readonly schemas: readonly SchemaReport[];
  readonly findings: readonly CheckFinding[];
  /** Findings that `--max` left out. */
  readonly leftOut: number;
}

export function countsOf(findings: readonly CheckFinding[]): CheckReport['counts'] {
  const counted = findings.filter(({ waiver }) => waiver === null);
  const of = (level: FindingLevel): number => counted.filter((one) => one.level === level).length;
  return {
    ...(Object.fromEntries(LEVELS_OF_FINDINGS.map((level) => [level, of(level)])) as Record<FindingLevel, number>),
    waived: findings.length - counted.length,
  };
}

/** Levels that are told one by one; with more, the findings tell theirs. */
const MOST_LEVELS = 4;

/** `FULL (weir.yaml (the schema))`: the level by which a subject was judged, and where it was set; undefined where none was, as in lint. */
export function levelText({ against, schemas }: CheckReport, subject: string): string | undefined {
  const schema = against === null ? undefined : schemas.find((one) => one.subject === subject);
  return schema === undefined ? undefined : `${schema.level} (${schema.levelOrigin})`;
}

/** Every level that was used. */
function levelsText({ schemas }: CheckReport): string {
  const used = schemas.filter(({ status }) => status !== 'removed' && status !== 'invalid');
  const levels = [...new Set(used.map(({ level, levelOrigin }) => `${level} (${levelOrigin})`))];
  if (levels.length === 0) return '';
  return levels.length > MOST_LEVELS ? `, at ${levels.length} levels` : `, at ${levels.join(', ')}`;
}

/** `2 errors, 1 warning in 14 schemas`, against what, and at which levels. */
export function summaryText(report: CheckReport): string {
  const { counts, schemas, against, leftOut } = report;
  const parts = LEVELS_OF_FINDINGS.filter((level) => counts[level] > 0).map((level) =>
    level === 'info' ? `${counts.info} for information` : `${counts[level]} ${level}${counts[level] === 1 ? '' : 's'}`,
  );
  const waived = counts.waived === 0 ? '' : `, ${counts.waived} waived`;
  const left = leftOut === 0 ? '' : ` (${leftOut} not shown)`;
  return `${parts.length === 0 ? 'nothing found' : parts.join(', ')}${waived} in ${schemas.length} schema${schemas.length === 1 ? '' : 's'}${against === null ? '' : `, against ${against}${levelsText(report)}`}${left}`;
}
