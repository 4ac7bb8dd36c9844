export { GroupReset, MAX_RESET_PARTITIONS, type ResetOutcome, type ResetPlan } from './reset/group-reset.js';
export type { CountedMove, ResetMove } from './reset/reset-plan.js';
export type { ResetRequest, ResetTarget, TargetOffset } from './reset/reset-target.js';
export * as groupErrors from './errors.js';
export type { RecordCount } from './record-count.js';
