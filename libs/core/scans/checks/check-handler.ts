import { createHash } from 'node:crypto';
import { Breath, isAppError, stableJson, type Clock, type JsonObject } from '#libs/core/kernel';
import type { OperationHandler, OperationRun, PhaseResult, PlanDraft } from '#libs/core/operations';
import { subjectText, type CheckState, type HistoryCheck, type Registry } from '#libs/core/registry';
import type { ScanLifetime } from '../scan-lifetime.js';
import type { ScanStore } from '../scan-store.js';
import { checkRequest, settledOf, settledToJson } from './check-parameters.js';

export interface SchemaCheckTools {
  readonly registry: Registry;
  readonly scans: ScanStore;
  readonly clock: Clock;
  readonly lifetime: ScanLifetime;
  /** Named steps for crash tests, `check:…`. */
  readonly failPoint?: (name: string) => void | Promise<void>;
  /** Time between two saves of how far a check is; 1 s unless given. */
  readonly saveEveryMs?: number;
}

const SAVE_EVERY_MS = 1_000;

/**
 * Judges a schema against all versions of a subject, however many, and changes nothing. What is compared and by which rules is settled in the plan; how far it is and what it has
 * found is kept together, so that whoever goes on after a death comes to the same answer.
 */
export class SchemaCheckHandler implements OperationHandler {
  readonly kind = 'schema-check';
  /** A few versions at a time, in threads for schemas, whose work is bounded by itself. */
  readonly isLight = true;
  readonly phases: OperationHandler['phases'] = {
    PREPARING: async () => ({ next: 'VERIFYING' }),
    VERIFYING: (run) => this.#check(run),
  };

  constructor(private readonly tools: SchemaCheckTools) {}

  isSpent(finishedAt: number): boolean {
    return this.tools.lifetime.isOver(finishedAt);
  }

  /** @throws as `Registry.settle`. */
  async plan(request: JsonObject): Promise<PlanDraft> {
    const settled = await this.tools.registry.settle(checkRequest(request));
    const parameters = settledToJson(settled);
    const versions = settled.versions.length;
    // The same question about the same versions is one operation at a time; others may be asked beside it.
    const digest = createHash('sha256').update(stableJson(parameters)).digest('hex').slice(0, 16);
    return {
      subject: `check:${digest}/${subjectText(settled.subject)}`,
      parameters,
      fingerprint: {},
      steps: [
        'compare the schema with the versions of the plan, a few at a time',
        'say at which levels it may follow, where it may not, and what is doubtful about that',
      ],
      impact: { versions },
      risks: [],
      blockers: [],
      estimates: { etaSeconds: null, pauseMs: null, records: versions, bytes: null },
    };
  }

  /** Everything is in the plan. */
  async fingerprint(): Promise<JsonObject> {
    return {};
  }

  /** Nothing has been changed; what was found is forgotten. */
  async cancel(run: OperationRun): Promise<void> {
    await this.tools.scans.drop(run.operationId);
  }

  async finish(): Promise<void> {
    // Nothing is left to destroy.
  }

  /** A check that cannot be answered has ended, too: nobody could help it on. */
  async #check(run: OperationRun): Promise<PhaseResult> {
    const { registry, scans } = this.tools;
    const [part] = await scans.parts(run.operationId, -1, 1);
    const state = part && foundIn(part.summary).state;
    let check: HistoryCheck | undefined;
    try {
      check = await registry.resumed(settledOf(run.parameters), state);
      await this.#stepOn(run, check);
      await this.#save(run.operationId, check.done, { state: check.state });
    } catch (error) {
      if (run.signal.aborted || !isAppError(error) || error.kind !== 'unprocessable') throw error;
      const { code, message } = error;
      await this.#save(run.operationId, check?.done ?? part?.position ?? 0, {
        state: check?.state ?? state,
        failure: { code, message },
      });
    }
    await this.tools.failPoint?.('check:saved');
    return { next: 'FINISHED' };
  }

  async #stepOn(run: OperationRun, check: HistoryCheck): Promise<void> {
    const { clock, saveEveryMs = SAVE_EVERY_MS } = this.tools;
    // The first step is saved at once, so that however short a life is, the next one has less to do.
    let savedAt = -Infinity;
    const breath = new Breath(clock);
    const report = (): void => {
      const { done: recordsDone, total: recordsTotal } = check;
      run.report({ recordsDone, recordsTotal, totalIsEstimate: false, bytesDone: 0, partitions: [] });
    };
    report();
    while (!check.isDone) {
      run.signal.throwIfAborted();
      const before = check.done;
      await check.step();
      await run.pace(check.done - before, 0);
      report();
      if (clock.monotonic() - savedAt >= saveEveryMs) {
        await this.#save(run.operationId, check.done, { state: check.state });
        savedAt = clock.monotonic();
      }
      await this.tools.failPoint?.('check:step');
      await breath.take();
    }
  }

  async #save(operation: string, position: number, found: FoundByCheck): Promise<void> {
    const summary = JSON.parse(JSON.stringify(found)) as JsonObject;
    await this.tools.scans.save(operation, [
      { index: 0, position, gone: found.state?.gone.length ?? 0, trouble: null, summary },
    ]);
  }
}

/** Why a check has no answer. */
export interface CheckFailure {
  readonly code: string;
  readonly message: string;
}

interface FoundByCheck {
  readonly state?: CheckState | undefined;
  readonly failure?: CheckFailure;
}

/** What {@link SchemaCheckHandler} has saved. */
export function foundIn(summary: JsonObject): FoundByCheck {
  return summary as unknown as FoundByCheck;
}
