import { readFile } from 'node:fs/promises';
import { Failure, usage } from '../failure.js';
import { writtenFile } from '../output/written-file.js';
import type { SchemaChange } from './changes.js';
import type { DeclaredTopic } from './topics.js';

/** A reason why a change cannot be made, as the service tells it. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  readonly findings: readonly ServerFinding[];
}

/** The service's finding. */
export interface ServerFinding {
  readonly ruleId: string;
  readonly direction: 'new-reads-old' | 'old-reads-new';
  readonly version: number | null;
  readonly place: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly what: string;
  readonly breaks: string;
  readonly whom: string;
  readonly fix: string;
  readonly position: { readonly line: number; readonly column: number } | null;
}

/** What one change comes to. */
export interface PlannedChange {
  readonly index: number;
  readonly kind: 'register' | 'set-config' | 'set-mode' | 'delete';
  readonly subject: string;
  readonly outcome: 'new' | 'unchanged' | 'set' | 'deleted' | 'refused';
  readonly version: number | null;
  readonly id: number | null;
  readonly deletedVersions: readonly number[];
  readonly refusal: Refusal | null;
}

/** The service's plan. */
export interface ServerPlan {
  readonly hash: string;
  readonly verdict: 'ok' | 'blocked';
  readonly blockers: readonly string[];
  readonly restsOn: readonly object[];
  readonly changes: readonly PlannedChange[];
}

/** A plan with what it was made from: all that it takes to apply it, and nothing else than what was looked at. */
export interface PlanFile {
  readonly apiVersion: 'v1';
  readonly kind: 'PlanFile';
  readonly server: string;
  readonly hash: string;
  /** What was in the way when it was made: such a plan is looked at, and never applied. */
  readonly blockers: readonly string[];
  readonly restsOn: readonly object[];
  readonly changes: readonly SchemaChange[];
  readonly topics: readonly DeclaredTopic[];
  readonly topicsRestOn: readonly object[];
}

/** @throws Failure for a file that cannot be written. */
export async function writePlan(file: string, plan: PlanFile): Promise<void> {
  await writtenFile(file, `${JSON.stringify(plan, null, 2)}\n`);
}

/** @throws Failure for a file that is not there or holds no plan. */
export async function readPlan(file: string): Promise<PlanFile> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new Failure({
      code: 'plan-unreadable',
      exit: 'usage',
      message: `'${file}' is no plan that can be read: ${(cause as Error).message}`,
      hint: 'Plans are written by weir plan --out FILE.',
      cause,
    });
  }
  const plan = value as Partial<PlanFile> | null;
  if (
    plan?.kind === 'PlanFile' &&
    plan.apiVersion === 'v1' &&
    typeof plan.hash === 'string' &&
    Array.isArray(plan.changes) &&
    Array.isArray(plan.restsOn)
  )
    return {
      ...(plan as PlanFile),
      blockers: plan.blockers ?? [],
      topics: plan.topics ?? [],
      topicsRestOn: plan.topicsRestOn ?? [],
    };
  throw usage('plan-unreadable', `'${file}' holds no plan.`, 'Plans are written by weir plan --out FILE.');
}
