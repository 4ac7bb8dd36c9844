import type { JsonObject } from '#libs/core/kernel';
import type { OperationHandler, OperationProgress, OperationRun, Phase, PlanDraft } from '#libs/core/operations';

/** What survives the death of a process that works on an operation: what the operation store would hold. */
export interface StoredOperation {
  readonly id: string;
  readonly plan: PlanDraft;
  phase: Phase;
  notes: JsonObject;
  reason: string | undefined;
  readonly events: { readonly type: string; readonly data: JsonObject }[];
  progress: OperationProgress | undefined;
}

export function newOperation(id: string, plan: PlanDraft): StoredOperation {
  return { id, plan, phase: 'PREPARING', notes: {}, reason: undefined, events: [], progress: undefined };
}

export interface DriveOptions {
  /** Stop when this phase has been entered (and not run). */
  readonly until: Phase;
  /** Is the cutover asked for? Default true. */
  readonly requested?: boolean;
  readonly signal?: AbortSignal;
  readonly cutoverCancelled?: boolean;
  /** Called before each write of the stored operation, for a process that can die there. */
  readonly effect?: <T>(name: string, perform: () => T) => Promise<T>;
  /** Most phases to run; beyond it the operation goes in circles. */
  readonly maxPhases?: number;
}

/** Runs a handler's phases as the operation engine would, without its leases, throttle and clock. */
export async function drive(
  handler: OperationHandler,
  operation: StoredOperation,
  options: DriveOptions,
): Promise<void> {
  const effect = options.effect ?? (async (_: string, perform: () => unknown) => perform());
  for (let n = options.maxPhases ?? 60; operation.phase !== options.until; n--) {
    if (n === 0)
      throw new Error(`the operation goes in circles: ${operation.phase} (${operation.reason ?? 'no reason'})`);
    const phase = handler.phases[operation.phase];
    if (phase === undefined) throw new Error(`nothing to do in phase ${operation.phase}`);
    const result = await phase(runOf(operation, options));
    await effect(`phase ${result.next}`, () => {
      operation.phase = result.next;
      operation.reason = result.reason;
      operation.notes = { ...operation.notes, ...result.notes };
    });
  }
}

/** What the engine would give to a phase function, `cancel` or `finish`. */
export function runOf(operation: StoredOperation, options: Omit<DriveOptions, 'until'> = {}): OperationRun {
  const effect = options.effect ?? (async (_: string, perform: () => unknown) => perform());
  const { signal = new AbortController().signal, requested = true, cutoverCancelled } = options;
  return {
    operationId: operation.id,
    parameters: operation.plan.parameters,
    get notes() {
      return operation.notes;
    },
    signal,
    cutoverCancelled,
    report: (progress) => void (operation.progress = progress),
    pace: async () => signal.throwIfAborted(),
    stepShare: 1,
    event: async (type, data) => {
      await effect(`event ${type}`, () => operation.events.push({ type, data }));
    },
    note: async (notes) => {
      await effect('note', () => {
        operation.notes = { ...operation.notes, ...notes };
      });
    },
    cutoverRequested: () =>
      requested
        ? Promise.resolve()
        : new Promise((_, reject) => {
            const end = (): void => reject(signal.reason as Error);
            if (signal.aborted) end();
            else signal.addEventListener('abort', end, { once: true });
          }),
  };
}
