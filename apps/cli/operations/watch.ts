import { withCommands } from '../http/command-hints.js';
import type { Invocation } from '../command.js';
import { Failure } from '../failure.js';
import type { Client } from '../http/client.js';
import type { Outcome } from '../outcome.js';
import { streamEvents, type StreamEvent } from './event-stream.js';
import { endOf, type Goal, type OperationStatus } from './operation.js';
import type { OperationPlan } from './planned.js';
import { ProgressDisplay } from './progress.js';

/** Pauses before a stream that was cut is opened again. */
const PAUSES_MS = [200, 500, 1_000, 2_000, 5_000];

export interface WatchOptions {
  /** Told of each event, for who prints them. */
  readonly onEvent?: (event: StreamEvent) => Promise<void>;
  /** What is waited for, unless it is that the operation switches or finishes. */
  readonly goal?: Goal | undefined;
  /** As the service has just told it; asked for unless given. */
  readonly status?: OperationStatus;
}

/**
 * Follows an operation until it is over or switched, or where another goal is given until that is reached or out of reach. Ctrl-C detaches: the operation goes on. A service that restarts meanwhile is waited for.
 * @throws Failure when `--timeout` passes.
 */
export async function watchOperation(
  invocation: Invocation,
  client: Client,
  id: string,
  { onEvent, goal, status: known }: WatchOptions = {},
): Promise<Outcome> {
  const { io, flags } = invocation;
  let [status, lastId, failures]: [OperationStatus, string | undefined, number] = [
    known ?? (await client.get<OperationStatus>(path(id))),
    undefined,
    0,
  ];
  const display = new ProgressDisplay(io, flags.quiet, () => performance.now(), await plannedBytes(client, status));
  const signal = detachable(invocation, display, id);
  try {
    while (endOf(status, goal) === undefined) {
      display.show(status);
      try {
        for await (const event of until(signal.ended, streamEvents(client, `${path(id)}/events`, lastId))) {
          failures = 0;
          lastId = event.id ?? lastId;
          await onEvent?.(event);
          if (event.event === 'status') status = event.data as OperationStatus;
          display.show(status);
          if (endOf(status, goal) !== undefined) break;
        }
      } catch (error) {
        if (!(error instanceof Failure) || error.exit !== 'unreachable' || failures >= 60) throw error;
        failures++;
      }
      const why = signal.why();
      if (why !== undefined) return interrupted(status, why);
      if (endOf(status, goal) !== undefined) break;
      await pause(PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)]!, signal.ended);
      const again = signal.why();
      if (again !== undefined) return interrupted(status, again);
      const last = status;
      const asked = client.get<OperationStatus>(path(id)).catch((error: unknown) => {
        // Once nobody waits any more it does not matter why.
        if (signal.why() !== undefined) return last;
        if (error instanceof Failure && error.exit === 'unreachable' && failures++ < 60) return last;
        throw error;
      });
      status = await Promise.race([asked, signal.ended.then(() => last)]);
      const meanwhile = signal.why();
      if (meanwhile !== undefined) return interrupted(status, meanwhile);
    }
    display.show(status);
  } finally {
    display.end();
    signal.stop();
  }
  // A service that has gone meanwhile has said enough.
  return ended(await client.get<OperationStatus>(path(id)).catch(unlessReachable(status)), goal);
}

/** What is known already in place of an answer that did not come. */
function unlessReachable<T>(known: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof Failure && error.exit === 'unreachable') return known;
    throw error;
  };
}

/** An operation that whoever waits has what was asked for, or never will. */
export function ended(status: OperationStatus, goal?: Goal): Outcome {
  const { id, kind, subject, state, rollback, lastError, reason } = status;
  const exit = endOf(status, goal) ?? 'done';
  const why = lastError?.message ?? reason;
  const until = rollback.available
    ? `; the way back is open${rollback.until === null ? '' : ` until ${rollback.until}`}: weir op rollback ${id}`
    : '';
  return {
    kind: 'Operation',
    data: status,
    text: `${kind} of ${subject}: ${state}${until}`,
    names: [id],
    exit,
    ...(exit === 'operation-failed'
      ? {
          error: {
            code: lastError?.code ?? 'operation-failed',
            message: `The operation ${id} is ${state}${why === null ? '' : `: ${why.replace(/\.$/, '')}`}.`,
            hint: lastError?.hint ? withCommands(lastError.hint) : `weir op logs ${id}`,
          },
        }
      : {}),
  };
}

function interrupted(status: OperationStatus, why: 'interrupt' | 'timeout'): Outcome {
  const { id } = status;
  if (why === 'interrupt') return { kind: 'Operation', data: status, text: '', names: [id], exit: 'interrupted' };
  throw new Failure({
    code: 'timeout',
    exit: 'unreachable',
    message: `The operation ${id} is still ${status.state} after the time given by --timeout, and goes on.`,
    hint: `Follow it: weir op watch ${id}`,
  });
}

function detachable(invocation: Invocation, display: ProgressDisplay, id: string) {
  const { io, flags } = invocation;
  let why: 'interrupt' | 'timeout' | undefined;
  let wake = (): void => undefined;
  const ended = new Promise<void>((resolve) => (wake = resolve));
  const release = io.onInterrupt(() => {
    display.end();
    if (why === undefined)
      io.err(
        `Detached; the operation goes on.\n  follow it:  weir op watch ${id}\n  cancel it:  weir op cancel ${id}\n`,
      );
    why = 'interrupt';
    wake();
  });
  const timer = flags.timeoutMs === null ? undefined : setTimeout(() => ((why ??= 'timeout'), wake()), flags.timeoutMs);
  return {
    ended,
    why: () => why,
    stop(): void {
      release();
      clearTimeout(timer);
    },
  };
}

/** The values until a promise is fulfilled. */
async function* until<T>(over: Promise<void>, values: AsyncGenerator<T>): AsyncGenerator<T> {
  const end = over.then(() => undefined);
  try {
    for (;;) {
      const next = await Promise.race([values.next(), end]);
      if (next === undefined || next.done === true) return;
      yield next.value;
    }
  } finally {
    // The stream may never answer: it is left behind, not waited for.
    void values.return(undefined).catch(() => undefined);
  }
}

async function pause(ms: number, ended: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([new Promise<void>((resolve) => (timer = setTimeout(resolve, ms))), ended]);
  clearTimeout(timer);
}

/** The bytes that the plan of an operation reckoned with. */
async function plannedBytes(client: Client, { planHash }: OperationStatus): Promise<number | null> {
  const plan = await client
    .find<OperationPlan>(`/v1/operations/plans/${encodeURIComponent(planHash)}`)
    .catch(unlessReachable(undefined));
  return plan?.estimates?.bytes ?? null;
}

function path(id: string): string {
  return `/v1/operations/${encodeURIComponent(id)}`;
}
