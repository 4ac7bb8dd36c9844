export { describeFailure, type Failure } from './failure.js';
export { type OperationHandler, type OperationRun, type PhaseResult } from './handler.js';
export { LeaseKeeper } from './lease-keeper.js';
export { LeaseStore, type Lease } from './lease-store.js';
export {
  PHASES,
  TERMINAL_PHASES,
  type HoldState,
  type OperationProgress,
  type OperationState,
  type Phase,
  type PlanDraft,
} from './operation.js';
export {
  Supervisor,
  type SupervisedLoop,
  type SupervisedOptions,
  type SupervisedRun,
  type SupervisedStatus,
  type SupervisorOptions,
} from './supervisor.js';
