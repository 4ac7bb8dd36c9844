import type { JsonObject } from '#libs/core/kernel';
import type { OperationHandler, OperationRun, PhaseResult, PlanDraft } from '#libs/core/operations';
import { idOf } from './backup-handler.js';
import type { Restores } from './restores.js';

/**
 * Restores a backup over a service that holds nothing. The operation is of the service that goes and is at work until then: killed anywhere, the service is what was restored, or goes on with the operation at its next start. The one that comes does
 * not know it.
 */
export class RestoreHandler implements OperationHandler {
  readonly kind = 'restore';
  readonly destroys = true;
  readonly phases: OperationHandler['phases'] = { COPYING: (run) => this.#restore(run) };

  constructor(
    private readonly restores: Restores,
    private readonly failPoint: (name: string) => void | Promise<void> = () => undefined,
  ) {}

  /** It can be tried again. */
  isSpent(): boolean {
    return true;
  }

  /** @throws what `Restores.check` throws. */
  async plan(request: JsonObject): Promise<PlanDraft> {
    const id = idOf(request);
    await this.restores.check(id);
    return {
      subject: 'restore:service',
      parameters: { id },
      fingerprint: {},
      steps: ['copy the backup beside what is there, and compare it', 'stop, and start again as what was restored'],
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
    await this.restores.forget();
  }

  async finish(): Promise<void> {
    // Nothing is left to destroy.
  }

  async #restore(run: OperationRun): Promise<PhaseResult> {
    await this.restores.stage(idOf(run.parameters), {
      signal: run.signal,
      pace: (bytes) => run.pace(0, bytes),
      failPoint: this.failPoint,
    });
    this.restores.proceed();
    // The operation ends with its service. Killed before that has come to an end, the service finds it at work and goes on with it.
    await ended(run.signal);
    throw run.signal.reason;
  }
}

function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
