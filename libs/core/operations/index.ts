export { differences, type Difference } from './differences.js';
export { operationBlocked, operationNotFound, planBlocked } from './errors.js';
export { etaOf, type Eta, type EtaBasis } from './eta.js';
export { describeFailure, type Failure } from './failure.js';
export { isAtRest, type Followed } from './follow.js';
export { type OperationHandler, type OperationRun, type PhaseResult } from './handler.js';
export { LeaseKeeper } from './lease-keeper.js';
export { LeaseStore, type Lease } from './lease-store.js';
export { type OperationObserver } from './observer.js';
export {
  COMMANDS,
  PHASES,
  TERMINAL_PHASES,
  UNTHROTTLED,
  type Command,
  type HoldState,
  type OperationProgress,
  type OperationState,
  type Phase,
  type PlanControls,
  type PlanDraft,
  type ThrottleLimits,
} from './operation.js';
export {
  OperationEngine,
  type CommandRequest,
  type OperationEngineOptions,
  type Started,
  type StartRequest,
} from './operation-engine.js';
export { isOperationId } from './operation-id.js';
export {
  isTerminal,
  stateOf,
  subjectsOf,
  type CutoverState,
  type Intent,
  type NewEvent,
  type OperationEvent,
  type OperationRecord,
} from './operation-record.js';
export { type FailPoint } from './operation-writer.js';
export {
  OperationStore,
  type CreateOutcome,
  type OperationCount,
  type OperationFilter,
  type StartedBefore,
  type StartKey,
} from './operation-store.js';
export { planHash, type Plan } from './plan.js';
export { type ProgressSnapshot } from './progress-meter.js';
export { type OperationStatus, type StatusProgress } from './status.js';
export {
  Supervisor,
  type SupervisedLoop,
  type SupervisedOptions,
  type SupervisedRun,
  type SupervisedStatus,
  type SupervisorOptions,
} from './supervisor.js';
export { type ThrottleCause, type ThrottleState } from './throttle.js';
export { WriteLatency, type ProduceLimit } from './write-latency.js';
export { COMMAND_RULES, isAllowed, WORK_TRANSITIONS } from './transitions.js';
export { DEFAULT_RETRY, type RetryPolicy } from './workflow.js';
