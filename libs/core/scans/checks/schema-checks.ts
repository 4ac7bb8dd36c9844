import { isOperationId, TERMINAL_PHASES, type OperationEngine, type OperationStatus } from '#libs/core/operations';
import { subjectText, type Assessment, type Registry } from '#libs/core/registry';
import { scanNotFound, schemaChecksBusy } from '../errors.js';
import type { ScanLifetime } from '../scan-lifetime.js';
import type { ScanStore } from '../scan-store.js';
import { foundIn, type CheckFailure } from './check-handler.js';
import { checkRequestToJson, settledOf, type CheckRequest } from './check-parameters.js';

export interface SchemaChecksTools {
  readonly registry: Registry;
  readonly scans: ScanStore;
  readonly operations: Pick<OperationEngine, 'plan' | 'start' | 'list' | 'status' | 'planOf' | 'counts' | 'awaitRest'>;
  readonly lifetime: ScanLifetime;
}

/** How far a check is, and what came of it. */
export interface CheckResult {
  readonly operation: string;
  /** The subject meant. */
  readonly subject: string;
  /** How many live versions it had when the check was planned. */
  readonly versions: number;
  /** Numbers of versions that were deleted for good before they were compared. */
  readonly gone: readonly number[];
  readonly warningsLeftOut: number;
  /** Whether nothing more will be compared. */
  readonly over: boolean;
  /** Why it has no answer; null where it has one, or may come to one. */
  readonly failure: CheckFailure | null;
  /** Null until there is an answer. */
  readonly assessment: Assessment | null;
}

/** Checks that are under way at the same time. */
const MAX_AT_WORK = 8;

/** Checks that take longer than a request: started, and their results told. */
export class SchemaChecks {
  constructor(private readonly tools: SchemaChecksTools) {}

  /**
   * Starts a check, or finds the one that was started of the same question about the same versions.
   * @throws as `Registry.settle`; `schema-checks-busy`.
   */
  async start(request: CheckRequest, principal: string): Promise<OperationStatus> {
    const { operations } = this.tools;
    const plan = await operations.plan('schema-check', checkRequestToJson(request), principal);
    const [known] = await operations.list({ planHash: plan.hash, live: true }, 1);
    if (known !== undefined) return known;
    const atWork = (await operations.counts()).filter(({ kind, phase, hold }) => {
      return kind === 'schema-check' && hold === null && !TERMINAL_PHASES.includes(phase);
    });
    const count = atWork.reduce((sum, one) => sum + one.count, 0);
    if (count >= MAX_AT_WORK) throw schemaChecksBusy(MAX_AT_WORK, count);
    return (await operations.start({ planHash: plan.hash, principal })).operation;
  }

  /** Waits up to `ms` until the check is over or needs somebody. */
  awaitRest(id: string, ms: number, signal: AbortSignal): Promise<OperationStatus> {
    return this.tools.operations.awaitRest(id, ms, signal);
  }

  /**
   * @param admit is told the subject before anything else is told; throws for those who may not know of it.
   * @throws `scan-not-found`, `scan-expired`, `operation-not-found`.
   */
  async result(id: string, admit: (subject: string) => void): Promise<CheckResult> {
    const { operations, lifetime, scans, registry } = this.tools;
    if (!isOperationId(id)) throw scanNotFound(id);
    const { kind, phase, planHash, endedAt } = await operations.status(id);
    if (kind !== 'schema-check' || phase === 'CANCELLED') throw scanNotFound(id);
    const settled = settledOf((await operations.planOf(planHash)).parameters);
    const subject = subjectText(settled.subject);
    admit(subject);
    lifetime.demand(id, endedAt);
    const [part] = await scans.parts(id, -1, 1);
    const { state, failure = null } = part === undefined ? {} : foundIn(part.summary);
    const over = phase === 'FINISHED';
    return {
      operation: id,
      subject,
      versions: settled.versions.length,
      gone: (state?.gone ?? []).map((place) => settled.versions[place]!),
      warningsLeftOut: state?.warningsLeftOut ?? 0,
      over,
      failure,
      assessment: over && state !== undefined && failure === null ? await registry.assessed(settled, state) : null,
    };
  }
}
