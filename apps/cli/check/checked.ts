import type { CompatibilityLevel } from '#libs/core/schema';
import type { ProjectSchema } from '../project/project.js';
import { SchemaSet, type Outside } from '../project/schema-set.js';
import type { Baseline } from './baseline.js';
import type { CheckFinding } from './finding.js';
import { note, OfflineJudge, type SchemaReport } from './judge.js';

export interface CheckedProject {
  readonly schemas: readonly SchemaReport[];
  readonly findings: readonly CheckFinding[];
}

export interface Checking {
  readonly all: readonly ProjectSchema[];
  /** Those of them that are asked about. */
  readonly chosen: readonly ProjectSchema[];
  readonly baseline: Baseline;
  readonly outside: Outside | undefined;
  /** In the place of every other level. */
  readonly level: CompatibilityLevel | undefined;
  readonly onlyChanged: boolean;
  /** Whether all of the project is asked about, so that what is gone from it can be told. */
  readonly whole: boolean;
}

/** Schemas that are fetched at the same time, where the baseline is far away. */
const AT_ONCE = 8;

/** Holds schemas of a project against a baseline. */
export async function checked({
  all,
  chosen,
  baseline,
  outside,
  level,
  onlyChanged,
  whole,
}: Checking): Promise<CheckedProject> {
  const set = new SchemaSet(all, outside);
  const judge = new OfflineJudge();
  const reports: SchemaReport[] = [];
  const findings: CheckFinding[] = [];
  for (let from = 0; from < chosen.length; from += AT_ONCE) {
    const judged = await Promise.all(
      chosen.slice(from, from + AT_ONCE).map(async (schema) =>
        judge.judge(
          schema,
          () => set.source(schema),
          () => baseline.earlier(schema),
          await levelOf(schema, baseline, level),
          baseline.laidOut,
        ),
      ),
    );
    for (const one of judged) {
      if (onlyChanged && one.report.status === 'unchanged') continue;
      reports.push(one.report);
      findings.push(...one.findings);
    }
  }
  if (whole) {
    const here = new Set(all.map(({ subject }) => subject));
    for (const [subject, file] of baseline.subjects) {
      if (here.has(subject)) continue;
      reports.push({
        subject,
        file,
        status: 'removed',
        level: 'NONE',
        levelOrigin: 'nothing to compare',
        comparedWith: [],
      });
      findings.push(
        note(
          { subject, file },
          'schema/removed',
          null,
          `'${subject}' is no longer in the project; in the registry it stays.`,
          'To delete it there, too: weir plan --prune, or weir schema delete.',
        ),
      );
    }
  }
  return { schemas: reports, findings };
}

async function levelOf(schema: ProjectSchema, baseline: Baseline, asked: CompatibilityLevel | undefined) {
  if (asked !== undefined) return { value: asked, origin: '--level' };
  if (schema.level !== undefined) return schema.level;
  return (await baseline.level(schema.subject)) ?? { value: 'BACKWARD' as const, origin: 'built in' };
}
