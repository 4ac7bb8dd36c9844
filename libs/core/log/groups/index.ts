export { ClassicGroup } from './classic-group.js';
export { checkJoin, CoordinatedMember } from './coordinated-member.js';
export { assignmentOf, CONSUMER_PROTOCOL } from './consumer-protocol.js';
export type { CoordinatorLink } from './coordinator-link.js';
export { GroupCoordinator, type GroupGenerations } from './group-coordinator.js';
export { LocalLink, type CommitAsMember } from './local-link.js';
export type {
  GroupProtocol,
  GroupRefusal,
  JoinOutcome,
  JoinRequest,
  MemberClaim,
  SyncOutcome,
  SyncRequest,
} from './group-protocol.js';
