import type { ExitName } from '../exit-codes.js';
import { durationText } from '../settings/durations.js';

/** What is shown of an operation; the service tells more, and `-o json` all of it. */
export interface OperationStatus {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  readonly state: string;
  readonly phase: string;
  readonly reason: string | null;
  readonly nextAction: string | null;
  readonly commands: readonly string[];
  readonly createdBy: string;
  readonly createdAt: string;
  /** Why it was started, as whoever did said; null or absent where nobody did. */
  readonly startReason?: string | null;
  readonly planHash: string;
  readonly endedAt: string | null;
  readonly progress: {
    readonly records: { readonly done: number; readonly total: number | null; readonly totalIsEstimate: boolean };
    readonly bytes: number;
    readonly percent: number | null;
    readonly rate: number | null;
    readonly lag: { readonly records: number; readonly ms: number | null };
    readonly etaSeconds: number | null;
    readonly etaBasis: string;
  } | null;
  readonly throttle: {
    readonly active: boolean;
    readonly reason: string | null;
    readonly since: string | null;
    /** Null: not limited. Absent in what an earlier service says. */
    readonly limits?: {
      readonly bytesPerSecond: number | null;
      readonly recordsPerSecond: number | null;
      readonly maxGroupLagMs: number | null;
      readonly maxProduceMs: number | 'auto' | null;
    };
  };
  /** Null or absent where nothing is verified. */
  readonly verification?: {
    readonly level: string;
    readonly state: string;
    readonly checked?: number;
    readonly total?: number;
    readonly mismatchCount?: number;
  } | null;
  readonly cutover: {
    readonly ready: boolean;
    readonly mode: string;
    readonly blockers: readonly unknown[];
    /** How many automatic ones in a row were undone; absent in what an earlier service says, as are the next two. */
    readonly undone?: number;
    /** When it is tried again by itself; null when it is not. */
    readonly nextAttemptAt?: string | null;
    readonly lastAttempt?: { readonly outcome: string; readonly reason: string | null } | null;
  };
  readonly rollback: { readonly available: boolean; readonly until: string | null };
  readonly lastError: { readonly code: string; readonly message: string; readonly hint: string | null } | null;
}

const FAILED = ['FAILED', 'CANCELLED', 'ROLLED_BACK'];
/** With these, whoever waits has what was asked for: while SWITCHED the way back is open. */
const DONE = ['SWITCHED', 'FINISHED'];

/** States in which nothing runs any more, which the phase has said. */
const OVER = [...FAILED, ...DONE];

/** What somebody waits for who has asked an operation to end in a certain way. */
export type Goal = 'FINISHED' | 'ROLLED_BACK' | 'CANCELLED';

/** How waiting for an operation ends; undefined while it goes on. @param goal unless it is that the operation switches or finishes. */
export function endOf({ state }: OperationStatus, goal?: Goal): ExitName | undefined {
  if (goal === undefined ? DONE.includes(state) : state === goal) return 'done';
  return FAILED.includes(state) || state === 'FINISHED' ? 'operation-failed' : undefined;
}

/** Whether somebody has to do something before it goes on. */
export function waitsForSomebody({ nextAction, state }: OperationStatus): boolean {
  return nextAction !== null && (state === 'READY' || state === 'BLOCKED' || state === 'PLANNED' || state === 'PAUSED');
}

/** The one line of progress (2.6). @param totalBytes what the plan reckoned with, where it is known. */
export function progressLine(status: OperationStatus, totalBytes: number | null = null): string {
  const { id, state, progress, throttle, cutover, nextAction } = status;
  if (cutover.nextAttemptAt && state === 'READY') return `cutover ${againText(status)}`;
  if (cutover.ready && state === 'READY')
    return nextAction === 'cutover'
      ? `cutover ready · waiting for you: weir op cutover ${id}`
      : 'cutover ready · asked for, nobody is waited for';
  const parts: string[] = [];
  if (progress !== null) {
    const { records, bytes, percent, rate, lag } = progress;
    const total = records.total === null ? '' : `/${records.totalIsEstimate ? '~' : ''}${count(records.total)}`;
    parts.push(
      `${percent === null ? '' : `${percent.toFixed(1)}%  `}${count(records.done)}${total} rec  ${sizes(bytes, totalBytes)}`,
    );
    parts.push(`tail ${count(lag.records)} rec${lag.ms === null ? '' : ` ${(lag.ms / 1_000).toFixed(1)}s`}`);
    if (rate !== null) parts.push(`${count(rate)} rec/s`);
  }
  if (!OVER.includes(state))
    parts.push(throttle.active ? `throttled: ${throttle.reason ?? 'limited'}` : stateText(status));
  const eta = etaText(status);
  if (eta !== '') parts.push(`ETA ${eta}`);
  if (nextAction !== null && waitsForSomebody(status)) parts.push(nextAction);
  return `${phaseText(status)} ${parts.join(' · ')}`;
}

