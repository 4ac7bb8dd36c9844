import type { Member } from './group-members.js';
import type { GroupRefusal, JoinOutcome, SyncOutcome } from './group-protocol.js';

/** The answer to a call that was handed in under a ticket, now or earlier. */
export type GroupAnswer =
  | { readonly kind: 'join'; readonly ticket: number; readonly outcome: JoinOutcome }
  | { readonly kind: 'sync'; readonly ticket: number; readonly outcome: SyncOutcome };

/** Answers to calls, until somebody takes them to whoever waits. A member waits with one join and one sync at most. */
export class GroupAnswers {
  #made: GroupAnswer[] = [];

  join(ticket: number, outcome: JoinOutcome): void {
    this.#made.push({ kind: 'join', ticket, outcome });
  }

  sync(ticket: number, outcome: SyncOutcome): void {
    this.#made.push({ kind: 'sync', ticket, outcome });
  }

  refuseJoin(ticket: number, reason: GroupRefusal): void {
    this.join(ticket, { kind: 'refused', reason });
  }

  refuseSync(ticket: number, reason: GroupRefusal): void {
    this.sync(ticket, { kind: 'refused', reason });
  }

  /** The join that waits is answered, if one does. */
  refuseJoinOf(member: Member, reason: GroupRefusal): void {
    if (member.joining !== undefined) this.refuseJoin(member.joining, reason);
    member.joining = undefined;
  }

  refuseSyncOf(member: Member, reason: GroupRefusal): void {
    if (member.syncing !== undefined) this.refuseSync(member.syncing, reason);
    member.syncing = undefined;
  }

  refuseAllOf(member: Member, reason: GroupRefusal): void {
    this.refuseJoinOf(member, reason);
    this.refuseSyncOf(member, reason);
  }

  /** In the order they were made; each is taken once. */
  taken(): readonly GroupAnswer[] {
    const answers = this.#made;
    this.#made = [];
    return answers;
  }
}
