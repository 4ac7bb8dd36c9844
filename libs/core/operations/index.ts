export { type OperationHandler, type OperationRun, type PhaseResult } from './handler.js';
export {
  PHASES,
  TERMINAL_PHASES,
  type HoldState,
  type OperationProgress,
  type OperationState,
  type Phase,
  type PlanDraft,
} from './operation.js';
