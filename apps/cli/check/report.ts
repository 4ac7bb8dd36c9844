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

/** `2 errors, 1 warning in 14 schemas`. */
export function summaryText({ counts, schemas, against, leftOut }: CheckReport): string {
  const parts = LEVELS_OF_FINDINGS.filter((level) => counts[level] > 0).map((level) =>
    level === 'info' ? `${counts.info} for information` : `${counts[level]} ${level}${counts[level] === 1 ? '' : 's'}`,
  );
  const waived = counts.waived === 0 ? '' : `, ${counts.waived} waived`;
  const left = leftOut === 0 ? '' : ` (${leftOut} not shown)`;
  return `${parts.length === 0 ? 'nothing found' : parts.join(', ')}${waived} in ${schemas.length} schema${schemas.length === 1 ? '' : 's'}${against === null ? '' : `, against ${against}`}${left}`;
}
