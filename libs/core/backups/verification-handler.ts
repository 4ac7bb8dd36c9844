import type { JsonObject } from '#libs/core/kernel';
import type { OperationHandler, OperationRun, PhaseResult, PlanDraft } from '#libs/core/operations';
import { idOf, type BackupTools } from './backup-handler.js';

/** Reads a backup back, at the pace of the operation. What was found is kept with the backup. */
export class BackupVerificationHandler implements OperationHandler {
  readonly kind = 'backup-verification';
  readonly phases: OperationHandler['phases'] = { COPYING: (run) => this.#verify(run) };

  constructor(private readonly tools: Pick<BackupTools, 'backups' | 'failPoint'>) {}

  /** A backup can be verified again and again. */
  isSpent(): boolean {
    return true;
  }

  /** @throws `backup-not-found`, `backup-newer`. */
  async plan(request: JsonObject): Promise<PlanDraft> {
    const id = idOf(request);
    if ((await this.tools.backups.state(id)) !== 'complete') await this.tools.backups.describe(id);
    return {
      subject: `backup:${id}`,
      parameters: { id },
      fingerprint: {},
      steps: ['read every file, and compare it with its checksum', 'read every batch, and the database'],
      impact: {},
      risks: [],
      blockers: [],
      estimates: { etaSeconds: null, pauseMs: null, records: null, bytes: null },
    };
  }

  async fingerprint(): Promise<JsonObject> {
    return {};
  }

  async cancel(): Promise<void> {
    // Nothing was made.
  }

  async finish(): Promise<void> {
    // Nothing is left to destroy.
  }

  async #verify(run: OperationRun): Promise<PhaseResult> {
    const { backups, failPoint } = this.tools;
    const { problems } = await backups.verify(idOf(run.parameters), {
      signal: run.signal,
      pace: (bytes) => run.pace(0, bytes),
      failPoint: (name) => failPoint?.(name),
    });
    return { next: 'FINISHED', notes: { problems: [...problems] } };
  }
}
