import type { GroupRefusal } from '#libs/core/log';
import { CODE, expectNone } from './error-codes.js';

const REFUSALS: ReadonlyMap<number, GroupRefusal> = new Map([
  [CODE.ILLEGAL_GENERATION, 'illegal-generation'],
  [CODE.INCONSISTENT_GROUP_PROTOCOL, 'inconsistent-protocol'],
  [CODE.UNKNOWN_MEMBER_ID, 'unknown-member'],
  [CODE.INVALID_SESSION_TIMEOUT, 'invalid-session-timeout'],
  [CODE.REBALANCE_IN_PROGRESS, 'rebalance-in-progress'],
  [CODE.GROUP_MAX_SIZE_REACHED, 'group-full'],
  [CODE.FENCED_INSTANCE_ID, 'fenced-instance'],
]);

/** What a coordinator's code says to a member, undefined for 0. Throws for every other code. */
export function groupRefusal(what: string, errorCode: number): GroupRefusal | undefined {
  const refusal = REFUSALS.get(errorCode);
  if (refusal === undefined) expectNone(what, errorCode);
  return refusal;
}
