export { GroupReset, MAX_RESET_PARTITIONS, type ResetOutcome, type ResetPlan } from './reset/group-reset.js';
export type { CountedMove, ResetMove } from './reset/reset-plan.js';
export type { ResetRequest, ResetTarget, TargetOffset } from './reset/reset-target.js';
export { UnreadAges, type FirstUnread, type UnreadPosition } from './lag/unread-ages.js';
export * as groupErrors from './errors.js';
export type { RecordCount } from './record-count.js';
export {
  Leases,
  type HandedOut,
  type HeldLease,
  type LeasePage,
  type LeaseRequest,
  type LeaseTools,
  type NoLease,
} from './leases/leases.js';
export type { RecordChoice } from './leases/lease-book.js';
export { formatLeaseId, parseLeaseId, type LeaseName } from './leases/lease-id.js';
export { LEASE_LIMITS, positionOf, type Lease, type LeaseTerms, type PartitionWork } from './leases/lease.js';
