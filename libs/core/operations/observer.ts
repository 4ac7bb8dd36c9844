import type { OperationState } from './operation.js';

/** What the engine tells whoever counts and logs. Calls are synchronous and must not throw. */
export interface OperationObserver {
  /** After each durable change of state. `from` is null for a new operation. */
  stateChanged?(
    operation: {
      readonly id: string;
      readonly kind: string;
      readonly subject: string;
      readonly alsoOn?: readonly string[];
    },
    from: OperationState | null,
    to: OperationState,
    reason: string | null,
  ): void;
  /** A phase, cancel or finish failed; `error` is what was thrown, whole. */
  failed?(operation: { readonly id: string; readonly kind: string }, error: unknown): void;
  /** A worker began or stopped to work on the operation on this instance. */
  workerChanged?(operation: { readonly id: string; readonly kind: string }, working: boolean): void;
  /** Something of the engine itself went wrong (store not reachable while looking for work, …); it goes on. */
  troubled?(what: string, error: unknown): void;
}
