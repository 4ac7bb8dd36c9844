import type { OperationState } from './operation.js';
import type { ProgressSnapshot } from './progress-meter.js';

/** How the remaining time was found, or why it is not known. The texts are shown as they are. */
export type EtaBasis =
  | 'current rate'
  /** Less than 1 % done and less than 30 s measured. */
  | 'measuring'
  | 'never at current rates'
  /** Only the cutover remains. */
  | 'due'
  | 'total unknown'
  | 'not running';

export interface Eta {
  readonly etaSeconds: number | null;
  readonly etaBasis: EtaBasis;
}

const LEAST_PERCENT = 1;
const LEAST_MEASURED_MS = 30_000;

/** Records still to be moved; null when that is not known. */
export function remainingOf(snapshot: ProgressSnapshot): number | null {
  const { partitions, recordsDone, recordsTotal } = snapshot.progress;
  if (partitions.length > 0) return lagOf(snapshot);
  return recordsTotal === null ? null : Math.max(0, recordsTotal - recordsDone);
}

/** Records behind the writers, over all partitions. */
export function lagOf(snapshot: ProgressSnapshot): number {
  return snapshot.progress.partitions.reduce((sum, one) => sum + one.lag, 0);
}

/** Part done in percent, 0 to 100, against the total as it is known now; null when there is no total. */
export function percentOf(snapshot: ProgressSnapshot): number | null {
  const { recordsDone, recordsTotal } = snapshot.progress;
  if (recordsTotal === null) return null;
  // A total found at the start is outgrown while writers go on: what is left always counts.
  const total = Math.max(recordsTotal, recordsDone + (remainingOf(snapshot) ?? 0));
  return total === 0 ? 100 : Math.min(100, (recordsDone / total) * 100);
}

/**
 * When the copy will have caught up: what remains over the rate by which the copy outruns the writers. Null until 1 % is done or 30 s were measured;
 * "never" when the writers are as quick as the copy.
 */
export function etaOf(state: OperationState, snapshot: ProgressSnapshot | null): Eta {
  if (state === 'READY' || state === 'CUTTING_OVER') return { etaSeconds: 0, etaBasis: 'due' };
  if (state !== 'COPYING' && state !== 'CATCHING_UP' && state !== 'PREPARING' && state !== 'VERIFYING') {
    return { etaSeconds: null, etaBasis: 'not running' };
  }
  if (snapshot === null) return { etaSeconds: null, etaBasis: 'measuring' };
  const remaining = remainingOf(snapshot);
  const percent = percentOf(snapshot);
  const measured = snapshot.activeMs >= LEAST_MEASURED_MS || (percent !== null && percent >= LEAST_PERCENT);
  if (!measured || snapshot.rate === null) return { etaSeconds: null, etaBasis: 'measuring' };
  if (remaining === null) return { etaSeconds: null, etaBasis: 'total unknown' };
  if (remaining === 0) return { etaSeconds: 0, etaBasis: 'current rate' };
  const gain = snapshot.rate - (snapshot.writerRate ?? 0);
  if (gain <= 0) return { etaSeconds: null, etaBasis: 'never at current rates' };
  return { etaSeconds: Math.ceil(remaining / gain), etaBasis: 'current rate' };
}
