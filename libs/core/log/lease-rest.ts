import { type Clock, isAppError } from '#libs/core/kernel';
import type { LogEngine, LogWriter } from './engine.js';
import { leaseDigest, leaseWriterId } from './lease-notes.js';

/**
 * What the leases of a group leave alone of a topic that is about to be handed over, on a log that closes no topic to positions itself (`capabilities.handsOver`). `resting`: nothing of it is handed out,
 * what is in hand can be acknowledged. `closed`: nothing of it is stored any more. It is stored by the writer of the leases, whose fence makes it exact: what was committed before is seen by whoever
 * stored it, and nothing is committed afterwards by those who do not know it. It holds while the topic is not ACTIVE, so that a cutover that is undone by anybody needs no other word.
 */
export type LeaseRest = 'resting' | 'closed';

/** Keys of checkpoints that tell of rests. */
const REST = 'rest/';
/**
 * How often a rest is stored anew since leases of the group were at work meanwhile, and what is waited in between, in ms and times the tries. Every second try follows at once: leases that are fenced twice in a
 * row pause, so that somebody else gets to commit.
 */
const MAX_TRIES = 16;
const FENCED_PAUSE_MS = 5;

/** Whether a checkpoint of a lease writer tells of a rest. */
export function isLeaseRest(key: string): boolean {
  return key.startsWith(REST);
}

/** The checkpoint that tells of a topic, by physical name. */
export function leaseRestKey(topic: string): string {
  return REST + leaseDigest(topic);
}

/** The rests among the checkpoints of a lease writer, by physical name. */
export function leaseRestsIn(checkpoints: ReadonlyMap<string, Uint8Array>): Map<string, LeaseRest> {
  const rests = new Map<string, LeaseRest>();
  for (const [key, bytes] of checkpoints) {
    if (!isLeaseRest(key)) continue;
    const { topic, rest } = JSON.parse(Buffer.from(bytes).toString()) as { topic: string; rest: LeaseRest };
    rests.set(topic, rest);
  }
  return rests;
}

/**
 * Tells the leases of a group what to leave alone of a topic, or (with null) that it is theirs again. When it resolves no instance commits anything of them that does not know it. Harmless to repeat.
 * @throws `writer-fenced` when leases of the group came first every time; what the log says.
 */
export async function storeLeaseRest(
  log: LogEngine,
  clock: Clock,
  group: string,
  topic: string,
  rest: LeaseRest | null,
): Promise<void> {
  const value = rest === null ? null : Buffer.from(JSON.stringify({ topic, rest }));
  for (let tries = 1; ; tries++) {
    let writer: LogWriter | undefined;
    try {
      writer = await log.openWriter(leaseWriterId(group));
      if (rest === null && writer.checkpoint(leaseRestKey(topic)) === undefined) return;
      return void (await writer.commit({ checkpoints: [{ key: leaseRestKey(topic), value }] }));
    } catch (error) {
      const passes = isAppError(error, 'writer-fenced') || isAppError(error, 'outcome-unknown');
      if (!passes || tries === MAX_TRIES) throw error;
    } finally {
      await writer?.close();
    }
    if (tries % 2 === 0) await clock.sleep(FENCED_PAUSE_MS * tries);
  }
}