/** Everything that is always visible, for whoever looks after a while. */
export function reminder(status: OperationStatus, totalBytes: number | null = null): string {
  const { id, kind, subject, state, createdBy, createdAt, startReason, nextAction, commands, rollback } = status;
  return [
    `${kind} of ${subject} · ${id} · ${state}`,
    `  started by ${createdBy} at ${createdAt}${startReason ? `: ${startReason}` : ''}`,
    `  ${progressLine(status, totalBytes)}`,
    ...(nextAction === null ? [] : [`  next: ${nextAction}`]),
    ...(rollback.available
      ? [`  the way back is open${rollback.until === null ? '' : ` until ${rollback.until}`}: weir op rollback ${id}`]
      : []),
    ...(commands.length === 0 ? [] : [`  possible now: ${commands.join(', ')}`]),
  ].join('\n');
}

/** How a verification stands: `passed (readback), 60 of 60 records`; undefined where nothing is verified. */
export function verificationText({ verification }: OperationStatus): string | undefined {
  if (!verification) return undefined;
  const { state, level, checked, total, mismatchCount = 0 } = verification;
  const records = checked === undefined || total === undefined ? '' : `, ${count(checked)} of ${count(total)} records`;
  return `${state} (${level})${records}${mismatchCount > 0 ? `, ${count(mismatchCount)} mismatches` : ''}`;
}

/** Of an automatic cutover that was undone: how often, why the last time, and when it is tried again; empty for any other. */
export function againText({ cutover: { undone = 0, nextAttemptAt, lastAttempt } }: OperationStatus): string {
  if (!nextAttemptAt) return '';
  const why = lastAttempt?.reason ? `: ${lastAttempt.reason.replace(/\.$/, '')}` : '';
  return `undone ${undone === 1 ? 'once' : `${undone} times`}${why} · tried again at ${nextAttemptAt.slice(11, 19)} UTC`;
}

function etaText({ progress, state, cutover }: OperationStatus): string {
  if (state === 'READY' || cutover.ready) return 'due';
  if (progress === null || progress.etaSeconds === null)
    return progress?.etaBasis.includes('never') === true ? 'never at this rate' : '';
  // Before, it is a guess.
  return (progress.percent ?? 0) < 1 ? '' : durationText(progress.etaSeconds);
}

function phaseText({ phase }: OperationStatus): string {
  return phase === 'COPYING' ? 'copy' : phase === 'CATCHING_UP' ? 'catch up' : phase.toLowerCase().replace(/_/g, ' ');
}

function stateText({ state, phase, reason }: OperationStatus): string {
  const held = state === phase ? 'running' : state.toLowerCase().replace(/_/g, ' ');
  return reason === null ? held : `${held}: ${reason}`;
}

/** `950`, `38k`, `4.6M`. */
export function count(number: number): string {
  const whole = Math.round(number);
  return whole < 10_000
    ? String(whole)
    : whole < 1e6
      ? `${(whole / 1e3).toFixed(0)}k`
      : whole < 1e9
        ? `${(whole / 1e6).toFixed(1)}M`
        : `${(whole / 1e9).toFixed(2)}G`;
}

/** `512 B`, `2.1 GiB`. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** `2.1/3.4 GiB`; writers may have added more than was reckoned with. */
function sizes(done: number, total: number | null): string {
  if (total === null || total < done) return size(done);
  const [value, unit] = size(done).split(' ');
  return size(total).endsWith(` ${unit}`) ? `${value}/${size(total)}` : `${size(done)}/${size(total)}`;
}
